import { once } from "node:events";
import { connect } from "node:net";
import { redisCommand } from "@lexigram/services";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Stage } from "../src/scenario.ts";
import { redis } from "../src/stores/redis.ts";
import { staged, strikes } from "./staged.ts";

const opened = (name: string): Promise<Stage> => staged(redis, name);

const portOf = ({ queue, observed }: Stage): number =>
  Number(new URL((observed ?? queue).redisUrl ?? "").port);

const extraOf = ({ queue }: Stage): { sentinel: { sentinels: { port: number }[]; name: string } } =>
  queue.extra as never;

describe("a fault of Redis", () => {
  test("restarts a server that keeps what it accepted", async () => {
    const stage = await opened("server-restart");
    await redisCommand(portOf(stage), "SET kept yes");
    await strikes(stage);
    expect(await redisCommand(portOf(stage), "GET kept")).toContain("yes");
  });

  test("restarts a server that forgets, where nothing is kept", async () => {
    const stage = await opened("restart-no-persistence");
    await redisCommand(portOf(stage), "SET kept yes");
    await strikes(stage);
    expect(await redisCommand(portOf(stage), "GET kept")).toBe("$-1\r\n");
  });

  test("takes from a file what was written in its last second", async () => {
    const stage = await opened("power-cut-everysec");
    await redisCommand(portOf(stage), "SET kept yes");
    await strikes(stage);
    expect(await redisCommand(portOf(stage), "GET kept")).toBe("$-1\r\n");
  });

  test("ends every client's connection", async () => {
    const stage = await opened("client-kill");
    const client = connect({ host: "127.0.0.1", port: portOf(stage) });
    await once(client, "connect");
    const ended = once(client, "end");
    client.resume();
    await strikes(stage);
    expect(await ended).toEqual([]);
  });

  test("silences the connections that stand, and lets new ones pass", async () => {
    const stage = await opened("half-open");
    const proxied = Number(new URL(stage.queue.redisUrl ?? "").port);
    const client = connect({ host: "127.0.0.1", port: proxied });
    onTestFinished(() => void client.destroy());
    client.write("PING\r\n");
    await once(client, "data");
    let heard = false;
    client.on("data", () => (heard = true));
    await strikes(stage);
    client.write("PING\r\n");
    expect(await redisCommand(proxied, "PING")).toBe("+PONG\r\n");
    expect(await redisCommand(portOf(stage), "PING")).toBe("+PONG\r\n");
    expect([heard, client.closed]).toEqual([false, false]);
  });

  test("makes a replica the primary", { timeout: 60_000 }, async () => {
    const stage = await opened("failover");
    const { sentinels, name } = extraOf(stage).sentinel;
    const primary = async (): Promise<string> =>
      redisCommand(sentinels[0]?.port ?? 0, `SENTINEL get-master-addr-by-name ${name}`);
    const before = await primary();
    await strikes(stage);
    expect(await primary()).not.toBe(before);
  });
});
