import { TaskDeadlineError, TaskTimeoutError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { Gate, Workshop } from "./workshop.ts";

describe("a time limit", () => {
  test("aborts the signal with the typed error and fails the attempt when the handler comes back", async () => {
    const shop = new Workshop();
    let reason: unknown;
    shop.define(
      "slow",
      (_input, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            reject(signal.reason as Error);
          }),
        ),
      {
        timeout: "2s",
        maxRetries: 0,
      },
    );
    const id = await shop.enqueue("slow");
    await shop.start();
    await shop.advance(1_950);
    expect(reason).toBeUndefined();
    await shop.advance(100);
    expect(reason).toBeInstanceOf(TaskTimeoutError);
    expect((reason as TaskTimeoutError).fields).toEqual({ task: "slow", jobId: id, timeoutMs: 2_000 });
    const job = await shop.job(id);
    expect([job.status, job.error?.code]).toEqual(["failed", "LEX_ERR_TASK_TIMEOUT"]);
  });

  test("is known to a handler that reads its signal only afterwards", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    let aborted: boolean | undefined;
    shop.define(
      "slow",
      async (_input, context) => {
        await gate.promise;
        aborted = context.signal.aborted;
      },
      { timeout: "1s" },
    );
    await shop.enqueue("slow");
    await shop.start();
    await shop.advance(1_100);
    gate.open();
    await shop.settle();
    expect(aborted).toBe(true);
  });

  test("gives the slot to others after the grace period, and never accepts the late result", async () => {
    const shop = new Workshop();
    const gate = new Gate<string>();
    shop.define("stuck", () => gate.promise, { timeout: "1s", maxRetries: 0 });
    shop.define("next", () => "ran");
    const stuck = await shop.enqueue("stuck");
    const next = await shop.enqueue("next");
    const pool = await shop.start({ settings: { graceMs: 2_000 } });
    await shop.advance(2_900);
    expect([(await shop.job(stuck)).status, (await shop.job(next)).status]).toEqual(["running", "pending"]);
    await shop.advance(200);
    expect([(await shop.job(stuck)).status, (await shop.job(next)).status]).toEqual(["failed", "completed"]);
    expect(pool.getPoolStats()).toMatchObject({ zombies: 1, running: 0 });
    gate.open("too late");
    await shop.settle();
    const job = await shop.job(stuck);
    expect([job.status, job.result]).toEqual(["failed", undefined]);
    expect(pool.getPoolStats().zombies).toBe(0);
    expect(shop.logged("the late outcome of an attempt was not accepted")).toHaveLength(1);
  });

  test("does not accept a result that arrives in the grace period either", async () => {
    const shop = new Workshop();
    const gate = new Gate<string>();
    shop.define("late", () => gate.promise, { timeout: "1s", maxRetries: 0 });
    const id = await shop.enqueue("late");
    await shop.start();
    await shop.advance(1_100);
    gate.open("value");
    await shop.settle();
    expect([(await shop.job(id)).status, (await shop.job(id)).result]).toEqual(["failed", undefined]);
  });

  test("is retried like another failure", async () => {
    const shop = new Workshop();
    shop.define(
      "slow",
      (_input, { attempt, signal }) =>
        attempt > 1
          ? "quick"
          : new Promise((_resolve, reject) =>
              signal.addEventListener("abort", () => reject(signal.reason as Error)),
            ),
      {
        timeout: "1s",
        retry: { baseDelay: 100, jitter: 0, inPlaceUpTo: "1s" },
      },
    );
    const id = await shop.enqueue("slow");
    await shop.start();
    await shop.advance(1_500);
    expect((await shop.job(id)).result?.data).toBe('"quick"');
  });

  test("comes from the job, then the task, then the queue, then the settings", async () => {
    const { QueueSet } = await import("../../src/dispatch/queue-set.ts");
    const limit = async (
      job: number | null | undefined,
      task: number | null | undefined,
      queue: number | undefined,
    ): Promise<number> => {
      const shop = new Workshop();
      let at = Infinity;
      const origin = shop.clock.monotonic();
      shop.define(
        "t",
        (_input, { signal }) =>
          new Promise((resolve) =>
            signal.addEventListener("abort", () => {
              at = shop.clock.monotonic() - origin;
              resolve(0);
            }),
          ),
        {
          maxRetries: 0,
          ...(task === undefined ? {} : { timeout: task }),
        },
      );
      const base = shop.binding("work");
      await shop.enqueue("t", undefined, job === undefined ? {} : { policy: { timeoutMs: job } });
      await shop.start({
        queues: new QueueSet([{ ...base, defaults: { ...base.defaults, timeoutMs: queue } }]),
        settings: { defaultTimeoutMs: 4_000, maxTimeoutMs: 10_000, leaseMs: 60_000 },
      });
      await shop.advance(12_000);
      return at;
    };
    expect(await limit(1_000, 2_000, 3_000)).toBe(1_000);
    expect(await limit(undefined, 2_000, 3_000)).toBe(2_000);
    expect(await limit(undefined, undefined, 3_000)).toBe(3_000);
    expect(await limit(undefined, undefined, undefined)).toBe(4_000);
    expect(await limit(null, 2_000, undefined)).toBe(10_000);
    expect(await limit(undefined, 20_000, undefined)).toBe(10_000);
  });

  test("is cut to maxTimeout with one warning per task", async () => {
    const shop = new Workshop();
    shop.define("long", () => 0, { timeout: "2h" });
    await shop.enqueueAll("long", 3);
    await shop.start();
    const warnings = shop.logged("a time limit was cut to the worker's maxTimeout");
    expect(warnings.map((line) => line.fields)).toEqual([
      { task: "long", timeoutMs: 7_200_000, maxTimeoutMs: 3_600_000 },
    ]);
  });

  test("of null is maxTimeout without a warning, as that is what was asked for", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("watch", () => gate.promise, { timeout: null, maxRetries: 0 });
    const id = await shop.enqueue("watch");
    await shop.start({ settings: { maxTimeoutMs: 2_000, graceMs: 100 } });
    await shop.advance(2_300);
    expect((await shop.job(id)).error?.message).toContain("within 2000 ms");
    expect(shop.logged("a time limit was cut to the worker's maxTimeout")).toEqual([]);
    gate.open();
  });

  test("holds for nobody who names none when it is not enforced", async () => {
    const shop = new Workshop();
    const gate = new Gate();
    shop.define("t", () => gate.promise);
    shop.define("none", () => gate.promise, { timeout: null });
    const ids = [await shop.enqueue("t"), await shop.enqueue("none")];
    await shop.start({
      maxConcurrentTasks: 2,
      settings: { enforceTimeout: false, defaultTimeoutMs: 1_000, maxTimeoutMs: 2_000 },
    });
    await shop.advance(10_000);
    gate.open();
    await shop.settle();
    expect(await Promise.all(ids.map(async (id) => (await shop.job(id)).status))).toEqual([
      "completed",
      "completed",
    ]);
  });

  test("of 0 is no limit that could hold, so the job is put aside", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    const id = await shop.enqueue("t", undefined, { policy: { timeoutMs: 0 } });
    await shop.start();
    expect([(await shop.job(id)).status, (await shop.job(id)).reason]).toEqual(["failed", "invalid"]);
  });
});

describe("a deadline", () => {
  const deadlineIn = (shop: Workshop, ms: number) => ({ policy: { deadline: shop.clock.now() + ms } });

  test("fails a job that comes too late, before it begins", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0);
    const id = await shop.enqueue("t", undefined, deadlineIn(shop, 1_000));
    await shop.clock.advance(1_000);
    await shop.start();
    const job = await shop.job(id);
    expect([job.status, job.reason, job.error?.code]).toEqual([
      "failed",
      "deadline",
      "LEX_ERR_TASK_DEADLINE",
    ]);
    expect(shop.began).toEqual([]);
  });

  test("aborts a running attempt, and no retry follows", async () => {
    const shop = new Workshop();
    let reason: unknown;
    shop.define(
      "t",
      (_input, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            resolve(0);
          }),
        ),
    );
    const id = await shop.enqueue("t", undefined, deadlineIn(shop, 1_000));
    await shop.start();
    await shop.advance(1_100);
    expect(reason).toBeInstanceOf(TaskDeadlineError);
    expect((await shop.job(id)).reason).toBe("deadline");
  });

  test("forbids a retry that could not begin before it", async () => {
    const shop = new Workshop();
    shop.define("t", () => Promise.reject(new Error("no")), { retry: { baseDelay: "2s", jitter: 0 } });
    const id = await shop.enqueue("t", undefined, deadlineIn(shop, 1_500));
    await shop.start();
    const job = await shop.job(id);
    expect([job.status, job.reason, job.error?.cause?.message]).toEqual(["failed", "deadline", "no"]);
  });

  test("of the task holds for jobs that carry none", async () => {
    const shop = new Workshop();
    shop.define("t", () => 0, { deadline: "1s" });
    const id = await shop.enqueue("t");
    await shop.clock.advance(2_000);
    await shop.start();
    expect((await shop.job(id)).reason).toBe("deadline");
  });
});
