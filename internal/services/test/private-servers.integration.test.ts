import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { Client } from "pg";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
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

async function session(server: PrivateServer): Promise<Client> {
  const client = new Client(server.url);
  client.on("error", () => {});
  await client.connect();
  return client;
}

describe("a private postgres", () => {
  test.each(["SIGKILL", "SIGQUIT", "SIGINT"] as const)(
    "ends by %s whatever its sessions do, and comes back with what they had committed",
    async (signal) => {
      const server = await privatePostgres("-c", "fsync=on");
      onTestFinished(() => server.stop());
      const [busy, writer, looker] = [await session(server), await session(server), await session(server)];
      await writer.query("CREATE TABLE note (text text); INSERT INTO note VALUES ('kept')");
      await writer.query("BEGIN; INSERT INTO note VALUES ('never committed')");
      // It computes, and so does not look whether its server is alive.
      const cut = busy
        .query("SELECT count(hashtext(n::text)) FROM generate_series(1, 1000000000) AS n")
        .catch((error: unknown) => error);
      const computing =
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%hashtext(n%' AND pid <> pg_backend_pid()";
      while ((await looker.query(computing)).rows.length === 0);

      await server.kill(signal);
      expect(await cut).toBeInstanceOf(Error);
      await server.start();
      const after = await session(server);
      expect((await after.query("SELECT text FROM note")).rows).toEqual([{ text: "kept" }]);
      await after.end();
    },
  );
});

test.each(Object.entries(sharedServers))("the shared %s is reachable", async (_, url) => {
  expect(await reachable(url)).toBe(true);
});
