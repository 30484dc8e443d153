import { ManualClock } from "@lexigram/conformance";
import { JobResult, TaskConfigError } from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { JobExecutionContext } from "../../src/middleware/execution-context.ts";
import { MetricsMiddleware } from "../../src/middleware/metrics-middleware.ts";
import type { TaskExecutionContext, TaskMiddleware } from "../../src/middleware/middleware.ts";
import { TaskMiddlewarePipeline } from "../../src/middleware/pipeline.ts";
import { TIMEOUT_KEY, TimeoutMiddleware } from "../../src/middleware/timeout-middleware.ts";

const clock = new ManualClock();
const job = { id: "j", task: "t", input: 1 };
const fault = vi.fn();
const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: fault };
const pipeline = (): TaskMiddlewarePipeline => new TaskMiddlewarePipeline({ logger, clock });
const contextOf = (
  facts: Partial<ConstructorParameters<typeof JobExecutionContext>[0]> = {},
): JobExecutionContext =>
  new JobExecutionContext(
    { phase: "process", taskName: "t", queueName: "q", jobId: "j", input: 1, headers: {}, ...facts },
    clock,
  );

describe("a pipeline", () => {
  test("runs functions as an onion, the first one outermost", async () => {
    const order: string[] = [];
    const wrap = (name: string) => async (_context: TaskExecutionContext, next: () => Promise<unknown>) => {
      order.push(`${name} in`);
      const result = await next();
      order.push(`${name} out`);
      return `${name}(${String(result)})`;
    };
    const result = await pipeline()
      .use(wrap("a"))
      .use(wrap("b"))
      .execute(job, () => "x");
    expect(order).toEqual(["a in", "b in", "b out", "a out"]);
    expect(result).toMatchObject({ success: true, data: "a(b(x))" });
  });

  test("runs before in order, after and onError in reverse, around functions between them", async () => {
    const order: string[] = [];
    const hooks = (name: string): TaskMiddleware => ({
      beforeExecute: async () => void order.push(`${name} before`),
      afterExecute: () => void order.push(`${name} after`),
      onError: async (_context, error) => void order.push(`${name} error ${String(error)}`),
    });
    const line = pipeline()
      .add(hooks("a"))
      .add(hooks("b"))
      .use(async (_context, next) => {
        order.push("f in");
        return next().finally(() => order.push("f out"));
      })
      .add(hooks("c"));
    await line.execute(job, () => 1);
    expect(order).toEqual([
      "a before",
      "b before",
      "f in",
      "c before",
      "c after",
      "f out",
      "b after",
      "a after",
    ]);
    order.length = 0;
    await expect(line.execute(job, () => Promise.reject("no"))).rejects.toBe("no");
    expect(order).toEqual([
      "a before",
      "b before",
      "f in",
      "c before",
      "c error no",
      "f out",
      "b error no",
      "a error no",
    ]);
  });

  test("logs what after and onError throw, goes on with the others, and keeps the outcome", async () => {
    fault.mockClear();
    const seen: string[] = [];
    const line = pipeline()
      .add({ afterExecute: () => void seen.push("first"), onError: () => void seen.push("first error") })
      .add({
        afterExecute: () => {
          throw new Error("sync");
        },
        onError: () => Promise.reject(new Error("async")),
      })
      .add({
        afterExecute: () => Promise.reject(new Error("async")),
        onError: () => {
          throw new Error("sync");
        },
      });
    expect((await line.execute(job, () => 5)).data).toBe(5);
    await expect(
      line.execute(job, () => {
        throw new TypeError("mine");
      }),
    ).rejects.toThrow("mine");
    expect(seen).toEqual(["first", "first error"]);
    expect(fault).toHaveBeenCalledTimes(4);
  });

  test("fails with what before throws, and onError hears it", async () => {
    const heard: unknown[] = [];
    const ran = vi.fn();
    const line = pipeline()
      .add({ onError: (_context, error) => void heard.push(error) })
      .add({ beforeExecute: () => Promise.reject(new Error("no")) });
    await expect(line.execute(job, ran)).rejects.toThrow("no");
    expect([heard.length, ran.mock.calls.length]).toEqual([1, 0]);
  });

  test("refuses a second call of next", async () => {
    const ran = vi.fn();
    const line = pipeline().use(async (_context, next) => {
      await next();
      return next();
    });
    await expect(line.execute(job, ran)).rejects.toThrow("more than once");
    expect(ran).toHaveBeenCalledTimes(1);
  });

  test("turns what is thrown inside a layer into a rejection of next", async () => {
    const line = pipeline().use((_context, next) =>
      next().catch((error: unknown) => `caught ${(error as Error).message}`),
    );
    expect(
      (
        await line.execute(job, () => {
          throw new Error("x");
        })
      ).data,
    ).toBe("caught x");
  });

  test("is composed when it changes, not per job, and is nothing while it is empty", async () => {
    const line = pipeline();
    expect(line.around("process")).toBeUndefined();
    const inner = async (): Promise<unknown> => 1;
    expect(await line.compose("process")(contextOf(), inner)).toBe(1);
    line.add(new MetricsMiddleware());
    expect(line.around("process")).toBe(line.around("process"));
    const before = line.around("process");
    line.use((_context, next) => next());
    expect(line.around("process")).not.toBe(before);
    expect(await line.compose("process")(contextOf(), inner)).toBe(1);
  });

  test("keeps phases apart: hooks take part in process, functions in both, unless told otherwise", () => {
    const line = pipeline()
      .add({ onError: () => undefined })
      .use((_context, next) => next())
      .add({ onError: () => undefined }, ["enqueue"])
      .use((_context, next) => next(), ["enqueue"]);
    expect([line.size("process"), line.size("enqueue")]).toEqual([2, 3]);
  });

  test("needs no promise when nothing in it does", () => {
    const around = pipeline()
      .add(new MetricsMiddleware())
      .add(new TimeoutMiddleware({ clock }))
      .around("process");
    expect(around?.(contextOf(), () => 7)).toBe(7);
  });
});

describe("a context of a pass", () => {
  test("measures so far, then in all, and makes its metadata when first read", async () => {
    const context = contextOf({ attempt: 2 });
    await clock.advance(30);
    expect([context.durationMs, context.attempt, context.endTime]).toEqual([30, 2, undefined]);
    context.endTime = clock.monotonic();
    await clock.advance(30);
    expect(context.durationMs).toBe(30);
    context.metadata["k"] = 1;
    expect(context.metadata).toEqual({ k: 1 });
  });
});

describe("the metrics middleware", () => {
  test("counts and times by task", async () => {
    const metrics = new MetricsMiddleware();
    const line = pipeline().add(metrics);
    await line.execute(job, () => clock.advance(10));
    await line.execute(job, () => clock.advance(30));
    await expect(line.execute({ ...job, task: "u" }, () => Promise.reject(new Error("no")))).rejects.toThrow(
      "no",
    );
    expect(metrics.getStats()).toEqual({
      tasks: {
        t: { count: 2, errors: 0, totalMs: 40, minMs: 10, maxMs: 30, avgMs: 20 },
        u: { count: 1, errors: 1, totalMs: 0, minMs: 0, maxMs: 0, avgMs: 0 },
      },
      totalExecuted: 3,
      totalFailed: 1,
    });
    metrics.reset();
    expect(metrics.getStats()).toEqual({ tasks: {}, totalExecuted: 0, totalFailed: 0 });
  });

  test("keeps a bounded number of names", () => {
    const metrics = new MetricsMiddleware({ maxTasks: 2 });
    for (const taskName of ["a", "b", "c", "d"]) metrics.afterExecute(contextOf({ taskName }));
    expect(Object.keys(metrics.getStats().tasks)).toEqual(["a", "b", "(other)"]);
    expect(metrics.getStats().totalExecuted).toBe(4);
  });
});

describe("the timeout middleware", () => {
  test("tells the limit that holds: the worker's, else its default, never above its maximum", async () => {
    const limit = async (timeout: TimeoutMiddleware, timeoutMs?: number): Promise<unknown> => {
      const context = contextOf(timeoutMs === undefined ? {} : { timeoutMs });
      timeout.beforeExecute(context);
      return context.metadata[TIMEOUT_KEY];
    };
    expect(await limit(new TimeoutMiddleware())).toBe(300_000);
    expect(await limit(new TimeoutMiddleware({ defaultTimeout: "1s" }))).toBe(1_000);
    expect(await limit(new TimeoutMiddleware({ defaultTimeout: "1s" }), 700)).toBe(700);
    expect(await limit(new TimeoutMiddleware({ maxTimeout: "500ms" }), 700)).toBe(500);
  });

  test("runs a handler within its limit, and answers with an outcome in any case", async () => {
    const timeout = new TimeoutMiddleware({ defaultTimeout: "1s", clock });
    expect(await timeout.executeWithTimeout((input) => input, job)).toEqual(JobResult.ok(1, 0));
    const failed = await timeout.executeWithTimeout(() => {
      throw new Error("no");
    }, job);
    expect([failed.success, failed.error?.message]).toEqual([false, "no"]);
    const slow = timeout.executeWithTimeout(() => new Promise(() => undefined), job);
    await clock.advance(1_000);
    expect((await slow).error?.code).toBe("LEX_ERR_TASK_TIMEOUT");
    expect((await slow).durationMs).toBe(1_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test("refuses a limit of 0", () => {
    expect(() => new TimeoutMiddleware({ defaultTimeout: 0 })).toThrow(TaskConfigError);
    expect(() => new TimeoutMiddleware({ maxTimeout: 0 })).toThrow(TaskConfigError);
  });
});
