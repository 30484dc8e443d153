import { serializeError } from "@lexigram/contracts";
import { IDEMPOTENCY_HEADER } from "../idempotency/recorded-outcome.ts";
import type { MethodTask } from "../define/registered-task.ts";
import type { Attempt } from "./attempt.ts";
import type { TaskContext } from "./task-context.ts";
import type { ScopeSource, WorkerServices } from "./worker-services.ts";

/** Calls an attempt's handler. Answers without a promise when the handler does; a foreign thenable becomes a promise. */
function invokeHandler(attempt: Attempt, context: TaskContext, services: WorkerServices): unknown {
  const { task } = attempt.plan!;
  const result =
    task.kind === "function"
      ? task.run(attempt.input, context)
      : invokeMethod(task, attempt, context, services);
  if (result instanceof Promise || !isThenable(result)) return result;
  return Promise.resolve(result);
}

/**
 * As {@link invokeHandler}, but what was submitted under a key runs to its end once, and who renews leases while the event
 * loop stands still knows whose handler has it.
 */
export function runHandler(attempt: Attempt, context: TaskContext, services: WorkerServices): unknown {
  const { side } = attempt.consumer;
  return side === undefined
    ? onceHandler(attempt, context, services)
    : side.run(attempt, () => onceHandler(attempt, context, services));
}

function onceHandler(attempt: Attempt, context: TaskContext, services: WorkerServices): unknown {
  const { submissions } = services;
  const key = submissions === undefined ? undefined : attempt.headers[IDEMPOTENCY_HEADER];
  return key === undefined
    ? invokeHandler(attempt, context, services)
    : submissions!.run(key, attempt, () => invokeHandler(attempt, context, services));
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Partial<PromiseLike<unknown>>).then === "function"
  );
}

type Methods = Record<string, (...args: unknown[]) => unknown>;

async function invokeMethod(
  task: MethodTask,
  attempt: Attempt,
  context: TaskContext,
  services: WorkerServices,
): Promise<unknown> {
  if (services.container === undefined)
    return call(new (task.owner as new () => object)(), task, attempt, context);
  const scope = (services.container satisfies ScopeSource).createScope();
  try {
    return await call(scope.resolve(task.owner), task, attempt, context);
  } finally {
    try {
      await scope[Symbol.asyncDispose]();
    } catch (error) {
      // The handler's own outcome stands.
      services.logger.error("the scope of an attempt could not be disposed", {
        task: attempt.taskName,
        job: attempt.jobId,
        error: serializeError(error),
      });
    }
  }
}

function call(owner: object, task: MethodTask, attempt: Attempt, context: TaskContext): unknown {
  const methods = owner as Methods;
  return task.takesInput ? methods[task.method]!(attempt.input, context) : methods[task.method]!(context);
}
