import { type StateStoreProtocol, systemClock } from "@lexigram/contracts";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openConnection } from "../../src/connection/open-connection.ts";
import type { SharedRedisConnection } from "../../src/connection/redis-connection.ts";
import { RedisStateStore } from "../../src/state/redis-state-store.ts";
import { StateLayout } from "../../src/state/state-layout.ts";

const SHARDS = 4;
const BRIEF_MS = 0.001;
const LONG_MS = 3_600_000;

let server: PrivateServer;
let connection: SharedRedisConnection;
let client: Redis;
let namespace: string;
let store: StateStoreProtocol;
let layout: StateLayout;
let names = 0;

beforeAll(async () => {
  server = await privateRedis();
  connection = openConnection({ target: { kind: "url", url: server.url } });
  client = new Redis(server.url);
});

beforeEach(() => {
  namespace = `keys-${++names}`;
  store = new RedisStateStore({ connection, namespace, clock: systemClock, shards: SHARDS });
  layout = new StateLayout(namespace, SHARDS);
});

afterAll(async () => {
  await connection.close();
  client.disconnect();
  await server.stop();
});

/** Every call, on its good and its other paths. */
async function useAll(i: number): Promise<void> {
  const key = `k${i}`;
  for (const ttlMs of [LONG_MS, BRIEF_MS]) {
    const bucket = { key, rate: 1, perMs: ttlMs, burst: 3 };
    await store.put(key, i, { ttlMs });
    await store.put(key, i, { ifAbsent: true });
    await store.put(key, i, { ifVersion: 1 });
    await store.get(key);
    await store.increment(key, 1, { ttlMs });
    await store.touch(key, { ttlMs });
    await store.list("k", { limit: 3 });
    await store.acquire(key, { holder: "a", limit: 3, n: 1, ttlMs });
    await store.acquire(key, { holder: "a", limit: 3, n: 2, ttlMs });
    await store.acquire(key, { holder: "b", limit: 3, n: 2, ttlMs });
    await store.release(key, { holder: "a", n: 1 });
    await store.takeTokens([bucket, { ...bucket, key: `${key}'` }], 2);
    await store.publish(key, i);
  }
}

const stored = async (): Promise<string[]> =>
  (await client.keys("*")).filter((key) => key.includes(namespace)).toSorted();

describe("the keys of the state", () => {
  test("are all named to the server before a script touches them", async () => {
    const monitored = client.duplicate();
    const monitor = await monitored.monitor();
    const unnamed: string[][] = [];
    let named: readonly string[] = [];
    let scripts = 0;
    const end = new Promise<void>((resolve) => {
      monitor.on("monitor", (_time: string, [name = "", ...args]: string[], source: string) => {
        const command = name.toLowerCase();
        if (command === "echo") resolve();
        if (command === "evalsha" || command === "eval") {
          named = args.slice(2, 2 + Number(args[1]));
          scripts++;
        } else if (source === "lua" && command !== "time" && command !== "publish")
          if (!named.includes(args[0] ?? "")) unnamed.push([name, ...args]);
      });
    });
    for (let i = 0; i < 8; i++) await useAll(i);
    await client.echo("end");
    await end;
    monitor.disconnect();
    monitored.disconnect();
    expect(scripts).toBeGreaterThan(200);
    expect(unnamed).toEqual([]);
  });

  test("are of a fixed set, and hold next to nothing when all has ended or been deleted", async () => {
    for (let i = 0; i < 200; i++) await useAll(i);
    const allowed = new Set(layout.keys);
    expect((await stored()).filter((key) => !allowed.has(key))).toEqual([]);
    for (let i = 0; i < 200; i++) {
      const key = `k${i}`;
      await store.delete(key);
      await store.release(key, { holder: "a" });
      await store.release(key, { holder: "b" });
    }
    // Buckets that fill within the hour are made to be full now.
    const [, fullAt = ""] = layout.tokens;
    await client.zadd(fullAt, ...(await client.zrange(fullAt, "0", "-1")).flatMap((key) => ["0", key]));
    for (let i = 0; i < 100; i++) await store.takeTokens([], 0);
    expect((await store.list("")).items).toEqual([]);
    expect(await stored()).toEqual(
      [...layout.record, ...layout.shards.map((shard) => shard.entries[3] ?? "")].toSorted(),
    );
  });

  test("lose what has ended a few at a time, by calls about other keys", async () => {
    const held = async (): Promise<number> => {
      const counts = await Promise.all(layout.shards.map((shard) => client.hlen(shard.entries[0] ?? "")));
      return counts.reduce((a, b) => a + b, 0);
    };
    await Promise.all(Array.from({ length: 500 }, (_, i) => store.put(`k${i}`, 1, { ttlMs: LONG_MS })));
    for (const { entries } of layout.shards) {
      const members = await client.zrange(entries[2] ?? "", "0", "-1");
      await client.zadd(entries[2] ?? "", ...members.flatMap((member) => ["1", member]));
    }
    expect(await held()).toBe(500);
    await store.get("k0");
    expect(await held()).toBe(492);
    for (let i = 0; i < 200; i++) await store.get(`other-${i}`);
    expect(await held()).toBe(0);
  });
});

describe("a version", () => {
  const write = async (key: string): Promise<number> => {
    const outcome = await store.put(key, 1);
    return outcome.stored ? outcome.version : 0;
  };

  test("goes on rising when the server has lost everything", async () => {
    const before = await write("k");
    await client.flushall();
    expect(await write("k")).toBeGreaterThan(before);
  });

  test("goes on rising when the server's clock is set back", async () => {
    const before = await write("k");
    const ahead = before + 3_600_000_000;
    for (const { entries } of layout.shards) await client.set(entries[3] ?? "", String(ahead));
    expect(await write("k")).toBe(ahead + 1);
    await store.delete("k");
    expect(await write("k")).toBe(ahead + 2);
  });
});

describe("a bucket", () => {
  const bucket = { key: "b", rate: 1, perMs: LONG_MS, burst: 3 };

  test("gives nothing back for a clock that was set back, and counts from there", async () => {
    expect((await store.takeTokens([bucket], 2)).granted).toBe(2);
    const [buckets = ""] = layout.tokens;
    const [missing, asOf, micros] = ((await client.hget(buckets, "b")) ?? "").split(" ");
    await client.hset(buckets, "b", `${missing} ${Number(asOf) + 10 * LONG_MS * 1_000} ${micros}`);
    expect(await store.takeTokens([bucket], 2)).toMatchObject({ granted: 1 });
    const { granted, retryInMs = 0 } = await store.takeTokens([bucket], 1);
    expect(granted).toBe(0);
    expect(retryInMs).toBeGreaterThan(LONG_MS - 60_000);
    expect(retryInMs).toBeLessThanOrEqual(LONG_MS);
    expect(Number(((await client.hget(buckets, "b")) ?? "").split(" ")[1])).toBeLessThan(
      Number(asOf) + LONG_MS * 1_000,
    );
  });
});

describe("permits", () => {
  test("of very many holders that ended together are all free at once", async () => {
    const ask = { limit: 2_500, n: 1, ttlMs: LONG_MS };
    for (let i = 0; i < 2_500; i += 500)
      await Promise.all(
        Array.from({ length: 500 }, (_, j) => store.acquire("p", { ...ask, holder: `h${i + j}` })),
      );
    expect(await store.acquire("p", { ...ask, holder: "late" })).toBe(0);
    // Their shares are made to end an hour and a little ago.
    const [shares = "", ends = "", times = ""] = layout.shardOf("p").permits;
    for (const line of await client.zrange(ends, "0", "-1")) {
      const [, set = "", deadline = "", holder = ""] = /^(1:p)(\d{16})(.*)$/.exec(line) ?? [];
      const past = (Number(deadline) - 2 * LONG_MS * 1_000).toString();
      await client
        .pipeline()
        .zrem(ends, line)
        .zadd(ends, "0", set + past + holder)
        .zadd(times, past, set + holder)
        .hset(shares, set + holder, `1 ${past}`)
        .exec();
    }
    expect(await store.acquire("p", { ...ask, holder: "late", n: 2_500 })).toBe(2_500);
    expect(await client.zcard(ends)).toBe(1);
    expect(await client.zcard(times)).toBe(1);
    expect(await client.hlen(shares)).toBe(2);
  });
});
