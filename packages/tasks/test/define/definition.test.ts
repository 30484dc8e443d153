import {
  RetriesExhaustedError,
  TaskDeadlineError,
  TaskTimeoutError,
  TaskValidationError,
} from "@lexigram/contracts";
import { describe, expect, expectTypeOf, test, vi } from "vitest";
import { z } from "zod";
import { serveTask } from "../../src/define/running-applications.ts";
import { task, type } from "../../src/define/task.ts";
import { taskSpec } from "../../src/define/task-definition.ts";
import { DiscardTask, RejectTask, RetryTask } from "../../src/retry/control-flow.ts";
import { TestClock } from "../../src/testing/test-clock.ts";
import { Producer, rejection } from "../dispatch/producer.ts";

const Input = z.object({ n: z.string().transform(Number), times: z.number().default(1) });
const noRandom = (): number => 0.5;

describe("calling a definition", () => {
  const double = task({ name: "double", input: Input }, ({ n, times }, ctx) => ({
    n: n * 2,
    times,
    task: ctx.job.task,
  }));

  test("runs its function here, with the parsed input", async () => {
    expect(await double({ n: "4" })).toEqual({ n: 8, times: 1, task: "double" });
  });

  test("refuses an input that does not fit before the function runs", async () => {
    expect(await rejection(double({ n: 4 as never }))).toBeInstanceOf(TaskValidationError);
  });

  test("hands on what a test gives of the context, and fills in the rest", async () => {
    const peek = task({ name: "peek" }, async (ctx) => {
      await ctx.heartbeat();
      await ctx.progress.update(1, 2);
      ctx.log.info("quiet");
      return { attempt: ctx.attempt, headers: ctx.headers, aborted: ctx.signal.aborted, id: ctx.job.id };
    });
    expect(await peek({ attempt: 3, headers: { a: "b" } })).toEqual({
      attempt: 3,
      headers: { a: "b" },
      aborted: false,
      id: "local",
    });
    expect(await peek()).toMatchObject({ attempt: 1, headers: {} });
  });

  test("leaves the function itself within reach", () => {
    const fn = async (): Promise<number> => 1;
    expect(task({ name: "plain" }, fn).handler).toBe(fn);
  });

  test("bears the task's name and options", () => {
    expect(double.name).toBe("double");
    expect(double.options.input).toBe(Input);
    expect(Object.isFrozen(double.options)).toBe(true);
  });

  test("lets thrown errors through as they are", async () => {
    const boom = task({ name: "boom" }, () => {
      throw new RangeError("no");
    });
    expect(await rejection(boom())).toBeInstanceOf(RangeError);
  });
});

describe("apply", () => {
  const flaky = (
    fails: number,
    options: object = {},
  ): [ReturnType<typeof build>, ReturnType<typeof vi.fn>] => {
    const calls = vi.fn();
    const build_ = build(fails, options, calls);
    return [build_, calls];
  };
  function build(fails: number, options: object, calls: (attempt: number) => void) {
    return task(
      { name: "flaky", maxRetries: 2, retry: { baseDelay: "10s", jitter: false }, ...options },
      (ctx) => {
        calls(ctx.attempt);
        if (ctx.attempt <= fails) throw new RangeError(`attempt ${ctx.attempt}`);
        return "done";
      },
    );
  }

  test("repeats a failed attempt after the waits of its backoff", async () => {
    const clock = new TestClock();
    const [job, calls] = flaky(2);
    const result = job.apply({}, { clock, random: noRandom });
    await clock.advance("9s");
    expect(calls).toHaveBeenCalledTimes(1);
    await clock.advance("1s");
    expect(calls).toHaveBeenCalledTimes(2);
    await clock.advance("19s");
    expect(calls).toHaveBeenCalledTimes(2);
    await clock.advance("1s");
    expect(await result).toBe("done");
    expect(calls.mock.calls).toEqual([[1], [2], [3]]);
  });

  test("ends with the last error as the cause when the attempts are used up", async () => {
    const clock = new TestClock();
    const [job] = flaky(9);
    const thrown = rejection(job.apply({}, { clock, random: noRandom }));
    await clock.advance("1m");
    const error = (await thrown) as RetriesExhaustedError;
    expect(error).toBeInstanceOf(RetriesExhaustedError);
    expect(error.fields).toEqual({ task: "flaky", attempts: 3 });
    expect(error.cause).toMatchObject({ name: "RangeError", message: "attempt 3" });
  });

  test("throws at once what the rules do not repeat", async () => {
    const [job, calls] = flaky(9, { retry: { abortOn: [RangeError] } });
    expect(await rejection(job.apply())).toBeInstanceOf(RangeError);
    expect(calls).toHaveBeenCalledTimes(1);
  });

  test("repeats what retryOnResult asks for", async () => {
    const clock = new TestClock();
    let n = 0;
    const poll = task(
      { name: "poll", retry: { baseDelay: 10, retryOnResult: (result) => result === "wait" } },
      () => (++n < 3 ? "wait" : "ready"),
    );
    const result = poll.apply({}, { clock });
    await clock.advance("1s");
    expect(await result).toBe("ready");
  });

  test("limits each attempt, aborts its signal, and drops what comes late", async () => {
    const clock = new TestClock();
    const signals: AbortSignal[] = [];
    const slow = task({ name: "slow", timeout: "5s", maxRetries: 0 }, async (ctx) => {
      signals.push(ctx.signal);
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
      return "late";
    });
    const thrown = rejection(slow.apply({}, { clock }));
    await clock.advance("6s");
    const error = (await thrown) as RetriesExhaustedError;
    expect(error.cause).toBeInstanceOf(TaskTimeoutError);
    expect(signals[0]?.reason).toBeInstanceOf(TaskTimeoutError);
  });

  test("stops when its caller's signal is aborted, during an attempt or a wait", async () => {
    const clock = new TestClock();
    const stop = new AbortController();
    const [job] = flaky(9);
    const thrown = rejection(job.apply({ signal: stop.signal }, { clock }));
    await clock.advance("1s");
    stop.abort(new Error("enough"));
    expect(await thrown).toMatchObject({ message: "enough" });
    expect(await rejection(job.apply({ signal: stop.signal }, { clock }))).toMatchObject({
      message: "enough",
    });
  });

  test("obeys what the handler asks for", async () => {
    const clock = new TestClock();
    let n = 0;
    const put = task({ name: "put", maxRetries: 0, maxDeferrals: 2 }, () => {
      if (++n < 3) throw new RetryTask({ delay: "1s", countAttempt: false });
      return n;
    });
    const result = put.apply({}, { clock });
    await clock.advance("5s");
    expect(await result).toBe(3);
    const rejected = task({ name: "rejected" }, () => {
      throw new RejectTask({ reason: "not mine" });
    });
    expect(await rejection(rejected.apply())).toMatchObject({ code: "LEX_ERR_TASK_REJECTED" });
    const discarded = task({ name: "discarded" }, () => {
      throw new DiscardTask();
    });
    expect(await rejection(discarded.apply())).toMatchObject({ code: "LEX_ERR_TASK_DISCARDED" });
  });

  test("makes no attempt that would begin after the deadline", async () => {
    const [job, calls] = flaky(9, { deadline: "5s" });
    expect(await rejection(job.apply({}, { clock: new TestClock(), random: noRandom }))).toBeInstanceOf(
      TaskDeadlineError,
    );
    expect(calls).toHaveBeenCalledTimes(1);
  });

  test("refuses services that nobody reads", async () => {
    const [job] = flaky(0);
    expect(await rejection(job.apply({}, { clok: new TestClock() } as never))).toMatchObject({
      hint: 'did you mean "clock"?',
    });
  });

  test("validates once, before the first attempt", async () => {
    const add = task({ name: "add", input: Input }, ({ n }) => n + 1);
    expect(await add.apply({ n: "1" })).toBe(2);
    expect(await rejection(add.apply({ n: 1 as never }))).toBeInstanceOf(TaskValidationError);
  });
});

describe("applyAsync", () => {
  const mail = task({ name: "mail", queue: "emails", input: Input }, ({ n }) => n);

  test("goes through a dispatcher to the task's queue", async () => {
    const { dispatcher } = new Producer();
    const handle = await mail.applyAsync(dispatcher, { n: "1" }, { priority: 3 });
    expect(handle.queueName).toBe("emails");
    expectTypeOf(handle.result()).resolves.toBeNumber();
  });

  test("goes straight into a queue, and a refusal is never silent", async () => {
    const producer = new Producer();
    const handle = await mail.applyAsync(producer.queue, { n: "1" }, { id: "one" });
    expect(await handle.job()).toMatchObject({ id: "one", task: "mail" });
    expect(await rejection(mail.applyAsync(producer.queue, { n: "1" }, { id: "one" }))).toMatchObject({
      code: "LEX_ERR_TASK_DUPLICATE",
    });
    await producer.complete(5);
    expect(await handle.result()).toBe(5);
  });
});

describe("delay", () => {
  test("finds the running application that lists the task", async () => {
    const { dispatcher, queue } = new Producer();
    const ping = task({ name: "ping" }, () => 1);
    {
      using _ = serveTask(ping[taskSpec], dispatcher);
      const handle = await ping.delay(undefined, { priority: 3 });
      expect(await queue.getJob(handle.id)).toMatchObject({ task: "ping", priority: 3 });
    }
    expect(await rejection(ping.delay())).toMatchObject({
      code: "LEX_ERR_TASK_REGISTRATION",
      hint: expect.stringContaining("TasksModule.scope"),
    });
  });

  test("does not choose between two applications", async () => {
    const ping = task({ name: "ping" }, () => 1);
    using _one = serveTask(ping[taskSpec], new Producer().dispatcher);
    using _two = serveTask(ping[taskSpec], new Producer().dispatcher);
    expect(await rejection(ping.delay())).toMatchObject({
      message: '2 running applications list task "ping"',
      hint: expect.stringContaining("TaskDispatcher"),
    });
  });
});

describe("type", () => {
  test("gives a type and checks nothing", async () => {
    const trusting = task({ name: "trusting", input: type<{ n: number }>() }, ({ n }) => n);
    expect(await trusting({ n: "not a number" as never })).toBe("not a number");
  });
});
