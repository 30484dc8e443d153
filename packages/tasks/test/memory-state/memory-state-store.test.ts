import { ClosedError, type JsonValue, TaskConfigError, TaskValidationError } from "@lexigram/contracts";
import { beforeEach, describe, expect, test } from "vitest";
import { MemoryStateStore, type MemoryStateStoreOptions } from "../../src/memory/memory-state-store.ts";
import { ManualClock, settled } from "./manual-clock.ts";

let clock: ManualClock;
let store: MemoryStateStore;

beforeEach(() => {
  clock = new ManualClock();
  store = new MemoryStateStore({ clock });
});

describe("values", () => {
  test("come back with their version and without an expiry when none was set", async () => {
    await store.put("a", { n: 1 });
    expect(await store.get("a")).toEqual({ key: "a", value: { n: 1 }, version: 1 });
    expect(await store.get("b")).toBeUndefined();
  });

  test("share no object that can change with who put or got them", async () => {
    const mine = { list: [{ n: 1 }] };
    await store.put("a", mine);
    (mine.list[0] as { n: number }).n = 2;
    mine.list.push({ n: 3 });
    const value = (await store.get("a"))?.value as { list: unknown[] };
    expect(value).toEqual({ list: [{ n: 1 }] });
    expect(() => value.list.push(1)).toThrow(TypeError);
  });

  test("keep a member called __proto__ as data", async () => {
    await store.put("a", JSON.parse('{"__proto__":{"evil":true}}') as JsonValue);
    const value = (await store.get("a"))?.value as Record<string, unknown>;
    expect(JSON.stringify(value)).toBe('{"__proto__":{"evil":true}}');
    expect(value["evil"]).toBeUndefined();
  });

  test("leave out undefined members and turn -0 into 0, as JSON does", async () => {
    await store.put("a", { x: undefined, y: -0 } as unknown as JsonValue);
    expect((await store.get("a"))?.value).toStrictEqual({ y: 0 });
  });

  test.each([
    ["a function", () => 1],
    ["undefined", undefined],
    ["not a number", { deep: [Number.NaN] }],
    ["a bigint", 1n],
    ["an instance", { at: new Map() }],
  ])("that JSON cannot hold are refused: %s", async (_, value) => {
    await expect(store.put("a", value as JsonValue)).rejects.toBeInstanceOf(TaskValidationError);
    expect(await store.get("a")).toBeUndefined();
  });

  test("nested without end are refused, not overflowed on", async () => {
    const knot: Record<string, unknown> = {};
    knot["self"] = knot;
    await expect(store.put("a", knot as JsonValue)).rejects.toBeInstanceOf(TaskValidationError);
  });
});

describe("versions", () => {
  test("rise over overwriting, deletion and expiry, and never come again", async () => {
    const seen: number[] = [];
    const write = async (ttlMs?: number) => {
      const outcome = await store.put("a", 1, ttlMs === undefined ? {} : { ttlMs });
      if (outcome.stored) seen.push(outcome.version);
    };
    await write();
    await write();
    await store.delete("a");
    await write(10);
    clock.jump(10);
    expect(await store.get("a")).toBeUndefined();
    await write();
    await store.increment("a", 1);
    seen.push((await store.get("a"))?.version ?? 0);
    expect(seen).toEqual([...new Set(seen)].toSorted((x, y) => x - y));
    expect(seen).toHaveLength(5);
  });

  test("stay when an entry is touched", async () => {
    await store.put("a", 1, { ttlMs: 10 });
    expect(await store.touch("a", { ttlMs: 100 })).toBe(true);
    expect(await store.get("a")).toEqual({ key: "a", value: 1, version: 1, expiresInMs: 100 });
    expect(await store.touch("a", { ttlMs: 5, ifVersion: 2 })).toBe(false);
    expect((await store.get("a"))?.expiresInMs).toBe(100);
    clock.jump(100);
    expect(await store.touch("a", { ttlMs: 5 })).toBe(false);
  });
});

describe("conditional writes", () => {
  test("with ifAbsent store once and answer what is there", async () => {
    expect(await store.put("a", 1, { ifAbsent: true, ttlMs: 10 })).toEqual({ stored: true, version: 1 });
    expect(await store.put("a", 2, { ifAbsent: true })).toEqual({
      stored: false,
      current: { key: "a", value: 1, version: 1, expiresInMs: 10 },
    });
    clock.jump(10);
    expect((await store.put("a", 2, { ifAbsent: true })).stored).toBe(true);
  });

  test("with ifVersion store only over that version", async () => {
    await store.put("a", 1);
    expect((await store.put("a", 2, { ifVersion: 1 })).stored).toBe(true);
    expect(await store.put("a", 3, { ifVersion: 1 })).toMatchObject({ stored: false, current: { value: 2 } });
    expect(await store.put("b", 3, { ifVersion: 1 })).toEqual({ stored: false });
    expect(await store.delete("a", { ifVersion: 1 })).toBe(false);
    expect(await store.delete("a", { ifVersion: 2 })).toBe(true);
    expect(await store.delete("a")).toBe(false);
  });

  test("of many callers at once let exactly one through", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) => store.put("lock", i, { ifAbsent: true })),
    );
    expect(outcomes.filter((outcome) => outcome.stored)).toHaveLength(1);
  });

  test("without a time to live clear an earlier one", async () => {
    await store.put("a", 1, { ttlMs: 10 });
    await store.put("a", 2);
    clock.jump(1_000);
    expect((await store.get("a"))?.value).toBe(2);
  });
});

describe("listing", () => {
  test("goes in the order of the keys, page by page, without what has ended", async () => {
    for (let i = 2_499; i >= 0; i--) await store.put(`k:${String(i).padStart(5, "0")}`, i);
    await store.put("j", 0);
    await store.put("l", 0);
    await store.put("k:00003", 0, { ttlMs: 5 });
    clock.jump(5);
    const keys: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await store.list("k:", { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
      keys.push(...page.items.map((item) => item.key));
      cursor = page.cursor;
      pages++;
    } while (cursor !== undefined);
    expect(pages).toBe(3);
    expect(keys).toHaveLength(2_499);
    expect(keys).toEqual(keys.toSorted());
  });

  test("has no cursor on a last page that is just full", async () => {
    await store.put("a1", 1);
    await store.put("a2", 1);
    expect((await store.list("a", { limit: 2 })).cursor).toBeUndefined();
    expect((await store.list("a", { limit: 1 })).cursor).toBeDefined();
  });

  test("goes on where it was although keys came and went between the pages", async () => {
    for (const key of ["a1", "a2", "a3", "a4"]) await store.put(key, 1);
    const first = await store.list("a", { limit: 2 });
    await store.delete("a2");
    await store.put("a0", 1);
    await store.put("a25", 1);
    const rest = await store.list("a", { cursor: first.cursor as string });
    expect(rest.items.map((item) => item.key)).toEqual(["a25", "a3", "a4"]);
  });

  test("refuses a page size outside 1 to 1,000", async () => {
    for (const limit of [0, 1_001, 1.5]) await expect(store.list("", { limit })).rejects.toThrow(/limit/);
  });
});

describe("increment", () => {
  test("counts from 0 and its time to live counts from the first write", async () => {
    expect(await store.increment("n", 2, { ttlMs: 100 })).toBe(2);
    clock.jump(60);
    expect(await store.increment("n", -1, { ttlMs: 100 })).toBe(1);
    clock.jump(40);
    expect(await store.get("n")).toBeUndefined();
    expect(await store.increment("n", 5)).toBe(5);
  });

  test("loses nothing among concurrent callers", async () => {
    await Promise.all(Array.from({ length: 100 }, () => store.increment("n", 1)));
    expect((await store.get("n"))?.value).toBe(100);
  });

  test("refuses what is not a number", async () => {
    await store.put("n", "1");
    await expect(store.increment("n", 1)).rejects.toBeInstanceOf(TaskValidationError);
    await expect(store.increment("m", Number.NaN)).rejects.toBeInstanceOf(TaskValidationError);
  });
});

describe("token buckets", () => {
  const fast = { key: "fast", rate: 10, perMs: 1_000, burst: 5 };
  const slow = { key: "slow", rate: 1, perMs: 1_000, burst: 2 };

  test("start full and refill at their rate up to their burst", async () => {
    expect(await store.takeTokens([fast], 8)).toEqual({ granted: 5, retryInMs: 100 });
    clock.jump(100);
    expect(await store.takeTokens([fast], 2)).toEqual({ granted: 1, retryInMs: 100 });
    clock.jump(10_000);
    expect((await store.takeTokens([fast], 8)).granted).toBe(5);
  });

  test("are taken from all alike, as many as the poorest has, or from none", async () => {
    expect(await store.takeTokens([fast, slow], 4)).toEqual({ granted: 2, retryInMs: 1_000 });
    expect(await store.takeTokens([fast, slow], 1)).toEqual({ granted: 0, retryInMs: 1_000 });
    expect((await store.takeTokens([fast], 5)).granted).toBe(3);
  });

  test("give at least one more after the wait that they name", async () => {
    const odd = { key: "odd", rate: 3, perMs: 1_000, burst: 1 };
    for (let i = 0; i < 200; i++) {
      const { granted, retryInMs } = await store.takeTokens([odd], 2);
      expect(granted).toBe(1);
      clock.jump(retryInMs as number);
    }
  });

  test("refuse a rate, span or burst that makes no sense, and a bucket named twice", async () => {
    for (const bad of [{ rate: 0 }, { perMs: 0 }, { burst: 0.5 }, { key: "" }])
      await expect(store.takeTokens([{ ...fast, ...bad }], 1)).rejects.toBeInstanceOf(TaskValidationError);
    await expect(store.takeTokens([fast, fast], 1)).rejects.toBeInstanceOf(TaskValidationError);
  });
});

describe("permits", () => {
  const ask = (holder: string, n: number, limit = 3, ttlMs = 100) =>
    store.acquire("p", { holder, n, limit, ttlMs });

  test("are never granted beyond the limit, and what is given back is free", async () => {
    expect(await ask("a", 2)).toBe(2);
    expect(await ask("b", 2)).toBe(1);
    expect(await ask("c", 1)).toBe(0);
    expect(await store.release("p", { holder: "a", n: 1 })).toBe(1);
    expect(await ask("c", 5)).toBe(1);
    expect(await store.release("p", { holder: "a" })).toBe(0);
    expect(await store.release("p", { holder: "a" })).toBe(0);
    expect(await ask("c", 5)).toBe(2);
  });

  test("of a holder that asks again are kept, up to n in total, for a new time", async () => {
    await ask("a", 2);
    clock.jump(60);
    expect(await ask("a", 1)).toBe(2);
    clock.jump(60);
    expect(await ask("b", 3)).toBe(1);
    clock.jump(40);
    expect(await ask("b", 3)).toBe(3);
  });

  test("that ended are not given back twice", async () => {
    await ask("a", 3);
    clock.jump(100);
    expect(await ask("b", 3)).toBe(3);
    expect(await store.release("p", { holder: "a" })).toBe(0);
    expect(await ask("c", 1)).toBe(0);
  });
});

describe("topics", () => {
  test("bring messages from the moment the promise resolves", async () => {
    const abort = new AbortController();
    await store.publish("t", 0);
    const messages = await store.subscribe("t", abort.signal);
    await store.publish("t", 1);
    await store.publish("other", 2);
    await store.publish("t", { n: 3 });
    const got: JsonValue[] = [];
    for await (const message of messages) {
      got.push(message);
      if (got.length === 2) break;
    }
    expect(got).toEqual([1, { n: 3 }]);
    expect(store.data.topics.size).toBe(0);
  });

  test("end for a waiting reader when its signal is aborted, and leave nothing behind", async () => {
    const abort = new AbortController();
    const reader = (await store.subscribe("t", abort.signal))[Symbol.asyncIterator]();
    const next = reader.next();
    abort.abort();
    expect((await next).done).toBe(true);
    expect((await reader.next()).done).toBe(true);
    expect(store.data.topics.size).toBe(0);
  });

  test("end at once for a signal that was aborted before", async () => {
    const reader = (await store.subscribe("t", AbortSignal.abort()))[Symbol.asyncIterator]();
    expect((await reader.next()).done).toBe(true);
    expect(store.data.topics.size).toBe(0);
  });

  test("let a slow reader lose the oldest beyond 1,000", async () => {
    const messages = await store.subscribe("t", new AbortController().signal);
    for (let i = 0; i < 2_500; i++) await store.publish("t", i);
    const reader = messages[Symbol.asyncIterator]();
    expect((await reader.next()).value).toBe(1_500);
    for (let i = 1_501; i < 2_500; i++) expect((await reader.next()).value).toBe(i);
    let more = false;
    void reader.next().then(() => (more = true));
    await settled();
    expect(more).toBe(false);
  });

  test("reach every reader, also those of another store over the same data", async () => {
    const other = new MemoryStateStore({ clock, data: store.data });
    const signal = new AbortController().signal;
    const readers = [await store.subscribe("t", signal), await other.subscribe("t", signal)];
    await store.publish("t", "hi");
    for (const messages of readers) expect((await messages[Symbol.asyncIterator]().next()).value).toBe("hi");
  });
});

describe("a closed store", () => {
  test("refuses every call and ends its subscriptions, but not those of others over the same data", async () => {
    const other = new MemoryStateStore({ clock, data: store.data });
    const signal = new AbortController().signal;
    const mine = (await store.subscribe("t", signal))[Symbol.asyncIterator]();
    const theirs = (await other.subscribe("t", signal))[Symbol.asyncIterator]();
    await store.put("a", 1);
    const waiting = mine.next();
    await store.close();
    await store.close();
    expect((await waiting).done).toBe(true);
    const calls = [
      store.get("a"),
      store.put("a", 1),
      store.touch("a", { ttlMs: 1 }),
      store.delete("a"),
      store.list(""),
      store.increment("a", 1),
      store.takeTokens([], 1),
      store.acquire("a", { holder: "h", limit: 1, n: 1, ttlMs: 1 }),
      store.release("a", { holder: "h" }),
      store.publish("t", 1),
      store.subscribe("t", signal),
    ];
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(ClosedError);
    await other.publish("t", 2);
    expect((await theirs.next()).value).toBe(2);
    expect((await other.get("a"))?.value).toBe(1);
  });
});

describe("bounds", () => {
  test("keys are texts of 1 to 512 characters", async () => {
    await store.put("k".repeat(512), 1);
    for (const key of ["", "k".repeat(513), 7 as unknown as string]) {
      await expect(store.get(key)).rejects.toBeInstanceOf(TaskValidationError);
      await expect(store.put(key, 1)).rejects.toBeInstanceOf(TaskValidationError);
      await expect(store.increment(key, 1)).rejects.toBeInstanceOf(TaskValidationError);
      await expect(store.publish(key, 1)).rejects.toBeInstanceOf(TaskValidationError);
    }
    for (const ttlMs of [0, -1, Number.NaN, Infinity])
      await expect(store.put("a", 1, { ttlMs })).rejects.toBeInstanceOf(TaskValidationError);
  });

  test("what has ended is forgotten without a timer, while the store is used for anything at all", async () => {
    for (let i = 0; i < 1_000; i++) {
      await store.put(`e${i}`, i, { ttlMs: 10 });
      await store.acquire(`p${i}`, { holder: "h", limit: 1, n: 1, ttlMs: 10 });
      await store.takeTokens([{ key: `b${i}`, rate: 1, perMs: 10, burst: 1 }], 1);
    }
    expect(clock.timers).toBe(0);
    clock.jump(10);
    for (let i = 0; i < 200; i++) await store.get("nothing");
    expect(store.data.entries.size).toBe(0);
    expect(store.data.permits.size).toBe(0);
    expect(store.data.buckets.size).toBe(0);
  });

  test("a key that is put, touched and deleted for ever leaves nothing behind", async () => {
    for (let i = 0; i < 1_000; i++) {
      await store.put("lock", i, { ttlMs: 1_000_000 });
      await store.touch("lock", { ttlMs: 2_000_000 });
      await store.delete("lock");
    }
    expect(store.data.entries.size).toBe(0);
  });

  test("an unknown option is refused with the nearest name", () => {
    const options = { clock, dat: 1 } as MemoryStateStoreOptions;
    expect(() => new MemoryStateStore(options)).toThrow(TaskConfigError);
    expect(() => new MemoryStateStore(options)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('"data"') }),
    );
  });
});
