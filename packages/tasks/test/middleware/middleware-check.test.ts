import { silentLogger, TaskConfigError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { LoggingMiddleware } from "../../src/middleware/logging-middleware.ts";
import { MetricsMiddleware } from "../../src/middleware/metrics-middleware.ts";
import type { TaskMiddleware, TaskMiddlewareFunction } from "../../src/middleware/middleware.ts";
import { TaskMiddlewarePipeline } from "../../src/middleware/pipeline.ts";
import { TimeoutMiddleware } from "../../src/middleware/timeout-middleware.ts";

function refusal(run: () => unknown): TaskConfigError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TaskConfigError);
    return error as TaskConfigError;
  }
  throw new Error("it was accepted");
}

describe("a pipeline", () => {
  class Misspelt {
    beforeExcute(): void {}
  }

  test.each([[5], [null], [undefined], ["x"], [{}], [[]], [{ onError: 5 }], [() => undefined]])(
    "refuses to add %j",
    (middleware) => {
      const pipeline = new TaskMiddlewarePipeline();
      const error = refusal(() => pipeline.add(middleware as TaskMiddleware));
      expect(error.hint).toContain("beforeExecute, afterExecute, onError");
      expect(pipeline.size("process")).toBe(0);
    },
  );

  test.each([
    ["beforeExecute", { beforeExcute: () => undefined }],
    ["beforeExecute", new Misspelt()],
    ["afterExecute", { beforeExecute: () => undefined, afterExcute: () => undefined }],
    ["onError", { onEror: () => undefined }],
  ])("names the hook %s that a misspelt one meant", (hook, middleware) => {
    const error = refusal(() => new TaskMiddlewarePipeline().add(middleware as TaskMiddleware));
    expect(error.hint).toBe(`did you mean "${hook}"?`);
  });

  test.each([[5], [null], [undefined], [{ beforeExecute: () => undefined }]])(
    "refuses to use %j",
    (given) => {
      const pipeline = new TaskMiddlewarePipeline();
      refusal(() => pipeline.use(given as unknown as TaskMiddlewareFunction));
      expect(pipeline.size("process")).toBe(0);
    },
  );

  test("takes objects and instances with any of the hooks, and whatever else they have", () => {
    class Own {
      readonly state = 1;
      before(): void {}
      onErrors(): void {}
      afterExecute(): void {}
    }
    const pipeline = new TaskMiddlewarePipeline()
      .add(new LoggingMiddleware(silentLogger))
      .add(new MetricsMiddleware())
      .add(new TimeoutMiddleware({}))
      .add(new Own())
      .add({ onError: () => undefined, beforeExecute: undefined } as unknown as TaskMiddleware);
    expect(pipeline.size("process")).toBe(5);
  });
});
