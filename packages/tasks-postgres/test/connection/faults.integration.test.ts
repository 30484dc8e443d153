import { uniqueName } from "@lexigram/conformance";
import { privatePostgres, type PrivateServer, sharedServers, TcpProxy } from "@lexigram/services";
import { Client, Pool } from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { SharedDatabase } from "../../src/connection/database.ts";
import { Statement } from "../../src/connection/statement.ts";
import { callersPool, serverOfTest } from "../postgres-server.ts";
import { at, ending, ONE, open, PID, reachable, signal, subject, taking, unavailability } from "./opened.ts";

const ADD = new Statement("INSERT INTO note (text) VALUES ($1)");
const COUNT = new Statement("SELECT count(*)::int AS many FROM note");

async function withNotes(): Promise<PrivateServer> {
  const server = ending(await privatePostgres("-c", "max_connections=12"));
  await owner(server, "CREATE TABLE note (text text)");
  return server;
}

async function owner(server: { readonly url: string }, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client(server.url);
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(text);
  await client.end();
  return rows;
}

/** A server that lives on, for tests that break the way to it. */
let standing: PrivateServer;
beforeAll(async () => {
  standing = await privatePostgres();
});
afterAll(() => standing.stop());

async function proxied(): Promise<{ proxy: TcpProxy; url: string; server: PrivateServer }> {
  await owner(standing, "DROP TABLE IF EXISTS note; CREATE TABLE note (text text)");
  const proxy = ending(await TcpProxy.open(standing.port));
  const url = standing.url.replace(String(standing.port), String(proxy.port));
  return { proxy, server: standing, url };
}

async function count(database: SharedDatabase): Promise<unknown> {
  const [row] = await database.run(COUNT, [], { subject });
  return row?.["many"];
}

describe("a server that is away", () => {
  test("fails calls fast, with nothing accepted, and is found within 5 s of its return", async () => {
    const server = await withNotes();
    const database = open(at(server.url));
    await database.run(ADD, ["x"], { subject });
    await server.kill();
    const spans = [];
    for (let i = 0; i < 8; i++)
      spans.push(
        await taking(async () => {
          const { fields } = await unavailability(database.run(ONE, [], { subject }));
          expect(fields.retryable).toBe(true);
          if (i > 4) expect(fields.accepted).toBe("no");
        }),
      );
    expect(Math.max(...spans)).toBeLessThan(2_000);
    await server.start();
    expect(await taking(() => reachable(database))).toBeLessThan(5_000);
    expect(await count(database)).toBe(1);
  });

  test("and comes back again and again loses nothing that it had answered", async () => {
    const server = await withNotes();
    const database = open(at(server.url));
    let answered = 0;
    let stop = false;
    const writing = Promise.all(
      Array.from({ length: 6 }, async () => {
        while (!stop)
          try {
            await database.run(ADD, ["x"], { subject });
            answered++;
          } catch (error) {
            expect((await unavailability(Promise.reject(error))).fields.retryable).toBe(true);
          }
      }),
    );
    for (let fault = 0; fault < 2; fault++) {
      await reachable(database);
      await server.kill();
      await server.start();
    }
    await reachable(database);
    stop = true;
    await writing;
    expect(answered).toBeGreaterThan(0);
    expect(await count(database)).toBeGreaterThanOrEqual(answered);
  });

  test("has no connection left, and is used again when it has", async () => {
    const server = await withNotes();
    const hogs = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const client = new Client(server.url);
        await client.connect();
        return client;
      }),
    );
    const database = open(at(server.url));
    const { fields, cause } = await unavailability(database.run(ONE, [], { subject }));
    expect(fields).toMatchObject({ accepted: "no", retryable: true });
    expect(cause).toMatchObject({ code: "53300" });
    for (const hog of hogs) await hog.end();
    await reachable(database);
  });

  test("takes no writes any more is left, and found again", async () => {
    const server = await withNotes();
    const database = open(at(server.url));
    await database.run(ADD, ["x"], { subject });
    await owner(server, "ALTER SYSTEM SET default_transaction_read_only = on");
    await owner(server, "SELECT pg_reload_conf()");
    const refusals = [];
    for (let i = 0; i < 3; i++) refusals.push(await unavailability(insist(database)));
    for (const { fields } of refusals) expect(fields).toMatchObject({ accepted: "no", retryable: true });
    const writing = { url: `${server.url}?options=-c%20default_transaction_read_only%3Doff` };
    await owner(writing, "ALTER SYSTEM RESET ALL");
    await owner(writing, "SELECT pg_reload_conf()");
    await reachable(database);
    expect(await count(database)).toBe(1);
  });
});

/** Writes until it is refused: a session hears of a reload at its next statement. */
async function insist(database: SharedDatabase): Promise<never> {
  const never = new Statement("DELETE FROM note WHERE text = 'never'");
  for (;;) await database.run(never, [], { subject });
}

describe("a link that breaks", () => {
  test("leaves a call unknown that was applied, and sends nothing twice by itself", async () => {
    const { proxy, url, server } = await proxied();
    const database = open({ ...at(url), callTimeoutMs: 1_000 });
    await reachable(database);
    proxy.blackhole("replies");
    const applied = unavailability(database.run(ADD, ["x"], { subject }));
    expect((await applied).fields).toMatchObject({ accepted: "unknown", retryable: true });
    expect(await owner(server, "SELECT count(*)::int AS many FROM note")).toEqual([{ many: 1 }]);
    proxy.heal();
    await reachable(database);
    expect(await count(database)).toBe(1);
  });

  test("by an administrator's word ends no process, and is made anew at once", async () => {
    const server = await serverOfTest();
    const database = ending(server.connect());
    const [missed, heard] = [signal(), signal<string>()];
    await database.listen("lexigram_test_cut", { message: heard.hear, missed: missed.hear }, subject);
    const sleep = new Statement("SELECT pg_sleep(60) IS NULL AS never");
    const cut = unavailability(database.run(sleep, [], { subject }));
    while (
      (
        await server.owner(
          "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' AND pid <> pg_backend_pid()",
        )
      ).length === 0
    );
    await server.sever();
    expect((await cut).fields).toMatchObject({ accepted: "unknown", retryable: true });
    expect(await taking(() => reachable(database))).toBeLessThan(2_000);
    await missed.heard;
    database.notify("lexigram_test_cut", "news");
    expect(await heard.heard).toBe("news");
  });

  test("silently is found within 15 s, for calls and for what is heard", async () => {
    const { proxy, url } = await proxied();
    const database = open({ ...at(url), callTimeoutMs: 2_000 });
    const [missed, heard] = [signal(), signal<string>()];
    await database.listen("c", { message: heard.hear, missed: missed.hear }, subject);
    const warm = Array.from({ length: 8 }, () => database.run(PID, [], { subject }));
    await Promise.all(warm);
    proxy.blackhole();
    const dead = proxy.connections;
    expect(dead).toBeGreaterThan(3);
    const found = taking(async () => {
      await Promise.all([reachable(database), missed.heard]);
    });
    const lost = unavailability(database.run(ONE, [], { subject }));
    await lost;
    proxy.heal();
    expect(await found).toBeLessThan(15_000);
    database.notify("c", "news");
    expect(await heard.heard).toBe("news");
  });

  test("silently under a pool of the caller's is found for all of its connections", async () => {
    const { proxy, url } = await proxied();
    const pool = new Pool({ connectionString: url, max: 6 });
    onTestFinished(async () => {
      proxy.cut();
      await pool.end();
    });
    const database = open({ target: { kind: "pool", pool }, callTimeoutMs: 2_000 });
    await Promise.all(Array.from({ length: 12 }, () => database.run(PID, [], { subject })));
    expect(pool.totalCount).toBeGreaterThan(4);
    proxy.blackhole();
    await unavailability(database.run(ONE, [], { subject }));
    proxy.heal();
    const span = await taking(async () => {
      for (let i = 0; i < 6; i++) await reachable(database);
    });
    expect(span).toBeLessThan(8_000);
  });

  test("again and again under a pool of the caller's leaves nothing on it", async () => {
    const server = await serverOfTest(callersPool);
    const database = ending(server.connect());
    for (let i = 0; i < 12; i++) {
      await reachable(database);
      await server.sever();
    }
    await reachable(database);
    await database.close();
    expect(server.pool?.eventNames().toSorted()).toEqual(["error"]);
    expect(server.pool?.listenerCount("error")).toBe(1);
  });

  test("under a pool of the caller's leaves the pool to the caller", async () => {
    const pool = new Pool({ connectionString: sharedServers.postgres, max: 2 });
    onTestFinished(() => pool.end());
    const database = open({ target: { kind: "pool", pool } });
    await database.listen(uniqueName("c"), { message: () => {} }, subject);
    await database.close();
    expect((await pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });
});
