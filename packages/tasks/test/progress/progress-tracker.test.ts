import { type Logger, silentLogger, TaskConfigError, TaskValidationError } from "@lexigram/contracts";
import { beforeEach, describe, expect, test } from "vitest";
import { InMemoryProgressStore } from "../../src/progress/in-memory-progress-store.ts";
import { ProgressInfo } from "../../src/progress/progress-info.ts";
import { ProgressTracker, type ProgressTrackerOptions } from "../../src/progress/progress-tracker.ts";
import { ManualClock, settled } from "../memory-state/manual-clock.ts";

/** A store whose writes end when the test says so. */
class SlowStore extends InMemoryProgressStore {
  readonly writes: ProgressInfo[] = [];
  readonly #waiting: ((error?: Error) => void)[] = [];

  override async save(info: ProgressInfo): Promise<void> {
    this.writes.push(info);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push((error) => (error === undefined ? resolve() : reject(error)));
    });
    await super.save(info);
  }

  get inFlight(): number {
    return this.#waiting.length;
  }

  async finishWrite(error?: Error): Promise<void> {
    this.#waiting.shift()?.(error);
    await settled();
  }
}

let clock: ManualClock;
let store: SlowStore;
let tracker: ProgressTracker;

beforeEach(() => {
  clock = new ManualClock();
  store = new SlowStore({ clock });
  tracker = new ProgressTracker("j", store, { clock });
});

describe("a tracker in a tight loop", () => {
  test("has one write in flight, merges what comes meanwhile, and writes the last", async () => {
    for (let i = 1; i <= 10_000; i++) await tracker.update(i, 10_000);
    expect(store.writes.map((info) => info.current)).toEqual([1]);
    expect(store.inFlight).toBe(1);
    await store.finishWrite();
    expect(store.writes.map((info) => info.current)).toEqual([1, 10_000]);
    expect(store.inFlight).toBe(1);
    await store.finishWrite();
    await tracker.flush();
    expect(store.writes).toHaveLength(2);
    expect(clock.timers).toBe(0);
  });
});

describe("the end", () => {
  test("waits until it is written, after whatever was in flight", async () => {
    await tracker.update(1, 4);
    let done = false;
    const completing = tracker.complete().then(() => (done = true));
    await store.finishWrite();
    expect(done).toBe(false);
    await store.finishWrite();
    await completing;
    expect(await store.get("j")).toMatchObject({
      status: "complete",
      current: 4,
      total: 4,
      message: "Complete",
    });
  });

  test("is final: later reports change nothing", async () => {
    const failing = tracker.fail("disk full");
    await store.finishWrite();
    await failing;
    await tracker.update(9, 9);
    await tracker.complete();
    expect(store.writes).toHaveLength(1);
    expect(tracker.info).toMatchObject({
      status: "failed",
      error: "disk full",
      message: "FAILED: disk full",
    });
  });

  test("of an attempt lets nothing through afterwards", async () => {
    await tracker.update(1, 4);
    const closing = tracker.close();
    await tracker.update(2, 4);
    const completing = tracker.complete();
    await store.finishWrite();
    await Promise.all([closing, completing]);
    expect(store.writes.map((info) => info.current)).toEqual([1]);
    expect(tracker.info.status).toBe("running");
  });
});

describe("a write that fails", () => {
  test("is logged, harms no report, and is repeated by flush", async () => {
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
    tracker = new ProgressTracker("j", store, { clock, logger });
    await tracker.update(1, 2);
    await store.finishWrite(new Error("down"));
    expect(warnings).toHaveLength(1);
    const flushing = tracker.flush();
    await Promise.all([
      expect(flushing).rejects.toThrow("down again"),
      store.finishWrite(new Error("down again")),
    ]);
    const flushed = tracker.flush();
    await store.finishWrite();
    await flushed;
    expect((await store.get("j"))?.current).toBe(1);
  });
});

describe("a report", () => {
  test("keeps the total when it gives none", async () => {
    await tracker.update(1, 8, "first", { file: "a" });
    await tracker.update(2);
    expect(tracker.info).toMatchObject({ current: 2, total: 8, message: "", metadata: {} });
  });

  test("copies its metadata", async () => {
    const metadata = { files: ["a"], at: undefined };
    await tracker.update(1, 8, "", metadata);
    metadata.files.push("b");
    expect(tracker.info.metadata).toEqual({ files: ["a"] });
  });

  test("of what is no amount, or of metadata that is no data or too much, is refused", async () => {
    for (const [current, total] of [
      [-1, 2],
      [Number.NaN, 2],
      [1, Infinity],
    ] as const)
      await expect(tracker.update(current, total)).rejects.toBeInstanceOf(TaskValidationError);
    for (const metadata of [{ n: 1n }, { text: "x".repeat(20_000) }])
      await expect(tracker.update(1, 2, "", metadata)).rejects.toBeInstanceOf(TaskValidationError);
    expect(store.writes).toHaveLength(0);
  });

  test("is bounded in its texts", async () => {
    await tracker.update(1, 2, "x".repeat(100_000));
    expect(tracker.info.message).toHaveLength(4_096);
  });
});

describe("what a tracker knows", () => {
  test("measures spans on the monotonic clock and shows instants of the wall clock", async () => {
    clock.jump(1_000);
    await tracker.update(1, 4);
    expect(tracker.info).toMatchObject({
      startedAt: clock.epoch,
      updatedAt: clock.epoch + 1_000,
      elapsedMs: 1_000,
    });
    expect(tracker.info.etaMs).toBe(3_000);
    expect(tracker.info.estimatedRemainingSeconds).toBe(3);
    expect(tracker.info.elapsedSeconds).toBe(1);
  });

  test("goes on from what another process reported", async () => {
    const resume = ProgressInfo.fromJSON({
      ...tracker.info.toJSON(),
      current: 3,
      total: 6,
      status: "running",
    });
    clock.jump(2_000);
    const next = new ProgressTracker("j", store, { clock, resume });
    await next.update(4);
    expect(next.info).toMatchObject({ current: 4, total: 6, startedAt: clock.epoch, elapsedMs: 2_000 });
  });

  test("an unknown option is refused", () => {
    expect(() => new ProgressTracker("j", store, { logge: 1 } as ProgressTrackerOptions)).toThrow(
      TaskConfigError,
    );
  });
});

describe("ProgressInfo", () => {
  const info = (fields: Partial<ProgressInfo>) =>
    ProgressInfo.fromJSON({ ...new ProgressTracker("j", store, { clock }).info.toJSON(), ...fields });

  test.each([
    [1, 3, 33.3],
    [2, 3, 66.7],
    [0, 0, 0],
    [5, 0, 0],
    [7, 5, 100],
    [999, 1_000, 99.9],
  ])("shows %d of %d as %d percent", (current, total, percent) => {
    expect(info({ current, total }).percentage).toBe(percent);
    expect(info({ current, total }).toSnapshot().percent).toBe(percent);
  });

  test("is complete when a known total is reached, or when it is said", () => {
    expect(info({ current: 5, total: 5 }).isComplete).toBe(true);
    expect(info({ current: 0, total: 0 }).isComplete).toBe(false);
    expect(info({ status: "complete" }).isComplete).toBe(true);
    expect(info({ status: "failed" }).isComplete).toBe(false);
  });

  test("foretells nothing without a pace, a total, or after the end", () => {
    expect(info({ current: 0, total: 5, elapsedMs: 9 }).etaMs).toBeUndefined();
    expect(info({ current: 2, total: 0, elapsedMs: 9 }).etaMs).toBeUndefined();
    expect(info({ current: 2, total: 5, elapsedMs: 9, status: "failed" }).toSnapshot()).not.toHaveProperty(
      "etaMs",
    );
    expect(info({ current: 5, total: 5, elapsedMs: 9 }).etaMs).toBe(0);
  });

  test("survives the way through JSON", () => {
    const full = info({ current: 2, total: 5, message: "m", error: "e", elapsedMs: 3, metadata: { a: [1] } });
    expect(ProgressInfo.fromJSON(JSON.parse(JSON.stringify(full)))).toEqual(full);
  });
});
