import { type ProgressSnapshot, TaskQueueProtocol } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { task } from "../../src/define/task.ts";
import type { TaskHandle } from "../../src/dispatch/task-handle.ts";
import { InMemoryProgressStore } from "../../src/progress/in-memory-progress-store.ts";
import {
  InMemoryProgressTracker,
  SharedProgressTracker,
} from "../../src/progress/shared-progress-tracker.ts";
import { outcomeHub } from "../../src/results/result-waiter.ts";
import { createTestApp, TestClock } from "../../src/testing.ts";
import { Producer, rejection } from "./producer.ts";

/** Reads progress to its end beside the test. */
function follow(handle: TaskHandle): { readonly got: ProgressSnapshot[]; readonly ended: Promise<void> } {
  const got: ProgressSnapshot[] = [];
  const read = async (): Promise<void> => {
    for await (const snapshot of handle.progress) got.push(snapshot);
  };
  return { got, ended: read() };
}

const told = (got: readonly ProgressSnapshot[]): unknown[] =>
  got.map(({ status, current, total, percent, error }) => [status, current, total, percent, error]);

const silent = task({ name: "silent" }, () => 1);
const breaks = task({ name: "breaks", maxRetries: 0 }, () => {
  throw new Error("no luck");
});

describe("the progress of a handle", () => {
  test("ends complete when the job completes without a report, whenever it is asked for", async () => {
    await using t = await createTestApp({ tasks: [silent] });
    const handle = await t.tasks.enqueue(silent);
    const during = follow(handle);
    await t.drain();
    await during.ended;
    const after = follow(handle);
    await after.ended;
    for (const { got } of [during, after]) expect(told(got)).toEqual([["complete", 0, 0, 0, ""]]);
    expect(during.got[0]).toMatchObject({ taskId: handle.id, message: "Complete", metadata: {} });
  });

  test("ends failed when the job fails without a report", async () => {
    await using t = await createTestApp({ tasks: [breaks] });
    const { got, ended } = follow(await t.tasks.enqueue(breaks));
    await t.drain();
    await ended;
    expect(told(got)).toEqual([["failed", 0, 0, 0, "no luck"]]);
    expect(got[0]?.message).toBe("FAILED: no luck");
  });

  test("ends failed when the job is cancelled before it starts", async () => {
    await using t = await createTestApp({ tasks: [silent] });
    const handle = await t.tasks.enqueue(silent);
    const { got, ended } = follow(handle);
    await handle.cancel();
    await t.clock.advance("1s");
    await ended;
    expect(got.map(({ status }) => status)).toEqual(["failed"]);
    expect(got[0]?.error).toMatch(/cancelled/);
  });

  test("ends failed when the job expires", async () => {
    await using t = await createTestApp({ tasks: [silent] });
    const handle = await t.tasks.enqueue(silent, undefined, { expiresIn: "1m" });
    const { got, ended } = follow(handle);
    await t.clock.advance("2m");
    await t.drain();
    await t.clock.advance("2s");
    await ended;
    expect(got.map(({ status, error }) => [status, error])).toEqual([
      ["failed", expect.stringContaining("expired")],
    ]);
  });

  test("goes on from the last report when the attempt that ends the job makes none", async () => {
    const once = task({ name: "once", maxRetries: 1 }, async (ctx) => {
      if (ctx.attempt > 1) return;
      await ctx.progress.update(3, 5, "three", { file: "a" });
      throw new Error("again");
    });
    await using t = await createTestApp({ tasks: [once] });
    const { got, ended } = follow(await t.tasks.enqueue(once));
    await t.drain({ followDelays: true });
    await ended;
    expect(told(got)).toEqual([
      ["running", 3, 5, 60, ""],
      ["complete", 5, 5, 100, ""],
    ]);
    expect(got[1]).toMatchObject({ startedAt: got[0]?.startedAt, metadata: { file: "a" } });
  });

  test("ends failed for a job whose task nobody knows, or that is poison", async () => {
    const producer = new Producer({ progress: new InMemoryProgressTracker() });
    const gone = await producer.dispatcher.enqueue(silent);
    const unknown = follow(gone);
    const error = { name: "TaskNotFoundError", message: "nobody knows it" };
    await producer.settleNext((receipt) => ({ receipt, kind: "fail", reason: "unknown-task", error }));
    await unknown.ended;
    expect(told(unknown.got)).toEqual([["failed", 0, 0, 0, "nobody knows it"]]);
    const handle = await producer.dispatcher.enqueue(silent, undefined, { maxRecoveries: 0 });
    const poison = follow(handle);
    const claim = { slots: 1, ahead: 0, leaseMs: 1_000, maxBytes: 1_000_000 };
    const call = { session: "a worker that dies", settle: [], started: [], claim };
    await producer.queue.exchange({ ...call, seq: 1 });
    await producer.clock.advance("10s");
    await producer.queue.exchange({ ...call, seq: 2 });
    await producer.clock.advance("2s");
    await poison.ended;
    expect(await handle.job()).toMatchObject({ reason: "poison" });
    expect(poison.got.map(({ status }) => status)).toEqual(["failed"]);
  });

  test("gives what was reported in order, the end last and once", async () => {
    const steps = task({ name: "steps" }, async ({ progress }) => {
      for (let i = 1; i <= 3; i++) {
        await progress.update(i, 3);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await using t = await createTestApp({ tasks: [steps] });
    const { got, ended } = follow(await t.tasks.enqueue(steps));
    await t.drain();
    await ended;
    expect(got.map(({ status, current }) => [status, current])).toEqual([
      ["running", 1],
      ["running", 2],
      ["running", 3],
      ["complete", 3],
    ]);
  });

  test("ends without an item when the job is gone", async () => {
    const producer = new Producer({ progress: new InMemoryProgressTracker() });
    const { got, ended } = follow(producer.dispatcher.handle("main", "nobody"));
    await ended;
    expect(got).toEqual([]);
  });

  test("of a redriven job starts anew and ends with its second end", async () => {
    let works = false;
    const import_ = task({ name: "import", maxRetries: 0 }, async ({ progress }) => {
      await progress.update(works ? 1 : 7, 9);
      await new Promise((resolve) => setImmediate(resolve));
      if (!works) throw new Error("the disk is full");
      await progress.update(2, 9);
    });
    await using t = await createTestApp({ tasks: [import_] });
    const handle = await t.tasks.enqueue(import_);
    await t.drain();
    const first = follow(handle);
    await first.ended;
    expect(told(first.got)).toEqual([["failed", 7, 9, 77.8, "the disk is full"]]);
    await t.app.get(TaskQueueProtocol).deadLetters.retry(handle.id);
    works = true;
    const second = follow(handle);
    await t.clock.advance("5s");
    expect(second.got).toEqual([]);
    await t.drain();
    await t.clock.advance("2s");
    await second.ended;
    expect(told(second.got).at(-1)).toEqual(["complete", 9, 9, 100, ""]);
    expect(second.got.some(({ status }) => status === "failed")).toBe(false);
  });

  test("of a redriven job goes on while the job reports anew", async () => {
    const progress = new InMemoryProgressTracker();
    const producer = new Producer({ progress });
    const handle = await producer.dispatcher.enqueue(silent);
    const error = { name: "Error", message: "no luck" };
    await producer.settleNext((receipt) => ({ receipt, kind: "fail", error }));
    await progress.fail(handle.id, "no luck");
    await producer.queue.deadLetters.retry(handle.id);
    const { got, ended } = follow(handle);
    await producer.clock.advance("1s");
    const attempt = progress.begin(handle.id);
    await attempt.update(1, 2);
    await producer.clock.advance("1s");
    expect(told(got)).toEqual([["running", 1, 2, 50, ""]]);
    await attempt.update(2, 2);
    await producer.clock.settle();
    expect(got).toHaveLength(2);
    await producer.complete(1);
    await producer.clock.advance("1s");
    await ended;
    expect(told(got).at(-1)).toEqual(["complete", 2, 2, 100, ""]);
  });

  test("does not take the end of a former run for this one's", async () => {
    const progress = new InMemoryProgressTracker();
    const producer = new Producer({ progress });
    const handle = await producer.dispatcher.enqueue(silent);
    const fail = (message: string): Promise<string> =>
      producer.settleNext((receipt) => ({ receipt, kind: "fail", error: { name: "Error", message } }));
    await fail("first");
    await progress.fail(handle.id, "first");
    await producer.queue.deadLetters.retry(handle.id);
    await fail("second");
    const { got, ended } = follow(handle);
    await ended;
    expect(told(got)).toEqual([["failed", 0, 0, 0, "second"]]);
  });

  test("leaves nothing behind at the end, nor when it is left early", async () => {
    const clock = new TestClock();
    const store = new InMemoryProgressStore({ clock });
    const progress = new SharedProgressTracker(store, { clock });
    const producer = new Producer({ progress }, clock);
    const { dispatcher } = producer;
    const hub = outcomeHub(producer.queue, clock);
    const idle = (): unknown => [store.sizes.followed, hub.waiting, clock.pendingTimers];
    const handle = await dispatcher.enqueue(silent);
    const before = idle();
    await progress.update(handle.id, 1, 2);
    for await (const { current } of handle.progress) {
      expect(current).toBe(1);
      break;
    }
    await clock.settle();
    expect(idle()).toEqual(before);

    const left = handle.progress[Symbol.asyncIterator]();
    await left.next();
    const waiting = left.next();
    await clock.settle();
    expect(hub.waiting).toBe(1);
    await left.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await clock.settle();
    expect(idle()).toEqual(before);

    const { ended } = follow(handle);
    await producer.complete(1);
    await clock.advance("1s");
    await ended;
    await clock.settle();
    expect(idle()).toEqual(before);
  });

  test("rejects when the queue is closed meanwhile", async () => {
    const producer = new Producer({ progress: new InMemoryProgressTracker() });
    const { ended } = follow(await producer.dispatcher.enqueue(silent));
    const rejected = rejection(ended);
    await producer.clock.settle();
    await producer.queue.close();
    await producer.clock.advance("2s");
    expect(await rejected).toMatchObject({ code: "LEX_ERR_TASK_CLOSED" });
  });
});
