import { type DistributedLockProtocol, TaskNotFoundError } from "@lexigram/contracts";
import { type TaskClass, taskMethodsOf } from "../define/task-methods.ts";
import type { TaskSpec } from "../define/registered-task.ts";
import type { TaskContext } from "../worker/task-context.ts";
import type { EnqueueOptions } from "./enqueue-options.ts";
import type { TaskHandle } from "./task-handle.ts";

type IsAny<T> = 0 extends 1 & T ? true : false;
type IsContext<T> = IsAny<T> extends true ? false : [T] extends [TaskContext] ? true : false;
type Takes<M> = M extends (...args: infer A) => unknown ? A : never;
type Gives<M> = M extends (...args: never[]) => infer R ? Awaited<R> : never;

/** What `@distributedLock` adds to the arguments of a method. */
type Lock = DistributedLockProtocol | undefined;

/** Whether a method has the shape of a handler: `()`, `(ctx)`, `(input)` or `(input, ctx)`, and after the context perhaps its lock. */
type IsTaskMethod<M> = [M] extends [(...args: never[]) => unknown]
  ? Takes<M>["length"] extends 0 | 1
    ? true
    : Takes<M> extends [first?: unknown, second?: infer C, lock?: Lock]
      ? [TaskContext] extends [C]
        ? true
        : IsContext<First<Takes<M>>> extends true
          ? [C] extends [Lock]
            ? true
            : false
          : false
      : false
  : false;

type First<A> = A extends [first?: infer I, ...rest: unknown[]] ? I : never;

type MethodCall<M> =
  Takes<M> extends []
    ? (input?: undefined, options?: EnqueueOptions) => Promise<TaskHandle<Gives<M>>>
    : IsContext<First<Takes<M>>> extends true
      ? (input?: undefined, options?: EnqueueOptions) => Promise<TaskHandle<Gives<M>>>
      : (input: First<Takes<M>>, options?: EnqueueOptions) => Promise<TaskHandle<Gives<M>>>;

/**
 * The tasks of a class as calls that enqueue them. The compiler cannot see which methods carry `@task`: calling
 * another one of fitting shape rejects with `TaskNotFoundError`.
 */
export type TaskCalls<C> = {
  readonly [K in keyof C as IsTaskMethod<C[K]> extends true ? K : never]: MethodCall<C[K]>;
};

type Submit = (spec: TaskSpec, input: unknown, options: EnqueueOptions | undefined) => Promise<unknown>;

/** The calls of one class, through one dispatcher. */
export function taskCalls(owner: TaskClass, submit: Submit): object {
  const calls = new Map<string, (input?: unknown, options?: EnqueueOptions) => Promise<unknown>>();
  for (const [method, task] of taskMethodsOf(owner))
    calls.set(method, (input, options) => submit(task, input, options));
  return new Proxy(Object.create(null) as object, {
    get(_, method) {
      // `then` must be absent, or awaiting the object would call it.
      if (typeof method === "symbol" || method === "then") return undefined;
      return calls.get(method) ?? (() => Promise.reject(undecorated(owner, method)));
    },
    has: (_, method) => typeof method === "string" && calls.has(method),
    ownKeys: () => [...calls.keys()],
    getOwnPropertyDescriptor: (_, method) =>
      typeof method === "string" && calls.has(method)
        ? { value: calls.get(method), enumerable: true, configurable: true }
        : undefined,
  });
}

function undecorated(owner: TaskClass, method: string): TaskNotFoundError {
  const known = [...taskMethodsOf(owner).keys()];
  return new TaskNotFoundError(
    { task: `${owner.name}.${method}`, known },
    { hint: `put @task on it; tasks of ${owner.name}: ${known.join(", ") || "none"}` },
  );
}
