import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { MemoryTaskQueue } from "../../src/memory/memory-task-queue.ts";
import { QueueStore } from "../../src/memory/queue-store.ts";
import { job } from "./jobs.ts";

function opened(): { clock: ManualClock; store: QueueStore; queue: MemoryTaskQueue } {
  const clock = new ManualClock();
  const store = new QueueStore("bounded", clock, () => 0.5);
  const queue = new MemoryTaskQueue({ clock }, { store, onClose: () => {} });
  return { clock, store, queue };
}

const claim = { slots: 500, ahead: 0, leaseMs: 1_000, maxBytes: 1e9 };

describe("the memory of a queue", () => {
  test("returns to its start after many jobs at default settings", async () => {
    const { store, queue, clock } = opened();
    let settle: { receipt: never; kind: "complete" }[] = [];
    for (let seq = 1; seq <= 60; seq++) {
      await queue.enqueueMany(
        Array.from({ length: 500 }, (_, i) =>
          job({ unique: { key: `${seq}-${i}`, until: "settled", onConflict: "reject" } }),
        ),
        { session: "producer", seq },
      );
      const { deliveries } = await queue.exchange({ session: "worker", seq, settle, started: [], claim });
      settle = deliveries.map(({ receipt }) => ({ receipt: receipt as never, kind: "complete" }));
    }
    await queue.exchange({ session: "worker", seq: 61, settle, started: [], claim });
    expect(store.jobs.size).toBe(1_000);
    expect(await queue.count("completed")).toBe(1_000);
    expect(store.unique.size).toBe(0);
    expect(store.leases.firstDeadline).toBe(Number.POSITIVE_INFINITY);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(3_600_000);
    await queue.exchange({ session: "worker", seq: 62, settle: [], started: [], claim });
    await queue.exchange({ session: "worker", seq: 63, settle: [], started: [], claim });
    expect(store.jobs.size).toBe(0);
  });

  test("forgets the sessions of calls in time", async () => {
    const { store, queue, clock } = opened();
    for (let i = 0; i < 100; i++) {
      await queue.enqueueMany([], { session: `p${i}`, seq: 1 });
      await queue.exchange({ session: `w${i}`, seq: 1, settle: [], started: [], claim });
    }
    expect(store.enqueues.size).toBe(100);
    expect((await queue.stats()).workers).toBe(100);
    await clock.advance(20_000);
    expect((await queue.stats()).workers).toBe(0);
    for (let seq = 2; seq < 30; seq++) {
      await queue.enqueueMany([], { session: "p", seq });
      await queue.exchange({ session: "w", seq, settle: [], started: [], claim });
    }
    expect(store.enqueues.size).toBe(1);
    expect(store.exchanges.size).toBe(1);
  });

  test("forgets keys once their jobs are over and their buckets are full", async () => {
    const { store, queue, clock } = opened();
    await queue.setPolicy({ perKey: { rate: { rate: 1, perMs: 100, burst: 1 } } });
    await queue.enqueueMany(
      Array.from({ length: 50 }, (_, i) => job({ key: `k${i}` })),
      { session: "p", seq: 1 },
    );
    expect(store.ready.keyCount).toBe(50);
    const { deliveries } = await queue.exchange({ session: "w", seq: 1, settle: [], started: [], claim });
    await queue.exchange({
      session: "w",
      seq: 2,
      settle: deliveries.map(({ receipt }) => ({ receipt, kind: "complete" })),
      started: [],
      claim,
    });
    expect(store.ready.keyCount).toBe(50);
    await clock.advance(100);
    await queue.count();
    expect(store.ready.keyCount).toBe(0);
  });

  test("forgets unique keys that were held for a time", async () => {
    const { store, queue, clock } = opened();
    await queue.enqueue(job({ unique: { key: "k", until: { ttlMs: 100 }, onConflict: "reject" } }));
    await queue.clear();
    expect(store.unique.size).toBe(1);
    await clock.advance(100);
    await queue.count();
    expect(store.unique.size).toBe(0);
  });

  test("holds no reader of ends once it has stopped", async () => {
    const { store, queue } = opened();
    const stop = new AbortController();
    queue.onSettled(["a", "b"], stop.signal);
    const reader = queue.onSettled(["b", "c"], new AbortController().signal)[Symbol.asyncIterator]();
    expect(store.waiters.size).toBe(3);
    stop.abort();
    expect(store.waiters.size).toBe(2);
    await reader.return?.();
    expect(store.waiters.size).toBe(0);
    queue.onSettled(["d"], new AbortController().signal);
    await queue.close();
    expect(store.waiters.size).toBe(0);
  });

  test("gives a reader who is late each end once", async () => {
    const { queue } = opened();
    const stop = new AbortController();
    const reader = queue.onSettled(["a", "b"], stop.signal)[Symbol.asyncIterator]();
    await queue.enqueueMany([job({ id: "a" }), job({ id: "b" })], { session: "p", seq: 1 });
    await queue.cancel("a");
    await queue.deleteJob("a");
    await queue.deleteJob("b");
    expect((await reader.next()).value).toBe("a");
    expect((await reader.next()).value).toBe("b");
    const next = reader.next();
    stop.abort();
    expect((await next).done).toBe(true);
  });

  test("shares one timer among all who wait, and leaves none behind", async () => {
    const { clock, queue } = opened();
    const stops = [1, 2, 3].map(() => new AbortController());
    const waits = stops.map((stop, i) => queue.waitForWork(1_000 * (i + 1), stop.signal));
    await Promise.resolve();
    expect(clock.pendingTimers).toBe(1);
    stops[0]?.abort();
    await waits[0];
    await queue.enqueue(job());
    await Promise.all(waits);
    expect(clock.pendingTimers).toBe(0);
  });

  test("moves that timer when work comes due earlier, and sets no second one", async () => {
    const { clock, queue } = opened();
    const woken: string[] = [];
    const wait = queue.waitForWork(10_000, new AbortController().signal).then(() => woken.push("woken"));
    await queue.enqueueMany([job({ delayMs: 5_000 })], { session: "p", seq: 1 });
    await queue.enqueueMany([job({ delayMs: 2_000 })], { session: "p", seq: 2 });
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1_999);
    expect(woken).toEqual([]);
    await clock.advance(1);
    expect(woken).toEqual(["woken"]);
    await wait;
    expect(clock.pendingTimers).toBe(0);
  });
});
