import type { StateStoreProtocol } from "@lexigram/contracts";
import { privatePgBouncer, sharedServers } from "@lexigram/services";
import { beforeEach, describe, expect, test } from "vitest";
import type { SharedDatabase } from "../../src/connection/database.ts";
import { openDatabase } from "../../src/connection/open-database.ts";
import { Statement } from "../../src/connection/statement.ts";
import type { SchemaName } from "../../src/migrations/schema-name.ts";
import { sql } from "../../src/migrations/sql.ts";
import { ending, insisting } from "../connection/opened.ts";
import { type PostgresServer, serverOfTest } from "../postgres-server.ts";
import { ownSchema, storeIn } from "./postgres-state-harness.ts";

const BRIEF_MS = 0.001;
const LONG_MS = 3_600_000;

let server: PostgresServer;
let database: SharedDatabase;
let schema: SchemaName;
let store: StateStoreProtocol;
beforeEach(async () => {
  server = await serverOfTest();
  database = ending(server.connect());
  schema = ownSchema("tables");
  store = storeIn(database, schema);
  await store.get("k");
});

async function held(table: string): Promise<unknown> {
  const [row] = await server.owner(sql`SELECT count(*)::int AS many FROM ${schema}.${table}`);
  return row?.["many"];
}

describe("what has ended", () => {
  test("goes a few at a time, by writes of other keys", async () => {
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
    await Promise.all(keys.map((key) => store.put(key, 1, { ttlMs: LONG_MS })));
    await Promise.all(keys.map((holder) => store.acquire("p", { holder, limit: 100, n: 1, ttlMs: LONG_MS })));
    await server.owner(sql`UPDATE ${schema}.state_entry SET ends = now();
      UPDATE ${schema}.state_permit SET ends = now()`);
    await store.get("other");
    expect(await held("state_entry")).toBe(100);
    await store.put("other", 1);
    expect(await held("state_entry")).toBe(93);
    for (let i = 0; i < 12; i++) await store.touch("other", { ttlMs: LONG_MS });
    expect(await held("state_entry")).toBe(1);
    await store.acquire("q", { holder: "h", limit: 1, n: 1, ttlMs: BRIEF_MS });
    expect(await held("state_permit")).toBe(93);
    for (let i = 0; i < 13; i++) await store.release("q", { holder: "h" });
    expect(await held("state_permit")).toBe(0);
  });

  test("leaves no bucket that is full, no message and no poller behind", async () => {
    await store.takeTokens([{ key: "a", rate: 1, perMs: BRIEF_MS, burst: 3 }], 2);
    await store.takeTokens([], 0);
    expect(await held("state_bucket")).toBe(0);
    await store.publish("t", "x".repeat(9_000));
    await server.owner(sql`UPDATE ${schema}.state_message SET ends = now()`);
    await store.publish("t", "x".repeat(9_000));
    expect(await held("state_message")).toBe(1);
    expect(await held("state_poller")).toBe(0);
  });

  test("does not stand in the way of a page, however much there is of it", async () => {
    await server.owner(sql`INSERT INTO ${schema}.state_entry
      SELECT 'a' || to_char(i, 'FM00000'), '1', i, now() FROM generate_series(1, 2500) AS i`);
    await store.put("b", 1);
    expect(await store.list("", { limit: 2 })).toMatchObject({ items: [{ key: "b", value: 1 }] });
    await store.put("c", 1);
    expect(await store.list("", { limit: 1 })).toMatchObject({ items: [{ key: "b" }], cursor: "b" });
  });

  test("frees at once the permits of very many holders that ended together", async () => {
    await server.owner(sql`INSERT INTO ${schema}.state_permit
      SELECT 'p', 'h' || i, 1, now() + interval '1 hour' FROM generate_series(1, 2500) AS i`);
    const ask = { holder: "late", limit: 2_500, n: 2_500, ttlMs: LONG_MS };
    expect(await store.acquire("p", ask)).toBe(0);
    await server.owner(sql`UPDATE ${schema}.state_permit SET ends = now()`);
    expect(await store.acquire("p", ask)).toBe(2_500);
  });
});

describe("a version", () => {
  const write = async (key: string): Promise<number> => {
    const outcome = await store.put(key, 1);
    return outcome.stored ? outcome.version : 0;
  };
  const setLast = (version: number): Promise<unknown> =>
    server.owner(sql`SELECT setval('${schema}.state_version', ${version})`);

  test("goes on rising when the server has lost the last ones", async () => {
    const before = await write("k");
    await setLast(before - 2_000_000);
    expect(await write("k")).toBeGreaterThan(before);
  });

  test("goes on rising when the server's clock is set back", async () => {
    const ahead = (await write("k")) + 3_600_000_000;
    await setLast(ahead);
    expect(await write("k")).toBe(ahead + 1);
    await store.delete("k");
    expect(await write("k")).toBe(ahead + 2);
  });

  test("rises for one key whatever many processes do at once", async () => {
    const others = await Promise.all(
      Array.from({ length: 3 }, async () => storeIn(ending(server.connect()), schema)),
    );
    await setLast(1);
    let last = 0;
    for (let round = 0; round < 20; round++) {
      const versions = await Promise.all(
        [store, ...others].map(async (of) => {
          const outcome = await of.put("k", round);
          return outcome.stored ? outcome.version : 0;
        }),
      );
      expect(new Set(versions).size).toBe(4);
      expect(Math.min(...versions)).toBeGreaterThan(last);
      last = Math.max(...versions);
      await store.delete("k");
    }
  });
});

describe("a bucket", () => {
  test("gives nothing back for a clock that was set back, and counts from there", async () => {
    const bucket = { key: "b", rate: 1, perMs: LONG_MS, burst: 3 };
    expect((await store.takeTokens([bucket], 2)).granted).toBe(2);
    await server.owner(sql`UPDATE ${schema}.state_bucket SET as_of = as_of + interval '10 hours'`);
    expect(await store.takeTokens([bucket], 2)).toMatchObject({ granted: 1 });
    const { granted, retryInMs = 0 } = await store.takeTokens([bucket], 1);
    expect(granted).toBe(0);
    expect(retryInMs).toBeGreaterThan(LONG_MS - 60_000);
    expect(retryInMs).toBeLessThanOrEqual(LONG_MS);
  });

  test("takes any numbers that a bucket may have", async () => {
    const [least, most] = [Number.MIN_VALUE, Number.MAX_VALUE];
    for (const rate of [least, 1, most])
      for (const perMs of [least, 1, most])
        for (const burst of [1, most]) {
          const bucket = { key: `${rate}/${perMs}/${burst}`, rate, perMs, burst };
          expect(await store.takeTokens([bucket], 1)).toEqual({ granted: 1 });
          const { granted, retryInMs = 1 } = await store.takeTokens([bucket], Number.MAX_SAFE_INTEGER);
          expect(granted).toBeGreaterThanOrEqual(0);
          expect(Number.isFinite(retryInMs)).toBe(true);
        }
  });

  test("of many calls that name the same in other orders locks none forever", async () => {
    const buckets = ["a", "b", "c"].map((key) => ({ key, rate: 1, perMs: LONG_MS, burst: 60 }));
    const takes = Array.from({ length: 60 }, (_, i) =>
      store.takeTokens(i % 2 === 0 ? buckets : buckets.toReversed(), 1),
    );
    const granted = (await Promise.all(takes)).reduce((sum, take) => sum + take.granted, 0);
    expect(granted).toBe(60);
    expect((await store.takeTokens(buckets, 1)).granted).toBe(0);
  });
});

describe("a topic", () => {
  test("hands out long messages and short ones in their order", async () => {
    const controller = new AbortController();
    const messages = await store.subscribe("t", controller.signal);
    const sent = ["short", "x".repeat(9_000), 1, "ü".repeat(4_000), null];
    for (const message of sent) await store.publish("t", message);
    const seen = [];
    for await (const message of messages) {
      seen.push(message);
      if (seen.length === sent.length) controller.abort();
    }
    expect(seen).toEqual(sent);
  });

  test("is heard again when a pooler is found out late", async () => {
    const [role] = await database.run(new Statement("SELECT current_user::text AS name"), [], {
      subject: "test",
    });
    const url = new URL(sharedServers.postgres);
    url.username = String(role?.["name"]);
    const pooler = ending(
      await privatePgBouncer(url.href, { ignore_startup_parameters: "options", default_pool_size: 1 }),
    );
    const behind = ending(
      openDatabase({ target: { kind: "dsn", dsn: pooler.url }, poolSize: 2, pooler: false }),
    );
    const deaf = storeIn(behind, schema);
    const controller = new AbortController();
    const messages = await deaf.subscribe("t", controller.signal);
    await Promise.all(Array.from({ length: 8 }, () => insisting(() => deaf.get("k"))));
    expect(await behind.mode("test")).toBe("pooled");
    const first = messages[Symbol.asyncIterator]().next();
    let heard = false;
    void first.then(() => (heard = true));
    while (!heard) await store.publish("t", "news");
    expect(await first).toEqual({ done: false, value: "news" });
    controller.abort();
  });

  test("is told to those who poll by those who need not", async () => {
    const controller = new AbortController();
    const pollerServer = ending(server.connect({ pooler: true }));
    const polling = storeIn(pollerServer, schema);
    const messages = await polling.subscribe("t", controller.signal);
    for (let i = 0; i < 500; i++) await store.publish("t", i);
    const seen = [];
    for await (const message of messages) {
      seen.push(message);
      if (seen.length === 500) controller.abort();
    }
    expect(seen).toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(await held("state_message")).toBe(500);
  });
});
