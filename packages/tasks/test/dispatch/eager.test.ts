import {
  RemoteTaskError,
  TaskConfigError,
  TaskNotFoundError,
  TaskValidationError,
} from "@lexigram/contracts";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { HandlerRegistry } from "../../src/define/handler-registry.ts";
import { task } from "../../src/define/task.ts";
import type { TaskDispatcherOptions } from "../../src/dispatch/task-dispatcher.ts";
import { InMemoryProgressTracker } from "../../src/progress/shared-progress-tracker.ts";
import { Producer, RecordingLogger, rejection } from "./producer.ts";

const add = task(
  { name: "add", input: z.object({ a: z.coerce.number(), b: z.number() }), labels: { team: "x" } },
  async ({ a, b }, ctx) => {
    await ctx.progress.update(1, 2);
    ctx.log.info("adding", { a });
    return { sum: a + b, task: ctx.job.task, headers: ctx.headers, labels: ctx.labels };
  },
);
const boom = task({ name: "boom", maxRetries: 3 }, () => {
  throw new RangeError("no");
});

const silent = task(
  { name: "silent", input: z.object({ a: z.number(), b: z.number() }).optional() },
  () => 1,
);

function eager(more: Partial<TaskDispatcherOptions> = {}): Producer {
  const registry = new HandlerRegistry();
  registry.register(add);
  registry.register(boom);
  registry.register(silent);
  return new Producer({ registry, eager: true, progress: new InMemoryProgressTracker(), ...more });
}

describe("an eager dispatcher", () => {
  test("runs a job where it is enqueued, and stores nothing", async () => {
    const { dispatcher, queue } = eager();
    const handle = await dispatcher.enqueue(
      add,
      { a: "1", b: 2 },
      { correlationId: "c", labels: { own: "y" } },
    );
    expect(await handle.status()).toBe("completed");
    expect(await handle.result()).toEqual({
      sum: 3,
      task: "add",
      headers: { "correlation-id": "c" },
      labels: { team: "x", own: "y" },
    });
    expect(await handle.cancel()).toBe("finished");
    expect(await handle.job()).toBeUndefined();
    expect(await queue.count()).toBe(0);
  });

  test("validates as a queue's dispatcher does", async () => {
    const error = await rejection(eager().dispatcher.enqueue(add, { a: 1, b: "2" as never }));
    expect(error).toBeInstanceOf(TaskValidationError);
  });

  test("tells of a failure through the handle, after one attempt", async () => {
    const handle = await eager().dispatcher.enqueue(boom);
    expect(await handle.status()).toBe("failed");
    const error = (await rejection(handle.result())) as RemoteTaskError;
    expect(error).toBeInstanceOf(RemoteTaskError);
    expect(error.fields.error).toMatchObject({ name: "RangeError", message: "no" });
    expect(error.cause).toBeInstanceOf(RangeError);
  });

  test.each([
    ["that reports", add, "complete"],
    ["that reports nothing", silent, "complete"],
    ["that fails", boom, "failed"],
  ] as const)("ends the progress of a job %s", async (_what, definition, status) => {
    const handle = await eager().dispatcher.enqueue(definition as typeof silent, { a: 1, b: 2 });
    const seen: string[] = [];
    for await (const snapshot of handle.progress) seen.push(snapshot.status);
    expect(seen).toEqual([status]);
  });

  test("fails no job whose progress cannot be written", async () => {
    const away = async (): Promise<never> => {
      throw new Error("the store is away");
    };
    const progress = { update: away, complete: away, fail: away, get: away, subscribe: vi.fn() };
    const handle = await eager({ progress }).dispatcher.enqueue(silent, undefined);
    expect(await handle.result()).toBe(1);
  });

  test("runs many", async () => {
    const results = await eager().dispatcher.enqueueMany([
      { task: add, input: { a: 1, b: 1 } },
      { task: boom },
    ]);
    expect(results.map(({ ok }) => ok)).toEqual([true, true]);
    expect(results[0].ok && (await results[0].value.result()).sum).toBe(2);
  });

  test("gives the handler its logger", async () => {
    const logger = new RecordingLogger();
    const { id } = await eager({ logger }).dispatcher.enqueue(add, { a: 1, b: 2 });
    expect(logger.lines).toEqual([
      { level: "info", message: "adding", fields: { job: id, task: "add", attempt: 1, a: 1 } },
    ]);
  });

  test("needs a handler", async () => {
    const other = task({ name: "other" }, () => 1);
    expect(await rejection(eager().dispatcher.enqueue(other))).toBeInstanceOf(TaskNotFoundError);
    expect(() => new Producer({ eager: true })).toThrow(TaskConfigError);
  });
});
