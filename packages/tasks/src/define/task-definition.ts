import type { Clock, Random, SchemaInput, SchemaOutput, TaskQueueProtocol } from "@lexigram/contracts";
import type { AnySchema } from "@lexigram/contracts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";
import type { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import type { TaskHandle } from "../dispatch/task-handle.ts";
import type { TaskContext } from "../worker/task-context.ts";
import type { TaskSpec } from "./registered-task.ts";
import type { MethodTaskOptions, TaskOptions } from "./task-options.ts";
import type { TaskSignature } from "./task-signature.ts";

declare const types: unique symbol;

/** Carries what was checked when the task was defined; a registered symbol, so that two copies of this package agree. */
export const taskSpec: unique symbol = Symbol.for("@lexigram/tasks:spec") as never;
/** Marks what has a handler and can be listed in `TasksModule.scope(...)`. */
export const runnable: unique symbol = Symbol.for("@lexigram/tasks:runnable") as never;

/** Whether a type is of nothing: `void` or `undefined`, and not `any`. */
export type IsVoid<T> = 0 extends 1 & T ? false : [T] extends [void] ? true : false;

/** A handler takes the parsed input and the context; of a task without input the context alone. */
export type HandlerArgs<P> = IsVoid<P> extends true ? [ctx: TaskContext] : [input: P, ctx: TaskContext];
/** What follows the task in a call that enqueues it; a task without input may leave the input out. */
export type EnqueueArgs<I> =
  IsVoid<I> extends true
    ? [input?: undefined, options?: EnqueueOptions]
    : [input: I, options?: EnqueueOptions];
type CallArgs<I> =
  IsVoid<I> extends true ? [ctx?: Partial<TaskContext>] : [input: I, ctx?: Partial<TaskContext>];
type ApplyArgs<I> =
  IsVoid<I> extends true
    ? [ctx?: Partial<TaskContext>, services?: ApplyServices]
    : [input: I, ctx?: Partial<TaskContext>, services?: ApplyServices];
export type TaskHandler<P, O> = (...args: HandlerArgs<P>) => O | Promise<O>;

/** What `apply` waits and rolls dice with; by default the machine's own. */
export interface ApplyServices {
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A task as a producer sees it: `I` is what callers pass, `O` what the result will be. */
export interface TaskRef<I, O> {
  /** The task's name. */
  readonly name: string;
  readonly options: Readonly<TaskOptions<any>>; // oxlint-disable-line typescript/no-explicit-any -- variance: options over a schema of anything
  readonly [taskSpec]: TaskSpec;
  readonly [types]: { readonly input: I; readonly output: O };
}

export type TaskInput<T> = T extends TaskRef<infer I, unknown> ? I : never;
export type TaskOutput<T> = T extends TaskRef<unknown, infer O> ? O : never;

/** What can be listed in `TasksModule.scope(...)` besides classes. */
export interface Runnable {
  readonly [runnable]: true;
}

/** The ways to enqueue that need no dispatcher in the caller's hand. */
export interface EnqueuingTask<I, O> extends TaskRef<I, O> {
  /** Describes a job without enqueueing it; `dispatcher.enqueue` takes the description. */
  signature(...args: EnqueueArgs<I>): TaskSignature<O>;
  /** Short for {@link signature}. */
  s(...args: EnqueueArgs<I>): TaskSignature<O>;
  /**
   * Enqueues through a dispatcher, into the queue that the task names, or straight into the queue that is given.
   *
   * @throws what `dispatcher.enqueue` throws; an enqueue that was refused is never silent.
   */
  applyAsync(target: TaskDispatcher | TaskQueueProtocol, ...args: EnqueueArgs<I>): Promise<TaskHandle<O>>;
}

/**
 * A task with its handler: `I` is what callers pass, `P` the parsed value that the handler sees, `O` its result.
 * Calling it runs the function here and now, after validation, without queue, retries or time limit.
 */
export interface TaskDefinition<I, P, O> extends EnqueuingTask<I, O>, Runnable {
  (...args: CallArgs<I>): Promise<O>;
  /** The function itself. */
  readonly handler: TaskHandler<P, O>;
  /**
   * Runs the task here and now under its policy: validation, time limit, and retries with their waits in between.
   *
   * @throws RetriesExhaustedError with the last error as its cause; at once what the retry rules do not repeat.
   */
  apply(...args: ApplyArgs<I>): Promise<O>;
  /**
   * Enqueues through the application that lists this task in `TasksModule.scope(...)` and is running now.
   *
   * @throws TaskRegistrationError when none is, or more than one; what `dispatcher.enqueue` throws.
   */
  delay(...args: EnqueueArgs<I>): Promise<TaskHandle<O>>;
}

/** What a decorator of methods gets; shorter in messages than TypedPropertyDescriptor. */
export interface MethodSlot<M> {
  value?: M | undefined;
}

/** Only ever seen in an error: the method would get another type than its callers pass. Put `@handles(contract)` on it. */
export interface UseHandlesBecauseInputIsTransformed<CallerPasses, MethodGets> {
  callerPasses: CallerPasses;
  methodGets: MethodGets;
}

/** Makes a method a task. */
export type TaskMethodDecorator<I, P, O> = (
  target: object,
  method: string,
  descriptor: [P] extends [I] ? MethodSlot<TaskHandler<P, O>> : UseHandlesBecauseInputIsTransformed<I, P>,
) => void;

declare const parsed: unique symbol;

/** What `@handles` and a registry need of a contract. Not callable itself, so that no linter takes a task for a callback. */
export interface ContractRef<I, P, O> extends TaskRef<I, O> {
  /** The parsed type, which callers do not see. */
  readonly [parsed]: P;
}

/** A task without its handler: what a producer imports, and what `@handles` binds a method to. Also a decorator itself. */
export interface TaskContract<I, P, O> extends ContractRef<I, P, O>, EnqueuingTask<I, O> {
  (
    target: object,
    method: string,
    descriptor: [P] extends [I] ? MethodSlot<TaskHandler<P, O>> : UseHandlesBecauseInputIsTransformed<I, P>,
  ): void;
}

/** Options of a task whose handler stands elsewhere. */
export type ContractOptions<
  S extends AnySchema,
  R extends AnySchema,
  N extends string | undefined,
> = MethodTaskOptions<S> & {
  /** The task's name; without one it is `Class.method`, and only the class can be enqueued. */
  readonly name?: N;
  /** What the result is. A waiter parses with it, so that text becomes a date again. */
  readonly output?: R;
};

/** With a name a contract, without one a decorator and no more. */
export type ContractOrDecorator<S extends AnySchema, R extends AnySchema, N extends string | undefined> = [
  N,
] extends [string]
  ? TaskContract<SchemaInput<S>, SchemaOutput<S>, SchemaOutput<R>>
  : TaskMethodDecorator<SchemaInput<S>, SchemaOutput<S>, SchemaOutput<R>>;

/** The checked facts of a task, or `undefined` for what is no task. */
export function specOf(value: unknown): TaskSpec | undefined {
  return typeof value === "function" ? (value as Partial<TaskRef<unknown, unknown>>)[taskSpec] : undefined;
}

/** Whether a value is a definition: a task with its handler. */
export function isDefinition(value: unknown): value is TaskDefinition<unknown, unknown, unknown> {
  return typeof value === "function" && runnable in value;
}
