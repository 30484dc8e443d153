import { uniqueName } from "@lexigram/conformance";
import {
  ClosedError,
  silentLogger,
  type StateStoreProtocol,
  systemClock,
  systemRandom,
  TaskConfigError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { freePort, privateRedis, sharedServers } from "@lexigram/services";
import { describe, expect, test } from "vitest";
import type { RedisConnection } from "../src/connection/redis-connection.ts";
import { assembleRedisBackend, redisBackendOf, type RedisBackendParts } from "../src/redis-backend.ts";
import { ending, ping } from "./connection/opened.ts";

/** Parts that show what they are given, and in which order they are closed. */
function showing() {
  const closed: string[] = [];
  const connections: RedisConnection[] = [];
  const given: unknown[] = [];
  const parts: RedisBackendParts = {
    queue(name, options, opened) {
      given.push([name, options, opened.namespace]);
      connections.push(opened.connection);
      const queue = {
        name,
        close() {
          closed.push(name);
          opened.onClose(queue);
          return Promise.resolve();
        },
      } as TaskQueueProtocol;
      return queue;
    },
    state(opened) {
      connections.push(opened.connection);
      return {
        close() {
          closed.push("state");
          return Promise.resolve();
        },
      } as StateStoreProtocol;
    },
  };
  return { parts, closed, connections, given };
}

const url = sharedServers.redis;
const services = { clock: systemClock, logger: silentLogger, random: systemRandom };

describe("the redis backend", () => {
  test("opens queues over one connection, and closes them, its state and the connection in this order", async () => {
    const { parts, closed, connections, given } = showing();
    const backend = assembleRedisBackend(parts, { url, namespace: "shop" });
    expect([backend.type, backend.state]).toEqual(["redis", expect.anything()]);
    const first = backend.queue("emails", { enqueueTimeoutMs: 5 });
    backend.queue("reports");
    expect(given).toEqual([
      ["emails", { enqueueTimeoutMs: 5 }, "shop"],
      ["reports", {}, "shop"],
    ]);
    expect(new Set(connections).size).toBe(1);
    await first.close();
    await Promise.all([backend.close(), backend.close()]);
    expect(closed).toEqual(["emails", "reports", "state"]);
    expect(() => backend.queue("emails")).toThrow(ClosedError);
    await expect(connections[0]?.run(ping, [], [], { subject: "emails" })).rejects.toThrow(ClosedError);
    expect((await backend.health()).status).toBe("unhealthy");
  });

  test("refuses names and options by their field", async () => {
    const backend = assembleRedisBackend(showing().parts, { url });
    expect(() => backend.queue("a b")).toThrow(TaskConfigError);
    expect(() => backend.queue("a{b}")).toThrow(TaskConfigError);
    expect(() => backend.queue("a", { enqueueTimeout: 5 } as object)).toThrow(/no option "enqueueTimeout"/);
    expect(() => assembleRedisBackend(showing().parts, { url, namespace: "{}" })).toThrow(TaskConfigError);
    expect(() => assembleRedisBackend(showing().parts, { url, name: "x" } as object)).toThrow(/"name"/);
    await backend.close();
  });

  test("tells server, durability, latency and links in its health, and no secret", async () => {
    const server = ending(await privateRedis("--requirepass", "hunter2", "--appendfsync", "always"));
    const backend = assembleRedisBackend(showing().parts, { url: server.url.replace("//", "//:hunter2@") });
    const health = await backend.health();
    expect(health).toMatchObject({
      component: "redis",
      status: "healthy",
      durationMs: expect.any(Number),
      details: {
        namespace: "lexigram",
        queues: 0,
        links: { commands: "ready" },
        latencyMs: expect.any(Number),
        servers: [
          {
            address: `127.0.0.1:${server.port}`,
            server: expect.stringMatching(/^(Redis|Valkey) \d/),
            durability: "always",
            risks: [],
          },
        ],
      },
    });
    expect(JSON.stringify(health)).not.toContain("hunter2");
    await server.kill();
    expect(await backend.health()).toMatchObject({ status: "unhealthy", message: expect.any(String) });
    await backend.close();
  });

  test("is made of an entry of configuration", async () => {
    const { parts, given } = showing();
    const namespace = uniqueName("n");
    const backend = redisBackendOf(parts, { redisUrl: url, namespace, callTimeoutMs: 2_000 }, services);
    backend.queue("emails");
    expect(given).toEqual([["emails", {}, namespace]]);
    expect((await backend.health()).status).toBe("healthy");
    await backend.close();
  });

  test("names what is wrong with an entry as the entry calls it", () => {
    const { parts } = showing();
    expect(() => redisBackendOf(parts, { redisUrl: 5 }, services)).toThrow(
      expect.objectContaining({ fields: { path: "redisUrl" } }),
    );
    expect(() => redisBackendOf(parts, { redisUri: url }, services)).toThrow(
      expect.objectContaining({ hint: 'did you mean "redisUrl"?' }),
    );
    expect(() => redisBackendOf(parts, {}, services)).toThrow(
      expect.objectContaining({ fields: { path: "redisUrl" } }),
    );
  });

  test("is unhealthy, and does not throw, while the server is away", async () => {
    const backend = assembleRedisBackend(showing().parts, { url: `redis://127.0.0.1:${await freePort()}` });
    expect(await backend.health()).toMatchObject({
      status: "unhealthy",
      message: expect.stringMatching(/ECONNREFUSED/),
    });
    await backend.close();
  });
});
