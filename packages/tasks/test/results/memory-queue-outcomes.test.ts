import {
  type Body,
  ClosedError,
  type NewJob,
  ResultUnavailableError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { beforeEach, describe, expect, test } from "vitest";
import { DeadLetterQueue } from "../../src/dead-letter/dead-letter-queue.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { QueueResultStore } from "../../src/results/queue-result-store.ts";
import { waitForOutcome } from "../../src/results/result-waiter.ts";
import { ManualClock, settled } from "../memory-state/manual-clock.ts";

let clock: ManualClock;
let queue: TaskQueueProtocol;
let seq: number;

const json = (value: unknown): Body => ({ data: JSON.stringify(value), encoding: "json" });
const job = (id: string, fields: Partial<NewJob> = {}): NewJob => ({
  id,
  task: "t",
  body: json({ v: 1 }),
  headers: {},
  priority: 5,
  ...fields,
});

/** Takes one job and ends it. */
async function run(end: { result: unknown } | { fail: string }): Promise<string> {
  const claim = { slots: 1, ahead: 0, leaseMs: 15_000, maxBytes: 1_000_000 };
  const call = { session: "worker", settle: [], started: [] };
  const { deliveries } = await queue.exchange({ ...call, seq: ++seq, claim });
  const [delivery] = deliveries;
  if (delivery === undefined) throw new Error("there is no job");
  const { receipt } = delivery;
  const settlement =
    "fail" in end
      ? ({ receipt, kind: "fail", error: { name: "E", message: end.fail } } as const)
      : ({ receipt, kind: "complete", result: json(end.result) } as const);
  await queue.exchange({ ...call, seq: ++seq, settle: [settlement], claim: { ...claim, slots: 0 } });
  return delivery.job.id;
}

beforeEach(() => {
  clock = new ManualClock();
  queue = memoryBackend({ clock }).queue("q");
  seq = 0;
});

describe("outcomes of the memory queue", () => {
  test("reach their waiters when they are settled, cancelled or expired", async () => {
    await queue.enqueue(job("done"));
    const done = waitForOutcome(queue, "done", { clock });
    await settled();
    await run({ result: 0 });
    expect(await done).toMatchObject({ status: "completed", attempt: 1, result: json(0) });
    await queue.enqueue(job("failed"));
    await queue.enqueue(job("cancelled"));
    await queue.enqueue(job("late", { expiresInMs: 10 }));
    const others = ["failed", "cancelled", "late"].map((id) => waitForOutcome(queue, id, { clock }));
    await settled();
    await run({ fail: "no" });
    await queue.cancel("cancelled");
    await clock.advance(1_000);
    expect((await Promise.all(others)).map((outcome) => outcome.status)).toEqual([
      "failed",
      "cancelled",
      "expired",
    ]);
  });

  test("that are gone are told as gone", async () => {
    await queue.setPolicy({ keepCompleted: 0 });
    await queue.enqueue(job("j"));
    await run({ result: 1 });
    await expect(waitForOutcome(queue, "j", { clock })).rejects.toBeInstanceOf(ResultUnavailableError);
  });

  test("are waited for by thousands at once", async () => {
    await queue.setPolicy({ keepCompleted: { ageMs: 60_000, count: 10_000 } });
    const ids = Array.from({ length: 2_000 }, (_, i) => `j${i}`);
    await Promise.all(ids.map((id) => queue.enqueue(job(id))));
    const waits = ids.map((id) => waitForOutcome(queue, id, { clock, timeoutMs: 30_000 }));
    await settled();
    for (let i = 0; i < ids.length; i++) await run({ result: i });
    const outcomes = await Promise.all(waits);
    expect(outcomes.map((outcome) => outcome.result?.data)).toEqual(ids.map((_, i) => String(i)));
  });

  test("end their waits when the queue is closed", async () => {
    await queue.enqueue(job("j"));
    const waiting = waitForOutcome(queue, "j", { clock });
    await settled();
    await Promise.all([expect(waiting).rejects.toBeInstanceOf(ClosedError), queue.close()]);
  });

  test("are read, listed and counted by the store over the queue", async () => {
    const store = new QueueResultStore(queue, { clock });
    for (let i = 0; i < 3; i++) {
      await queue.enqueue(job(`ok${i}`));
      await run({ result: i });
      await queue.enqueue(job(`bad${i}`));
      await run({ fail: "no" });
      clock.jump(1);
    }
    expect(await store.get("ok1")).toMatchObject({ status: "ok", value: 1, task: "t", attempt: 1 });
    const completed = (await store.listCompleted()).items.map((item) => item.jobId);
    expect(completed).toEqual(["ok0", "ok1", "ok2"]);
    const first = await store.listFailed({ limit: 2 });
    const rest = await store.listFailed({ limit: 2, cursor: first.cursor as string });
    expect([...first.items, ...rest.items].map((item) => item.jobId)).toEqual(["bad2", "bad1", "bad0"]);
    expect(await store.getStats()).toMatchObject({ stored: 6 });
  });
});

describe("dead letters of the memory queue", () => {
  test("are listed, retried with a link to where they come from, and bounded by what enforce wrote", async () => {
    const dead = new DeadLetterQueue(queue, { maxSize: 3, retention: "1h" });
    await dead.enforce();
    for (let i = 0; i < 5; i++) {
      await queue.enqueue(job(`j${i}`));
      await run({ fail: `no ${i}` });
      clock.jump(1);
    }
    expect((await dead.listFailed()).map((record) => record.job.id)).toEqual(["j4", "j3", "j2"]);
    expect(await dead.retry("j3")).toEqual({ ok: true, value: "j3" });
    expect((await queue.getJob("j3"))?.replayOf).toMatchObject({ id: "j3", reason: "failed", attempt: 1 });
    expect(await run({ result: 1 })).toBe("j3");
    clock.jump(3_600_000);
    expect(await queue.dequeue()).toBeUndefined();
    expect(await dead.size()).toBe(0);
  });

  test("put there by hand keep what was noted, also over a retry", async () => {
    const dead = new DeadLetterQueue(queue);
    await dead.add(job("j"), new Error("bad"), { traceback: "at x", metadata: { ticket: 7 } });
    expect(await dead.get("j")).toMatchObject({
      traceback: "at x",
      metadata: { ticket: 7 },
      reason: "manual",
    });
    await dead.retry("j");
    expect(await run({ fail: "again" })).toBe("j");
    expect(await dead.get("j")).toMatchObject({ metadata: { ticket: 7 }, reason: "failed", attemptCount: 1 });
  });
});
