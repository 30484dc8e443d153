import {
  ClosedError,
  type ProgressSnapshot,
  QueueUnavailableError,
  TaskConfigError,
  TaskValidationError,
} from "@lexigram/contracts";
import { beforeEach, describe, expect, test } from "vitest";
import { MemoryStateStore } from "../../src/memory/memory-state-store.ts";
import {
  CacheBackendProgressStore,
  type CacheBackendProgressStoreOptions,
} from "../../src/progress/cache-backend-progress-store.ts";
import {
  InMemoryProgressStore,
  type InMemoryProgressStoreOptions,
} from "../../src/progress/in-memory-progress-store.ts";
import type { ProgressInfo } from "../../src/progress/progress-info.ts";
import type { ProgressStore } from "../../src/progress/progress-store.ts";
import {
  CacheBackendProgressTracker,
  InMemoryProgressTracker,
  SharedProgressTracker,
} from "../../src/progress/shared-progress-tracker.ts";
import { ManualClock, settled } from "../memory-state/manual-clock.ts";

let clock: ManualClock;
let state: MemoryStateStore;

beforeEach(() => {
  clock = new ManualClock();
  state = new MemoryStateStore({ clock });
});

/** Reads a subscription to its end beside the test. */
function collect(items: AsyncIterable<ProgressSnapshot>): {
  readonly got: ProgressSnapshot[];
  ended: Promise<void>;
} {
  const got: ProgressSnapshot[] = [];
  const read = async (): Promise<void> => {
    for await (const item of items) got.push(item);
  };
  return { got, ended: read() };
}

async function activeIds(store: ProgressStore, limit: number): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.listActive({ limit, ...(cursor === undefined ? {} : { cursor }) });
    ids.push(...page.items.map((info) => info.jobId));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return ids.toSorted();
}

const makers: [string, () => ProgressStore, () => SharedProgressTracker][] = [
  ["in memory", () => new InMemoryProgressStore({ clock }), () => new InMemoryProgressTracker({ clock })],
  [
    "in a state store",
    () => new CacheBackendProgressStore(state, { clock }),
    () => new CacheBackendProgressTracker(state, { clock }),
  ],
];

describe.each(makers)("progress %s", (_, makeStore, makeTracker) => {
  let tracker: SharedProgressTracker;
  beforeEach(() => {
    tracker = makeTracker();
  });

  test("is there when update has resolved", async () => {
    await tracker.update("j", 1, 4, "one", { file: "a" });
    expect(await tracker.get("j")).toEqual({
      taskId: "j",
      current: 1,
      total: 4,
      status: "running",
      message: "one",
      error: "",
      percent: 25,
      startedAt: clock.epoch,
      updatedAt: clock.epoch,
      metadata: { file: "a" },
      etaMs: 0,
    });
    expect(await tracker.get("k")).toBeUndefined();
  });

  test("is told to a subscriber from what is known, change by change, to the end", async () => {
    await tracker.update("j", 1, 3);
    const { got, ended } = collect(tracker.subscribe("j"));
    await settled();
    await tracker.update("j", 2, 3);
    await tracker.update("other", 9, 9);
    await settled();
    await tracker.complete("j", "done");
    await ended;
    expect(got.map((item) => [item.current, item.status])).toEqual([
      [1, "running"],
      [2, "running"],
      [3, "complete"],
    ]);
    expect(got.at(-1)?.message).toBe("done");
    expect(clock.timers).toBe(0);
  });

  test("is told once when it changes while a subscription begins", async () => {
    const read = tracker.store.read.bind(tracker.store);
    tracker.store.read = async (jobId) => {
      tracker.store.read = read;
      await tracker.update("j", 1, 2);
      return read(jobId);
    };
    const { got, ended } = collect(tracker.subscribe("j"));
    await settled();
    await tracker.complete("j");
    await ended;
    expect(got.map((item) => item.current)).toEqual([1, 2]);
  });

  test("ends its subscriptions when the job failed", async () => {
    const readers = [collect(tracker.subscribe("j")), collect(tracker.subscribe("j"))];
    await settled();
    await tracker.fail("j", "no disk");
    for (const { got, ended } of readers) {
      await ended;
      expect(got).toMatchObject([{ status: "failed", error: "no disk", message: "FAILED: no disk" }]);
    }
  });

  test("gives who comes after the end the last snapshot, once", async () => {
    await tracker.update("j", 1, 2);
    await tracker.complete("j");
    const { got, ended } = collect(tracker.subscribe("j"));
    await ended;
    expect(got).toMatchObject([{ status: "complete", percent: 100 }]);
  });

  test("leaves nothing behind when a reader leaves early", async () => {
    await tracker.update("j", 1, 2);
    for await (const item of tracker.subscribe("j")) {
      expect(item.current).toBe(1);
      break;
    }
    expect(clock.timers).toBe(0);
    expect(state.data.topics.size).toBe(0);
    if (tracker.store instanceof InMemoryProgressStore) expect(tracker.store.sizes.followed).toBe(0);
  });

  test("ends a subscription with its signal, also before it began", async () => {
    const abort = new AbortController();
    const { got, ended } = collect(tracker.subscribe("j", abort.signal));
    await settled();
    abort.abort();
    await ended;
    await collect(tracker.subscribe("j", abort.signal)).ended;
    expect(got).toEqual([]);
    expect(clock.timers).toBe(0);
    expect(state.data.topics.size).toBe(0);
  });

  test("is final after the end, also for another object over the store", async () => {
    await tracker.update("j", 1, 2);
    await tracker.complete("j");
    await tracker.update("j", 1, 2);
    await tracker.fail("j", "late");
    const other = new SharedProgressTracker(tracker.store, { clock });
    await other.update("j", 0, 2);
    expect(await tracker.get("j")).toMatchObject({ status: "complete", current: 2 });
    expect(tracker.openJobs).toBe(0);
    expect(other.openJobs).toBe(0);
  });

  test("starts anew with a new attempt, and takes nothing more from the old one", async () => {
    const first = tracker.begin("j");
    await first.update(3, 4);
    await tracker.release(first);
    clock.jump(100);
    const second = tracker.begin("j");
    await second.update(1, 4);
    await first.update(4, 4);
    await tracker.release(second);
    expect(await tracker.get("j")).toMatchObject({ current: 1, startedAt: clock.epoch + 100 });
    expect(tracker.openJobs).toBe(0);
  });

  test("is forgotten an hour after the end, and a day after the last report of a job without one", async () => {
    await tracker.update("ended", 1, 2);
    await tracker.complete("ended");
    await tracker.update("silent", 1, 2);
    clock.jump(3_599_999);
    expect(await tracker.get("ended")).toBeDefined();
    clock.jump(1);
    expect(await tracker.get("ended")).toBeUndefined();
    expect(await tracker.get("silent")).toBeDefined();
    clock.jump(23 * 3_600_000);
    expect(await tracker.get("silent")).toBeUndefined();
    expect(await activeIds(tracker.store, 10)).toEqual([]);
  });

  test("of unfinished jobs is listed page by page, and of finished or deleted ones is not", async () => {
    const store = tracker.store;
    for (let i = 0; i < 12; i++) await tracker.update(`j${i}`, 1, 2);
    await tracker.complete("j3");
    await tracker.fail("j4", "no");
    expect(await store.delete("j5")).toBe(true);
    expect(await store.delete("j5")).toBe(false);
    await tracker.update("j0", 2, 2);
    const left = Array.from({ length: 12 }, (__, i) => `j${i}`).filter(
      (id) => !["j3", "j4", "j5"].includes(id),
    );
    expect(await activeIds(store, 4)).toEqual(left.toSorted());
    await expect(store.listActive({ limit: 0 })).rejects.toBeInstanceOf(TaskValidationError);
  });

  test("is merged when many report at once, and the last one counts", async () => {
    await Promise.all(Array.from({ length: 200 }, (__, i) => tracker.update("j", i + 1, 200)));
    expect(await tracker.get("j")).toMatchObject({ current: 200 });
  });

  test("is refused by a closed store, which ends what follows it", async () => {
    const store = makeStore();
    const shared = new SharedProgressTracker(store, { clock });
    const { ended } = collect(shared.subscribe("j"));
    await settled();
    await store.close();
    await store.close();
    await ended;
    for (const call of [store.read("j"), store.get("j"), store.delete("j"), store.listActive()])
      await expect(call).rejects.toBeInstanceOf(ClosedError);
    await expect(shared.update("j", 1, 2)).rejects.toBeInstanceOf(ClosedError);
    expect(clock.timers).toBe(0);
    expect(state.data.topics.size).toBe(0);
  });
});

describe("progress across processes", () => {
  test("reaches subscribers of another process, to the end", async () => {
    const there = new CacheBackendProgressTracker(new MemoryStateStore({ clock, data: state.data }), {
      clock,
    });
    const here = new CacheBackendProgressTracker(state, { clock });
    const { got, ended } = collect(here.subscribe("j"));
    await settled();
    const attempt = there.begin("j");
    await attempt.update(1, 2);
    await settled();
    await attempt.complete();
    await ended;
    expect(got.map((item) => item.current)).toEqual([1, 2]);
  });

  test("that no message announced is found within a second, also past a store that is away for a while", async () => {
    const tracker = new CacheBackendProgressTracker(state, { clock });
    state.publish = () => Promise.resolve();
    const { got, ended } = collect(tracker.subscribe("j"));
    await settled();
    await tracker.update("j", 1, 2);
    await clock.advance(1_000);
    expect(got).toHaveLength(1);
    const read = tracker.store.read.bind(tracker.store);
    tracker.store.read = () =>
      Promise.reject(new QueueUnavailableError({ queue: "state", retryable: true, accepted: "no", ids: [] }));
    await clock.advance(5_000);
    tracker.store.read = read;
    await tracker.complete("j");
    await clock.advance(1_000);
    await ended;
    expect(got).toHaveLength(2);
  });

  test("keeps a job in the list of active ones as long as it reports", async () => {
    const tracker = new CacheBackendProgressTracker(state, { clock, activeTtl: "1h" });
    for (let i = 0; i < 20; i++) {
      await tracker.update("j", i, 100);
      clock.jump(50 * 60_000);
    }
    expect(await activeIds(tracker.store, 10)).toEqual(["j"]);
  });
});

describe("bounds of progress in memory", () => {
  test("hold at most maxSize jobs and forget what has ended", async () => {
    const tracker = new InMemoryProgressTracker({ clock, maxSize: 5 });
    const store = tracker.store as InMemoryProgressStore;
    for (let i = 0; i < 20; i++) await tracker.update(`j${i}`, 1, 2);
    expect(store.sizes.kept).toBe(5);
    expect(await activeIds(store, 10)).toEqual(["j15", "j16", "j17", "j18", "j19"].toSorted());
    clock.jump(86_400_000);
    for (let i = 0; i < 4; i++) await tracker.update("new", i, 9);
    expect(store.sizes.kept).toBe(1);
  });

  test("hold at most 10,000 open trackers", async () => {
    const store = new InMemoryProgressStore({ clock });
    const tracker = new SharedProgressTracker(store, { clock });
    for (let i = 0; i < 10_050; i++) tracker.begin(`j${i}`);
    expect(tracker.openJobs).toBe(10_000);
    await tracker.close();
    expect(tracker.openJobs).toBe(0);
  });

  test.each([{ ttl: 0 }, { activeTtl: "x" }, { maxSize: 0 }, { tll: 1 }])(
    "refuse the options %j",
    (options) => {
      expect(() => new InMemoryProgressStore(options as unknown as InMemoryProgressStoreOptions)).toThrow(
        TaskConfigError,
      );
      const others = options as unknown as CacheBackendProgressStoreOptions;
      expect(() => new CacheBackendProgressStore(state, others)).toThrow(TaskConfigError);
    },
  );
});

describe("a slow reader", () => {
  test("loses the oldest changes beyond 1,000 and learns the end", async () => {
    const store = new InMemoryProgressStore({ clock });
    const tracker = new SharedProgressTracker(store, { clock });
    const abort = new AbortController();
    const feed = (await store.changes("j", abort.signal))[Symbol.asyncIterator]();
    for (let i = 1; i <= 1_500; i++) await tracker.update("j", i, 1_500);
    const first = (await feed.next()).value as { info: ProgressInfo };
    expect(first.info.current).toBe(501);
    abort.abort();
    expect((await feed.next()).done).toBe(true);
  });
});
