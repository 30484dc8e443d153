import {
  DuplicateTaskError,
  Priority,
  QueueFullError,
  QueueNotFoundError,
  TaskNotFoundError,
  TaskValidationError,
  UnsupportedError,
} from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { HandlerRegistry } from "../../src/define/handler-registry.ts";
import { handles, task } from "../../src/define/task.ts";
import type { TaskContext } from "../../src/worker/task-context.ts";
import { bindingOf, Producer, rejection } from "./producer.ts";

const sendEmail = task(
  { name: "email.send", input: z.object({ to: z.string(), copies: z.number().default(1) }) },
  async ({ to }) => ({ messageId: to }),
);
const ping = task({ name: "ping" }, () => "pong");

describe("enqueue", () => {
  test("stores what the caller passed, not what the schema made of it", async () => {
    const producer = new Producer();
    const handle = await producer.dispatcher.enqueue(sendEmail, { to: "a" });
    expect(await producer.envelope(handle.id)).toEqual({ v: 1, input: { to: "a" } });
    expect(handle).toMatchObject({ queueName: "main", outcome: "accepted" });
  });

  test("takes a task without input and without arguments", async () => {
    const producer = new Producer();
    const handle = await producer.dispatcher.enqueue(ping);
    expect(await producer.envelope(handle.id)).toEqual({ v: 1 });
  });

  test("in a loop lets the turn of others come", async () => {
    const { dispatcher } = new Producer();
    let turns = 0;
    setImmediate(() => turns++);
    let made = 0;
    for (; turns === 0 && made < 1_000; made++) await dispatcher.enqueue(ping);
    expect(made).toBeLessThanOrEqual(251);
  });

  test("refuses an input that does not fit, naming the field", async () => {
    const { dispatcher, queue } = new Producer();
    const error = await rejection(dispatcher.enqueue(sendEmail, { to: 5 as never }));
    expect(error).toBeInstanceOf(TaskValidationError);
    expect((error as TaskValidationError).fields).toMatchObject({
      subject: 'the input of task "email.send"',
      issues: [{ path: "to" }],
    });
    expect(await queue.count()).toBe(0);
  });

  test("waits for schemas that answer later", async () => {
    const { dispatcher, queue } = new Producer();
    const slow = task(
      { name: "slow", input: z.object({ n: z.number().refine(async (n) => n > 1, "too small") }) },
      () => 1,
    );
    const error = await rejection(dispatcher.enqueue(slow, { n: 1 }));
    expect((error as TaskValidationError).fields.issues).toEqual([{ path: "n", message: "too small" }]);
    await dispatcher.enqueue(slow, { n: 2 });
    expect(await queue.count()).toBe(1);
  });

  test("sends a task to its own queue, and a call to the queue it names", async () => {
    const producer = new Producer();
    const mail = task({ name: "mail", queue: "emails" }, () => 1);
    const own = await producer.dispatcher.enqueue(mail);
    const other = await producer.dispatcher.enqueue(mail, undefined, { queue: "main" });
    expect([own.queueName, other.queueName]).toEqual(["emails", "main"]);
    expect(await producer.emails.count()).toBe(1);
    const error = await rejection(producer.dispatcher.enqueue(mail, undefined, { queue: "email" }));
    expect(error).toBeInstanceOf(QueueNotFoundError);
    expect((error as QueueNotFoundError).hint).toContain('did you mean "emails"');
  });

  test("refuses what the queue refuses, with the queue's error", async () => {
    const { dispatcher, queue } = new Producer();
    await queue.setPolicy({ maxSize: 1 });
    await dispatcher.enqueue(ping);
    expect(await rejection(dispatcher.enqueue(ping))).toBeInstanceOf(QueueFullError);
    const result = await dispatcher.tryEnqueue(ping);
    expect(result.ok === false && result.error).toBeInstanceOf(QueueFullError);
  });

  test("answers a bad input as a result when asked to try", async () => {
    const result = await new Producer().dispatcher.tryEnqueue(sendEmail, {} as never);
    expect(result.ok === false && result.error.code).toBe("LEX_ERR_TASK_VALIDATION");
  });

  test("makes short ids that never repeat", async () => {
    const { dispatcher } = new Producer();
    const handles = await Promise.all(Array.from({ length: 3_000 }, () => dispatcher.enqueue(ping)));
    const ids = new Set(handles.map(({ id }) => id));
    expect(ids.size).toBe(3_000);
    expect(Math.max(...[...ids].map((id) => id.length))).toBeLessThanOrEqual(22);
  });

  test("takes the middle of the queue's default, the task and the call for the priority", async () => {
    const producer = new Producer();
    producer.queues.add(
      bindingOf(producer.backend, producer.backend.queue("low"), {
        defaults: { priority: 1, maxRetries: undefined, timeoutMs: undefined, backoff: undefined },
      }),
    );
    const high = task({ name: "high", queue: "low", priority: Priority.HIGH }, () => 1);
    const low = producer.queues.get("low").queue;
    const priorities = [
      await producer.dispatcher.enqueue(ping, undefined, { queue: "low" }),
      await producer.dispatcher.enqueue(high),
      await producer.dispatcher.enqueue(high, undefined, { priority: 20 }),
    ].map(async ({ id }) => (await low.getJob(id))?.priority);
    expect(await Promise.all(priorities)).toEqual([1, 10, 20]);
  });

  test("enqueues by name what is known by its name only", async () => {
    const producer = new Producer();
    const handle = await producer.dispatcher.enqueue("other.process", { any: "thing" });
    expect((await handle.job())?.task).toBe("other.process");
    expect((await producer.envelope(handle.id)).input).toEqual({ any: "thing" });
  });

  test("enqueues by name under the policy of a registered task", async () => {
    const registry = new HandlerRegistry();
    registry.register(sendEmail);
    const { dispatcher } = new Producer({ registry });
    const error = await rejection(dispatcher.enqueue("email.send", { to: 1 }));
    expect(error).toBeInstanceOf(TaskValidationError);
  });

  test("refuses a name that no task can have, and what is no task", async () => {
    const { dispatcher } = new Producer();
    class Plain {}
    expect(await rejection(dispatcher.enqueue("two words"))).toMatchObject({ code: "LEX_ERR_TASK_CONFIG" });
    expect(await rejection(dispatcher.enqueue(Plain as never))).toMatchObject({
      hint: "a method of a class is enqueued by dispatcher.of(Plain).method(input)",
    });
  });

  test("announces accepted jobs to who listens, and not those that existed", async () => {
    const { dispatcher } = new Producer();
    const heard = vi.fn();
    using _ = dispatcher.on("task.queued", heard);
    const first = await dispatcher.enqueue(ping, undefined, { delay: "5s", idempotencyKey: "once" });
    await dispatcher.enqueue(ping, undefined, { idempotencyKey: "once" });
    expect(heard.mock.calls).toEqual([
      [{ taskName: "ping", queueName: "main", jobId: first.id, taskId: first.id, delayMs: 5_000 }],
    ]);
  });

  test("shares one call to the store between the jobs of a turn", async () => {
    const producer = new Producer();
    const calls = vi.spyOn(producer.queue, "enqueueMany");
    await Promise.all([1, 2, 3].map(() => producer.dispatcher.enqueue(ping)));
    expect(calls.mock.calls.map(([jobs]) => jobs.length)).toEqual([3]);
  });

  test("refuses a transaction where the queue has none", async () => {
    const { dispatcher, queue } = new Producer();
    expect(await rejection(dispatcher.enqueue(ping, undefined, { transaction: {} }))).toBeInstanceOf(
      UnsupportedError,
    );
    const result = await dispatcher.tryEnqueue(ping, undefined, { transaction: {} });
    expect(result.ok === false && result.error).toBeInstanceOf(UnsupportedError);
    expect(await queue.count()).toBe(0);
  });
});

describe("a dispatcher", () => {
  test("refuses options that nobody reads", () => {
    expect(() => new Producer({ eagre: true } as object)).toThrow('TaskDispatcher has no option "eagre"');
  });
});

describe("keys", () => {
  const Order = z.object({ id: z.string().transform((id) => id.trim()) });

  test("come from the parsed input and carry the task's name", async () => {
    const { dispatcher } = new Producer();
    const place = task({ name: "place", input: Order, unique: { key: ({ id }) => id } }, () => 1);
    const ship = task({ name: "ship", input: Order, unique: { key: ({ id }) => id } }, () => 1);
    await dispatcher.enqueue(place, { id: "7" });
    await dispatcher.enqueue(ship, { id: "7" });
    const error = (await rejection(dispatcher.enqueue(place, { id: " 7 " }))) as DuplicateTaskError;
    expect(error).toBeInstanceOf(DuplicateTaskError);
    expect(error.fields.key).toBe("place:7");
  });

  test("of idempotent tasks answer with the first job for 24 hours", async () => {
    const { dispatcher, clock } = new Producer();
    const welcome = task({ name: "welcome", input: Order, idempotencyKey: ({ id }) => id }, () => 1);
    const first = await dispatcher.enqueue(welcome, { id: "7" });
    const second = await dispatcher.enqueue(welcome, { id: "7" });
    expect([second.id, second.outcome]).toEqual([first.id, "existing"]);
    await clock.advance("24h");
    expect((await dispatcher.enqueue(welcome, { id: "7" })).outcome).toBe("accepted");
  });

  test("tell when a job took another's place", async () => {
    const { dispatcher } = new Producer();
    const unique = { key: "k", onConflict: "replace" } as const;
    const first = await dispatcher.enqueue(ping, undefined, { unique });
    const second = await dispatcher.enqueue(ping, undefined, { unique });
    expect(second.outcome).toBe("replaced");
    expect(await first.status()).toBe("cancelled");
  });

  test("that are no text are refused", async () => {
    const { dispatcher } = new Producer();
    const broken = task({ name: "broken", key: () => undefined as never }, () => 1);
    expect(await rejection(dispatcher.enqueue(broken))).toMatchObject({
      message: 'task "broken" is invalid: key: a key is a text of 1 to 512 characters, not undefined',
    });
  });

  test("of lanes are the task's or the call's, as they are", async () => {
    const { dispatcher } = new Producer();
    const keyed = task({ name: "keyed", input: Order, key: ({ id }) => `tenant-${id}` }, () => 1);
    const own = await dispatcher.enqueue(keyed, { id: "1" });
    const other = await dispatcher.enqueue(keyed, { id: "1" }, { key: "x" });
    expect([(await own.job())?.key, (await other.job())?.key]).toEqual(["tenant-1", "x"]);
  });
});

describe("tasks of a class", () => {
  const contract = task({ name: "report.render", input: z.object({ page: z.string().transform(Number) }) });
  class ReportTasks {
    @task({ input: z.object({ month: z.string() }), queue: "emails" })
    async build(input: { month: string }, _ctx: TaskContext): Promise<{ url: string }> {
      return { url: input.month };
    }
    @task()
    nightly(_ctx: TaskContext): number {
      return 1;
    }
    @handles(contract)
    render(input: { page: number }): string {
      return `page ${input.page}`;
    }
    helper(input: { month: string }): string {
      return input.month;
    }
  }

  test("are enqueued by typed calls, under the class's and the method's name", async () => {
    const { dispatcher, emails } = new Producer();
    const handle = await dispatcher.of(ReportTasks).build({ month: "may" }, { priority: 7 });
    expect(await emails.getJob(handle.id)).toMatchObject({ task: "ReportTasks.build", priority: 7 });
    await dispatcher.of(ReportTasks).nightly();
  });

  test("are enqueued by their contract where the schema transforms", async () => {
    const producer = new Producer();
    const handle = await producer.dispatcher.enqueue(contract, { page: "12" });
    expect((await producer.envelope(handle.id)).input).toEqual({ page: "12" });
  });

  test("do not include methods without a decorator, and the error says what to do", async () => {
    const error = await rejection(new Producer().dispatcher.of(ReportTasks).helper({ month: "may" }));
    expect(error).toBeInstanceOf(TaskNotFoundError);
    expect((error as TaskNotFoundError).fields.task).toBe("ReportTasks.helper");
    expect((error as TaskNotFoundError).hint).toMatch(/^put @task on it/);
  });

  test("can be listed, and awaited by mistake", async () => {
    const calls = new Producer().dispatcher.of(ReportTasks);
    expect(Object.keys(calls)).toEqual(["build", "nightly", "render"]);
    expect("helper" in calls).toBe(false);
    expect(Object.keys(await (calls as unknown as Promise<object>))).toEqual(["build", "nightly", "render"]);
  });
});

describe("a signature", () => {
  test("describes a job without enqueueing it", async () => {
    const { dispatcher, queue } = new Producer();
    const described = sendEmail.s({ to: "a" }, { priority: 9, delay: "1m" });
    expect(await queue.count()).toBe(0);
    expect(JSON.parse(JSON.stringify(described))).toEqual({
      task: "email.send",
      input: { to: "a" },
      options: { priority: 9, delay: "1m" },
    });
    const handle = await dispatcher.enqueue(described, { priority: 11 });
    expect(await handle.job()).toMatchObject({ task: "email.send", priority: 11, status: "scheduled" });
  });

  test("keeps the policy of its task where that is not registered", async () => {
    const { dispatcher } = new Producer();
    const error = await rejection(dispatcher.enqueue(sendEmail.signature({ to: 1 as never })));
    expect(error).toBeInstanceOf(TaskValidationError);
  });

  test("survives being written and read", async () => {
    const { dispatcher } = new Producer();
    const copy = JSON.parse(JSON.stringify(sendEmail.s({ to: "a" }))) as { task: string };
    expect((await (await dispatcher.enqueue(copy)).job())?.task).toBe("email.send");
  });
});
