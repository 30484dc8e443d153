import { type Logger, silentLogger, TaskCancelledError } from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { LoggingMiddleware } from "../../src/middleware/logging-middleware.ts";
import { TaskMiddlewarePipeline } from "../../src/middleware/pipeline.ts";
import { DiscardTask, RejectTask, RetryTask } from "../../src/retry/control-flow.ts";
import { RecordingLogger } from "../dispatch/producer.ts";
import { Workshop } from "../worker/workshop.ts";

async function linesOf(handler: () => unknown): Promise<RecordingLogger["lines"]> {
  const logger = new RecordingLogger();
  const line = new TaskMiddlewarePipeline({ logger }).add(new LoggingMiddleware(logger));
  await line.execute({ id: "j", task: "t" }, handler).catch(() => undefined);
  return logger.lines.slice(1);
}

const thrower = (error: unknown) => (): never => {
  throw error;
};
const facts = {
  task: "t",
  job: "j",
  queue: "default",
  attempt: 1,
  durationMs: expect.any(Number) as unknown,
};

describe("the logging middleware", () => {
  test("writes nothing above debug for a job that goes well", async () => {
    const logger = new RecordingLogger();
    const line = new TaskMiddlewarePipeline({ logger }).add(new LoggingMiddleware(logger));
    await line.execute({ id: "j", task: "t" }, () => 1);
    const { durationMs: _, ...started } = facts;
    expect(logger.lines).toEqual([
      { level: "debug", message: "task started", fields: started },
      { level: "debug", message: "task succeeded", fields: facts },
    ]);
  });

  test.each([
    ["task discarded", "info", new DiscardTask({ reason: "out of date" }), { reason: "out of date" }],
    [
      "task cancelled",
      "info",
      new TaskCancelledError({ jobId: "j", reason: "it was asked for" }),
      { reason: "it was asked for" },
    ],
    ["task rejected", "warn", new RejectTask({ reason: "not mine" }), { reason: "not mine", requeue: false }],
    ["task asked for another attempt", "warn", new RetryTask({ reason: "busy" }), { reason: "busy" }],
  ])("says %s at %s with the reason and without a stack", async (message, level, error, more) => {
    expect(await linesOf(thrower(error))).toEqual([{ level, message, fields: { ...facts, ...more } }]);
  });

  test("warns of a failure with its stack, the cancellation of another job included", async () => {
    for (const error of [new Error("no luck"), new TaskCancelledError({ jobId: "another", reason: "x" })])
      expect(await linesOf(thrower(error))).toEqual([
        {
          level: "warn",
          message: "task failed",
          fields: {
            ...facts,
            error: expect.objectContaining({
              message: error.message,
              stack: expect.any(String) as unknown,
            }) as unknown,
          },
        },
      ]);
  });

  test("tells a cancelled job from a failed one whatever its handler throws then", async () => {
    const shop = new Workshop();
    const pipeline = new TaskMiddlewarePipeline().add(new LoggingMiddleware(shop.logger));
    shop.define("waits", async (_input, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw new Error("AbortError of some client");
    });
    const id = await shop.enqueue("waits");
    await shop.start({ pipeline });
    await shop.queue.cancel(id);
    await shop.advance(6_000);
    expect((await shop.job(id)).status).toBe("cancelled");
    expect(shop.logged("task cancelled")).toEqual([
      expect.objectContaining({
        level: "info",
        fields: expect.not.objectContaining({ error: 0 }) as unknown,
      }),
    ]);
    expect(shop.logged("task failed")).toEqual([]);
  });

  test("says that a shutdown interrupted it, and not that it failed", async () => {
    const shop = new Workshop();
    const pipeline = new TaskMiddlewarePipeline().add(new LoggingMiddleware(shop.logger));
    shop.define("waits", async (_input, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      signal.throwIfAborted();
    });
    const id = await shop.enqueue("waits");
    const pool = await shop.start({ pipeline });
    await pool.stop({ drain: false });
    expect((await shop.job(id)).status).toBe("pending");
    expect(shop.logged("task interrupted").map(({ level }) => level)).toEqual(["info"]);
    expect(shop.logged("task failed")).toEqual([]);
  });

  test("puts no line together that the logger would drop", async () => {
    const logger: Logger = { ...silentLogger, info: vi.fn(), warn: vi.fn() };
    const one = new LoggingMiddleware(logger);
    const context = new Proxy({} as never, {
      get: (_target, name) => {
        throw new Error(`${String(name)} was read`);
      },
    });
    expect(() => one.afterExecute(context)).not.toThrow();
  });
});
