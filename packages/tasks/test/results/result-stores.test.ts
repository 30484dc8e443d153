import { ClosedError, type JobId, TaskConfigError, TaskValidationError } from "@lexigram/contracts";
import { beforeEach, describe, expect, test } from "vitest";
import { MemoryStateStore } from "../../src/memory/memory-state-store.ts";
import {
  CacheBackendResultStore,
  type CacheBackendResultStoreOptions,
} from "../../src/results/cache-backend-result-store.ts";
import {
  InMemoryResultStore,
  type InMemoryResultStoreOptions,
} from "../../src/results/in-memory-result-store.ts";
import type { ResultStatus, ResultStore, StoredResult } from "../../src/results/result-store.ts";
import { ManualClock, settled } from "../memory-state/manual-clock.ts";

let clock: ManualClock;
let state: MemoryStateStore;

beforeEach(() => {
  clock = new ManualClock();
  state = new MemoryStateStore({ clock });
});

const makers: [string, () => ResultStore][] = [
  ["InMemoryResultStore", () => new InMemoryResultStore({ clock })],
  ["CacheBackendResultStore", () => new CacheBackendResultStore(state, { clock })],
];

async function allOf(store: ResultStore, status: ResultStatus, limit: number): Promise<JobId[]> {
  const ids: JobId[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list(status, { limit, ...(cursor === undefined ? {} : { cursor }) });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    ids.push(...page.items.map((item) => item.jobId));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return ids;
}

describe.each(makers)("%s", (_, make) => {
  let store: ResultStore;
  beforeEach(() => {
    store = make();
  });

  test("keeps a result with all that is known of it", async () => {
    const result: StoredResult = { status: "ok", value: { n: [1] }, task: "t", attempt: 2, durationMs: 7 };
    expect(await store.store("j", result)).toBe(true);
    expect(await store.get("j")).toEqual({ jobId: "j", storedAt: clock.now(), ...result });
    expect(await store.get("k")).toBeUndefined();
  });

  test.each([[0], [false], [""], [null], [undefined]])(
    "counts a falsy value as a result: %j",
    async (value) => {
      const waiting = store.wait("j");
      await settled();
      await store.store("j", { status: "ok", value });
      const expected = {
        jobId: "j",
        status: "ok",
        storedAt: clock.now(),
        ...(value === undefined ? {} : { value }),
      };
      expect(await waiting).toEqual(expected);
      expect(await store.get("j")).toEqual(expected);
    },
  );

  test.each(["failed", "cancelled", "expired"] as const)(
    "keeps and lists a job that is %s",
    async (status) => {
      await store.store("j", { status, error: { name: "Error", message: "no" } });
      expect(await store.get("j")).toMatchObject({ status, error: { message: "no" } });
      expect(await allOf(store, status, 10)).toEqual(["j"]);
      expect(await allOf(store, "ok", 10)).toEqual([]);
    },
  );

  test("forgets a result when its time is up, and one with ttl null never", async () => {
    await store.store("hour", { status: "ok" });
    await store.store("short", { status: "ok" }, { ttl: "10s" });
    await store.store("ever", { status: "ok" }, { ttl: null });
    clock.jump(10_000);
    expect(await store.get("short")).toBeUndefined();
    expect(await store.get("hour")).toBeDefined();
    clock.jump(3_590_000);
    expect(await store.get("hour")).toBeUndefined();
    clock.jump(100 * 365 * 86_400_000);
    expect(await store.get("ever")).toBeDefined();
    expect(await allOf(store, "ok", 10)).toEqual(["ever"]);
  });

  test("shares no object with who stored or got it", async () => {
    const value = { list: [1] };
    await store.store("j", { status: "ok", value });
    value.list.push(2);
    expect((await store.get("j"))?.value).toEqual({ list: [1] });
  });

  test("replaces a result, unless asked not to, and lists it once", async () => {
    await store.store("j", { status: "failed" });
    clock.jump(5);
    expect(await store.store("j", { status: "ok", value: 1 }, { ifAbsent: true })).toBe(false);
    expect((await store.get("j"))?.status).toBe("failed");
    expect(await store.store("j", { status: "ok", value: 1 })).toBe(true);
    expect(await allOf(store, "failed", 10)).toEqual([]);
    expect(await allOf(store, "ok", 10)).toEqual(["j"]);
  });

  test("deletes a result from everywhere", async () => {
    await store.store("j", { status: "ok" });
    expect(await store.delete("j")).toBe(true);
    expect(await store.delete("j")).toBe(false);
    expect(await store.get("j")).toBeUndefined();
    expect(await allOf(store, "ok", 10)).toEqual([]);
  });

  test("lists newest first, page by page", async () => {
    for (let i = 0; i < 25; i++) {
      await store.store(`ok${i}`, { status: "ok" });
      await store.store(`failed${i}`, { status: "failed" });
      clock.jump(1);
    }
    const expected = Array.from({ length: 25 }, (__, i) => 24 - i);
    expect(await allOf(store, "ok", 7)).toEqual(expected.map((i) => `ok${i}`));
    expect((await store.listCompleted({ limit: 2 })).items.map((item) => item.jobId)).toEqual([
      "ok24",
      "ok23",
    ]);
    expect((await store.listFailed({ limit: 1 })).items.map((item) => item.jobId)).toEqual(["failed24"]);
    await expect(store.list("ok", { limit: 0 })).rejects.toBeInstanceOf(TaskValidationError);
  });

  test("wakes every waiter with the store, without time passing", async () => {
    const waits = [store.wait("j"), store.wait("j", { timeout: null }), store.wait("j", { timeout: "1h" })];
    await settled();
    expect((await store.getStats()).pendingWaiters).toBe(3);
    await store.store("j", { status: "ok", value: 1 });
    for (const found of await Promise.all(waits)) expect(found?.value).toBe(1);
    expect(await store.getStats()).toMatchObject({ pendingWaiters: 0, totalStored: 1, ttlMs: 3_600_000 });
    expect(clock.timers).toBe(0);
  });

  test("answers a wait for what is there already", async () => {
    await store.store("j", { status: "cancelled" });
    expect((await store.wait("j"))?.status).toBe("cancelled");
  });

  test("lets a wait run out after 30 seconds or its own time, and no other with it", async () => {
    const usual = store.wait("j");
    const short = store.wait("j", { timeout: "1s" });
    const endless = store.wait("j", { timeout: null });
    await clock.advance(1_000);
    expect(await short).toBeUndefined();
    await clock.advance(29_000);
    expect(await usual).toBeUndefined();
    await store.store("j", { status: "ok", value: 1 });
    expect((await endless)?.value).toBe(1);
  });

  test("ends a wait with the reason of its signal", async () => {
    const abort = new AbortController();
    const waiting = store.wait("j", { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  test("refuses what has no form in JSON and an unknown status", async () => {
    const knot: Record<string, unknown> = {};
    knot["self"] = knot;
    for (const value of [1n, knot])
      await expect(store.store("j", { status: "ok", value })).rejects.toBeInstanceOf(TaskValidationError);
    const wrong = { status: "done" } as unknown as StoredResult;
    await expect(store.store("j", wrong)).rejects.toBeInstanceOf(TaskValidationError);
  });

  test("refuses unknown options and spans that are none", async () => {
    const result: StoredResult = { status: "ok" };
    await expect(store.store("j", result, { tll: 1 } as object)).rejects.toMatchObject({
      code: "LEX_ERR_TASK_CONFIG",
      hint: expect.stringContaining('"ttl"'),
    });
    await expect(store.store("j", result, { ttl: 0 })).rejects.toBeInstanceOf(TaskConfigError);
    await expect(store.wait("j", { timeOut: 1 } as object)).rejects.toBeInstanceOf(TaskConfigError);
  });

  test("refuses calls and ends waits when it is closed", async () => {
    const waiting = store.wait("j");
    await settled();
    await Promise.all([expect(waiting).rejects.toBeInstanceOf(ClosedError), store.close(), store.close()]);
    const calls = [
      store.store("j", { status: "ok" }),
      store.get("j"),
      store.delete("j"),
      store.wait("j"),
      store.cleanupExpired(),
      store.list("ok"),
      store.getStats(),
    ];
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(ClosedError);
    expect(clock.timers).toBe(0);
  });
});

describe("InMemoryResultStore", () => {
  test("holds at most maxSize results, the oldest go first, and those for ever stay", async () => {
    const store = new InMemoryResultStore({ clock, maxSize: 3 });
    await store.store("ever", { status: "ok" }, { ttl: null });
    for (let i = 0; i < 5; i++) await store.store(`j${i}`, { status: "ok" });
    expect(await allOf(store, "ok", 10)).toEqual(["j4", "j3", "j2", "ever"]);
    expect(await store.getStats()).toMatchObject({ stored: 4, maxSize: 3, totalStored: 6 });
  });

  test("sweeps what has ended when asked, and a little with each store", async () => {
    const store = new InMemoryResultStore({ clock, ttl: "1s" });
    for (let i = 0; i < 10; i++) await store.store(`j${i}`, { status: "ok" });
    clock.jump(1_000);
    await store.store("new", { status: "ok" });
    const left = (await store.getStats()).stored as number;
    expect(left).toBeLessThan(10);
    expect(await store.cleanupExpired()).toBe(left - 1);
    expect((await store.getStats()).stored).toBe(1);
  });

  test.each([
    [{ ttl: "soon" }, "ttl"],
    [{ maxSize: 0 }, "maxSize"],
    [{ maxsize: 1 }, "maxsize"],
  ])("refuses the options %j", (options, path) => {
    const make = () => new InMemoryResultStore(options as InMemoryResultStoreOptions);
    expect(make).toThrow(TaskConfigError);
    expect(make).toThrow(expect.objectContaining({ fields: { path } }));
  });
});

describe("CacheBackendResultStore", () => {
  test("wakes waiters of another process", async () => {
    const there = new CacheBackendResultStore(new MemoryStateStore({ clock, data: state.data }), { clock });
    const here = new CacheBackendResultStore(state, { clock });
    const waiting = here.wait("j");
    await settled();
    await there.store("j", { status: "ok", value: 1 });
    expect((await waiting)?.value).toBe(1);
    expect(state.data.topics.size).toBe(0);
  });

  test("finds by its poll what no message announced", async () => {
    const silent = new MemoryStateStore({ clock, data: state.data });
    silent.publish = () => Promise.resolve();
    const store = new CacheBackendResultStore(silent, { clock, pollInterval: "200ms" });
    const waiting = store.wait("j");
    await settled();
    await store.store("j", { status: "ok", value: 1 });
    await clock.advance(200);
    expect((await waiting)?.value).toBe(1);
  });

  test("shows no entry of the index that points nowhere", async () => {
    const store = new CacheBackendResultStore(state, { clock });
    await store.store("a", { status: "ok" });
    await store.store("b", { status: "ok" });
    await state.delete("result:a");
    expect(await allOf(store, "ok", 1)).toEqual(["b"]);
  });

  test("shows no entry of the index that a later result of its job outdated", async () => {
    const store = new CacheBackendResultStore(state, { clock });
    await store.store("a", { status: "failed" });
    state.delete = () => Promise.resolve(false);
    clock.jump(1);
    await store.store("a", { status: "ok" });
    expect(await allOf(store, "failed", 10)).toEqual([]);
    expect(await allOf(store, "ok", 10)).toEqual(["a"]);
  });

  test("leaves no outdated entry in the index", async () => {
    const store = new CacheBackendResultStore(state, { clock });
    await store.store("a", { status: "failed" }, { ttl: null });
    await store.store("a", { status: "ok" }, { ttl: null });
    expect((await state.list("result-index:failed:")).items).toEqual([]);
  });

  test.each([{ pollInterval: "2s" }, { pollInterval: 0 }, { poll: 1 }])(
    "refuses the options %j",
    (options) => {
      const make = () => new CacheBackendResultStore(state, options as CacheBackendResultStoreOptions);
      expect(make).toThrow(TaskConfigError);
    },
  );
});
