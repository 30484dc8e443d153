import { aJob } from "@lexigram/conformance";
import type { Enqueued, NewJob, Result, TaskQueueError, TaskQueueProtocol } from "@lexigram/contracts";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { redisQueueHarness } from "./redis-queue-harness.ts";

const MANY = 1_100;
const id = (n: number): string => `job-${n}`;
const numbers = Array.from({ length: MANY }, (_, n) => n);
const jobs = (special: (n: number) => Partial<NewJob> = () => ({})): NewJob[] =>
  numbers.map((n) => aJob({ id: id(n), ...special(n) }));

const outcomes = (results: readonly Result<Enqueued, TaskQueueError>[]): (string | undefined)[] =>
  results.map((result) => (result.ok ? result.value.outcome : result.error.code));

let queue: TaskQueueProtocol;

/** Ids in the order in which they start. */
async function started(n: number, seq = 1): Promise<readonly string[]> {
  const claim = { slots: n, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };
  const { deliveries } = await queue.exchange({ session: "w", seq, settle: [], started: [], claim });
  return deliveries.map(({ job }) => job.id);
}

describe("a call of more jobs than one script takes", () => {
  beforeEach(async () => {
    const harness = await redisQueueHarness();
    onTestFinished(() => harness.dispose());
    queue = await harness.open();
  });

  test("stores them in their order", async () => {
    const results = await queue.enqueueMany(jobs(), { session: "p", seq: 1 });
    expect(outcomes(results)).toEqual(numbers.map(() => "accepted"));
    expect(await started(MANY)).toEqual(numbers.map(id));
  });

  test("keeps the order behind a job that is refused", async () => {
    await queue.enqueueMany([aJob({ id: id(3) })], { session: "p", seq: 1 });
    const results = await queue.enqueueMany(jobs(), { session: "p", seq: 2 });
    const accepted = numbers.filter((n) => n !== 3);
    expect(numbers.filter((n) => outcomes(results)[n] === "accepted")).toEqual(accepted);
    expect(outcomes(results)[3]).toBe("LEX_ERR_TASK_DUPLICATE");
    expect(await started(MANY)).toEqual([3, ...accepted].map(id));
  });

  test("stores those that concern others after those that they concern", async () => {
    const waiting = (n: number): Partial<NewJob> => (n % 300 === 299 ? { dependsOn: [id(n - 290)] } : {});
    const results = await queue.enqueueMany(jobs(waiting), { session: "p", seq: 1 });
    expect(outcomes(results)).toEqual(numbers.map(() => "accepted"));
    expect(await started(MANY)).toEqual(numbers.filter((n) => n % 300 !== 299).map(id));
  });

  test("applies nothing again when it is resent, also when the jobs are gone", async () => {
    await queue.setPolicy({ keepCompleted: 0 });
    const first = await queue.enqueueMany(jobs(), { session: "p", seq: 1 });
    const claim = { slots: MANY, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };
    const none = { ...claim, slots: 0 };
    const call = { session: "w", settle: [], started: [] };
    const { deliveries } = await queue.exchange({ ...call, seq: 1, claim });
    const settle = deliveries.map(({ receipt }) => ({ receipt, kind: "complete" as const }));
    await queue.exchange({ ...call, seq: 2, settle, claim: none });
    expect(await queue.count()).toBe(0);
    expect(await queue.enqueueMany(jobs(), { session: "p", seq: 1 })).toEqual(first);
    expect(await queue.count()).toBe(0);
  });

  test.each([250, 500])("goes on where it was cut off, after %i jobs", async (stored) => {
    for (let at = 0; at < stored; at += 250)
      await queue.enqueueMany(jobs().slice(at, at + 250), { session: `p#${at / 250}`, seq: 1 });
    const results = await queue.enqueueMany(jobs(), { session: "p", seq: 1 });
    expect(outcomes(results)).toEqual(numbers.map(() => "accepted"));
    expect(await started(MANY + 1)).toEqual(numbers.map(id));
  });

  test("takes exactly as many as a bounded queue has room for", async () => {
    await queue.setPolicy({ maxSize: 700 });
    const results = await queue.enqueueMany(jobs(), { session: "p", seq: 1 });
    expect(outcomes(results)).toEqual(numbers.map((n) => (n < 700 ? "accepted" : "LEX_ERR_TASK_QUEUE_FULL")));
  });
});
