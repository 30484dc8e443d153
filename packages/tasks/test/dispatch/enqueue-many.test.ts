import {
  ClosedError,
  DuplicateTaskError,
  QueueUnavailableError,
  type Result,
  TaskValidationError,
} from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { task, type } from "../../src/define/task.ts";
import { TaskMiddlewarePipeline } from "../../src/middleware/pipeline.ts";
import { TaskDispatcher } from "../../src/dispatch/task-dispatcher.ts";
import { Activity } from "../../src/worker/activity.ts";
import { Producer, rejection, seeded } from "./producer.ts";

const add = task({ name: "add", input: z.object({ n: z.number() }) }, ({ n }) => n);
const mail = task({ name: "mail", queue: "emails", input: type<string>() }, (to) => to);

const jobsOf = (count: number): { task: typeof add; input: { n: number } }[] =>
  Array.from({ length: count }, (_, n) => ({ task: add, input: { n } }));

const outcomeOf = (result: Result<unknown, Error>): unknown => (result.ok ? "ok" : result.error);

describe("enqueueMany", () => {
  test("answers each job at its position, each judged by itself", async () => {
    const { dispatcher } = new Producer();
    const results = await dispatcher.enqueueMany([
      { task: add, input: { n: 1 }, options: { id: "one" } },
      { task: add, input: { n: "2" as never } },
      { task: mail, input: "a@b.c" },
      { task: add, input: { n: 3 }, options: { id: "one" } },
      { task: add, input: { n: 4 }, options: { priority: 99 } },
      { task: "by.name", input: [1] },
    ]);
    expect(results.map((result) => (result.ok ? result.value.queueName : outcomeOf(result)))).toEqual([
      "main",
      expect.any(TaskValidationError),
      "emails",
      expect.any(DuplicateTaskError),
      expect.any(TaskValidationError),
      "main",
    ]);
    const [first] = results;
    expect(first.ok && first.value.id).toBe("one");
  });

  test("sends one call per queue for each 1,000 jobs, in order", async () => {
    const producer = new Producer();
    const main = vi.spyOn(producer.queue, "enqueueMany");
    const emails = vi.spyOn(producer.emails, "enqueueMany");
    await producer.dispatcher.enqueueMany([...jobsOf(2_500), { task: mail, input: "a" }]);
    expect(main.mock.calls.map(([jobs]) => jobs.length)).toEqual([1_000, 1_000, 500]);
    expect(emails.mock.calls.map(([jobs]) => jobs.length)).toEqual([1]);
    expect(producer.codecs.decode((await producer.queue.dequeue())!.job.body).input).toEqual({ n: 0 });
  });

  test("names every call that may be in flight at once by a session of its own", async () => {
    const producer = new Producer();
    const calls = vi.spyOn(producer.queue, "enqueueMany");
    await Promise.all([1, 2, 3].map(() => producer.dispatcher.enqueueMany(jobsOf(2))));
    await producer.dispatcher.enqueueMany(jobsOf(2));
    const names = calls.mock.calls.map(([, { session, seq }]) => `${session} ${seq}`);
    expect(new Set(names).size).toBe(4);
    expect(new Set(calls.mock.calls.slice(0, 3).map(([, { session }]) => session)).size).toBe(3);
    expect(await producer.queue.count()).toBe(8);
  });

  test("waits for schemas that answer later", async () => {
    const { dispatcher } = new Producer();
    const slow = task({ name: "slow", input: z.number().refine(async (n) => n > 1, "too small") }, () => 1);
    const results = await dispatcher.enqueueMany([
      { task: slow, input: 1 },
      { task: slow, input: 2 },
    ]);
    expect(results.map(({ ok }) => ok)).toEqual([false, true]);
  });

  test("passes each job through the middleware of the enqueue phase", async () => {
    const seen: string[] = [];
    const pipeline = new TaskMiddlewarePipeline().use(
      (context, next) => {
        seen.push(context.taskName);
        return next();
      },
      ["enqueue"],
    );
    const { dispatcher, queue } = new Producer({ pipeline });
    await dispatcher.enqueueMany(jobsOf(3));
    expect(seen).toEqual(["add", "add", "add"]);
    expect(await queue.count()).toBe(3);
  });

  test("refuses entries with a misspelt field", async () => {
    const { dispatcher } = new Producer();
    const entry = { task: add, input: { n: 1 }, optoins: { priority: 1 } };
    expect(await rejection(dispatcher.enqueueMany([entry]))).toMatchObject({
      hint: 'did you mean "options"?',
    });
    const description = { task: "add", inptu: 1 };
    expect(await rejection(dispatcher.enqueue(description))).toMatchObject({ hint: 'did you mean "input"?' });
  });

  test("of nothing is nothing", async () => {
    expect(await new Producer().dispatcher.enqueueMany([])).toEqual([]);
  });
});

describe("what is under way", () => {
  test("is counted from the call until the store has it", async () => {
    const activity = new Activity();
    const { dispatcher } = new Producer({ activity });
    const single = dispatcher.enqueue(add, { n: 1 });
    expect(activity.busy).toBe(1);
    const many = dispatcher.enqueueMany(jobsOf(2));
    expect(activity.busy).toBe(2);
    await Promise.all([single, many]);
    // The count falls when the lane has looked for more.
    await new Promise(setImmediate);
    expect(activity.busy).toBe(0);
  });

  test("is never taken for a resend of another dispatcher's, whatever chance gives both", async () => {
    const producer = new Producer();
    const twin = new TaskDispatcher({ queues: producer.queues, clock: producer.clock, random: seeded(7) });
    await producer.dispatcher.enqueue(add, { n: 1 }, { id: "one" });
    await twin.enqueue(add, { n: 1 }, { id: "two" });
    await producer.dispatcher.enqueueMany([{ task: add, input: { n: 1 }, options: { id: "three" } }]);
    await twin.enqueueMany([{ task: add, input: { n: 1 }, options: { id: "four" } }]);
    expect(await producer.queue.count()).toBe(4);
  });
});

describe("a store that does not answer", () => {
  const unavailable = (accepted: "no" | "unknown"): QueueUnavailableError =>
    new QueueUnavailableError({ queue: "main", retryable: true, accepted, ids: [] });

  test("is sent the same call again, so that nothing is stored twice", async () => {
    const producer = new Producer();
    const real = producer.queue.enqueueMany.bind(producer.queue);
    const names: unknown[] = [];
    vi.spyOn(producer.queue, "enqueueMany").mockImplementation(async (jobs, name) => {
      names.push({ session: name.session, seq: name.seq });
      const answer = await real(jobs, name);
      // The store took it, and its answer is lost.
      if (names.length === 1) throw unavailable("unknown");
      return answer;
    });
    const pending = producer.dispatcher.enqueue(add, { n: 1 });
    await producer.clock.advance("1s");
    expect((await pending).outcome).toBe("accepted");
    expect(names[1]).toEqual(names[0]);
    expect(await producer.queue.count()).toBe(1);
  });

  test("is given up after the time for it, and the error tells what is known", async () => {
    const producer = new Producer({ enqueueTimeoutMs: 2_000 });
    const call = vi.spyOn(producer.queue, "enqueueMany").mockRejectedValue(unavailable("no"));
    const none = rejection(producer.dispatcher.enqueue(add, { n: 1 }));
    await producer.clock.advance("3s");
    expect(await none).toMatchObject({ fields: { accepted: "no", ids: [], queue: "main" } });

    call.mockRejectedValue(unavailable("unknown"));
    const many = rejection(producer.dispatcher.enqueueMany(jobsOf(2)));
    await producer.clock.advance("3s");
    const error = (await many) as QueueUnavailableError;
    expect(error).toBeInstanceOf(QueueUnavailableError);
    expect(error.fields.accepted).toBe("unknown");
    expect(error.fields.ids).toHaveLength(2);
  });

  test("may yet take a call that is under way when the time is up, so its fate is unknown", async () => {
    const producer = new Producer({ enqueueTimeoutMs: 2_000 });
    vi.spyOn(producer.queue, "enqueueMany")
      .mockRejectedValueOnce(unavailable("no"))
      .mockReturnValue(new Promise(() => {}));
    const rejected = rejection(producer.dispatcher.enqueue(add, { n: 1 }, { id: "one" }));
    await producer.clock.advance("3s");
    expect(await rejected).toMatchObject({ fields: { accepted: "unknown", ids: ["one"] } });
  });

  test("rejects also where refusals are results", async () => {
    const producer = new Producer();
    vi.spyOn(producer.queue, "enqueueMany").mockRejectedValue(new ClosedError({ resource: "queue" }));
    expect(await rejection(producer.dispatcher.tryEnqueue(add, { n: 1 }))).toBeInstanceOf(ClosedError);
    expect(await rejection(producer.dispatcher.enqueueMany(jobsOf(1)))).toBeInstanceOf(ClosedError);
  });
});
