import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import {
  privatePostgres,
  privateRabbit,
  privateRedis,
  type PrivateServer,
  sharedServers,
} from "../src/index.ts";

async function reachable(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describe.each([
  ["redis", privateRedis],
  ["postgres", privatePostgres],
  ["rabbitmq", privateRabbit],
] as const)("a private %s", (_, open) => {
  let server: PrivateServer | undefined;
  afterEach(async () => server?.stop());

  test("answers, dies of a kill, answers again on its port and leaves nothing behind", async () => {
    server = await open();
    expect(await reachable(server.url)).toBe(true);

    await server.kill();
    expect(await reachable(server.url)).toBe(false);

    await server.start();
    expect(await reachable(server.url)).toBe(true);

    await server.stop();
    expect(await reachable(server.url)).toBe(false);
    expect(existsSync(server.directory)).toBe(false);
  });
});

test.each(Object.entries(sharedServers))("the shared %s is reachable", async (_, url) => {
  expect(await reachable(url)).toBe(true);
});
