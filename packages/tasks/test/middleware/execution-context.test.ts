import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import {
  TaskExecutionContext,
  type TaskMiddleware,
  type TaskMiddlewareFunction,
  TaskMiddlewarePipeline,
} from "../../src/index.ts";

const FACTS = {
  phase: "process",
  taskName: "t",
  queueName: "default",
  jobId: "1",
  input: 5,
  headers: { a: "b" },
} as const;

describe("TaskExecutionContext", () => {
  test("is made by hand to run middleware alone", async () => {
    const clock = new ManualClock();
    const context = new TaskExecutionContext({ ...FACTS, attempt: 2 }, clock);
    const middleware: TaskMiddlewareFunction = async (given: TaskExecutionContext, next) => {
      given.metadata["seen"] = [given.taskName, given.attempt, given.input, given.headers];
      await clock.advance(30);
      return next();
    };
    expect(await middleware(context, async () => "done")).toBe("done");
    expect(context.metadata).toEqual({ seen: ["t", 2, 5, { a: "b" }] });
    expect(context.durationMs).toBe(30);
  });

  test("is the class of what a pipeline hands out", async () => {
    const seen: TaskExecutionContext[] = [];
    const middleware: TaskMiddleware = { beforeExecute: (context) => void seen.push(context) };
    await new TaskMiddlewarePipeline().add(middleware).execute({ id: "1", task: "t" }, () => 1);
    expect(seen.map((context) => context instanceof TaskExecutionContext)).toEqual([true]);
  });
});
