import {
  type AnySchema,
  requireOptions,
  type SchemaInput,
  type SchemaOutput,
  type StandardSchemaV1,
  type TaskQueueProtocol,
  TaskRegistrationError,
  TaskValidationError,
  told,
} from "@lexigram/contracts";
import { enqueueOn } from "../dispatch/direct-enqueue.ts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";
import type { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import type { TaskContext } from "../worker/task-context.ts";
import { runOnce, runWithPolicy } from "./local-run.ts";
import type { FunctionTask, TaskSpec } from "./registered-task.ts";
import { servingDispatcher } from "./running-applications.ts";
import {
  type ContractRef,
  type ContractOptions,
  type ContractOrDecorator,
  type HandlerArgs,
  type IsVoid,
  type MethodSlot,
  runnable,
  specOf,
  type TaskDefinition,
  type TaskHandler,
  type TaskRef,
  taskSpec,
} from "./task-definition.ts";
import { makeSpec, markMethod } from "./task-methods.ts";
import { checkTaskName } from "./task-name.ts";
import type { AnyTaskOptions, NoInput, TaskOptions } from "./task-options.ts";
import { TaskSignature } from "./task-signature.ts";

type AnyHandler = (...args: unknown[]) => unknown;

/**
 * Declares a task.
 *
 * With a handler it gives a definition: callable here, enqueued by a dispatcher, run by workers of the application
 * that lists it in `TasksModule.scope(...)`. The caller passes the schema's input; the handler sees its output. A task
 * without `input` has a handler that takes the context alone.
 *
 * Without a handler it gives a contract: what a producer imports, and what `@handles` binds to a method. A contract,
 * or the same call without a name, is also the decorator of a method of an injected class.
 *
 * @throws TaskConfigError for an option that is unknown, out of range, or at odds with another.
 */
export function task<S extends AnySchema = NoInput, O = unknown>(
  options: TaskOptions<S>,
  handler: (...args: HandlerArgs<SchemaOutput<S>>) => O,
): TaskDefinition<SchemaInput<S>, SchemaOutput<S>, Awaited<O>>;
export function task<
  S extends AnySchema = NoInput,
  R extends AnySchema = StandardSchemaV1,
  const N extends string | undefined = undefined,
>(options?: ContractOptions<S, R, N>): ContractOrDecorator<S, R, N>;
export function task(
  options: AnyTaskOptions = {},
  handler?: (...args: never[]) => unknown,
): any /* oxlint-disable-line typescript/no-explicit-any -- one of the two above */ {
  requireOptions("task()", options);
  if (handler !== undefined) return definition(options, handler as AnyHandler);
  return options.name === undefined ? decorator(options) : contract(options);
}

/** Binds a method to a contract: it gets the parsed input, whatever callers pass. */
export function handles<I, P, O>(
  contract: ContractRef<I, P, O>,
): (target: object, method: string, descriptor: MethodSlot<TaskHandler<P, O>>) => void {
  const spec = specOf(contract);
  if (spec === undefined)
    throw new TaskRegistrationError(
      "@handles needs a contract",
      { task: typeof contract === "function" ? (contract as TaskRef<I, O>).name : typeof contract },
      {
        hint: "make one with task({ name, input }), without a handler",
      },
    );
  return (target, method, descriptor) => markMethod(target, method, descriptor, contract.options, spec);
}

/**
 * A schema that checks nothing and only gives a type. Data from other processes is then taken on trust. Of `void` it
 * does not compile: nothing could tell it from others when it runs, so a task without input leaves `input` out.
 */
export function type<T>(
  ..._void: IsVoid<T> extends true ? [leaveInputOut: never] : []
): StandardSchemaV1<T, T> {
  return { "~standard": { version: 1, vendor: "lexigram", validate: (value) => ({ value: value as T }) } };
}

function definition(options: AnyTaskOptions, handler: AnyHandler): unknown {
  checkTaskName(options.name);
  const spec = makeSpec(options, options.name);
  if (typeof handler !== "function")
    throw new TaskRegistrationError(`the handler of task "${spec.name}" is no function`, { task: spec.name });
  const run = functionTask(spec, handler);
  const { takesInput } = spec;
  // A task without input is called with what follows the input in the others.
  const split = (args: unknown[]): unknown[] => (takesInput ? args : [undefined, ...args]);
  const call = (...args: unknown[]): Promise<unknown> => {
    const [input, context] = split(args);
    return runOnce(run, input, context as Partial<TaskContext> | undefined);
  };
  return withMembers(call, options, spec, {
    handler,
    [runnable]: true,
    apply: async (...args: unknown[]) => {
      const [input, context, services] = split(args);
      return runWithPolicy(run, input, context ?? {}, services ?? {});
    },
    delay: async (input: unknown, enqueueOptions?: EnqueueOptions) =>
      servingDispatcher(spec).enqueue(new TaskSignature(spec, input, enqueueOptions)),
  });
}

/** A function as the registry keeps it: always called with input and context. */
export function functionTask(spec: TaskSpec, handler: AnyHandler): FunctionTask {
  const run = spec.takesInput
    ? (handler as FunctionTask["run"])
    : (_input: unknown, context: TaskContext) => handler(context);
  return { ...spec, kind: "function", run };
}

function contract(options: AnyTaskOptions): unknown {
  checkTaskName(options.name);
  const spec = makeSpec(options, options.name);
  const decorate = (target: object, method: string, descriptor?: { value?: unknown }): void =>
    markMethod(target, method, descriptor, options, spec);
  return withMembers(decorate, options, spec, {});
}

function decorator(options: AnyTaskOptions): unknown {
  return (target: object, method: string, descriptor?: { value?: unknown }): void =>
    markMethod(target, method, descriptor, options, undefined);
}

function enqueuingTarget(taskName: string, target: unknown): object {
  const enqueues = target as { readonly enqueue?: unknown; readonly enqueueMany?: unknown };
  if (
    typeof target === "object" &&
    target !== null &&
    typeof enqueues.enqueue === "function" &&
    typeof enqueues.enqueueMany === "function"
  )
    return target;
  throw new TaskValidationError(
    {
      subject: `applyAsync of task "${taskName}"`,
      issues: [{ path: "target", message: `must be a dispatcher or a queue, not ${told(target)}` }],
    },
    { hint: "the input comes second: task.applyAsync(dispatcher, input, options)" },
  );
}

function withMembers(call: object, options: AnyTaskOptions, spec: TaskSpec, members: object): unknown {
  const signature = (input?: unknown, enqueueOptions?: EnqueueOptions): TaskSignature =>
    new TaskSignature(spec, input, enqueueOptions);
  const all: object = {
    ...members,
    // Function.name is read-only, so it is defined rather than assigned.
    name: spec.name,
    options: Object.freeze({ ...options }),
    [taskSpec]: spec,
    signature,
    s: signature,
    applyAsync: async (
      target: TaskDispatcher | TaskQueueProtocol,
      input?: unknown,
      enqueueOptions?: EnqueueOptions,
    ) =>
      "tryEnqueue" in enqueuingTarget(spec.name, target)
        ? (target as TaskDispatcher).enqueue(signature(input, enqueueOptions))
        : enqueueOn(target as TaskQueueProtocol, signature(input, enqueueOptions)),
  };
  for (const name of Reflect.ownKeys(all))
    Object.defineProperty(call, name, {
      value: (all as Record<PropertyKey, unknown>)[name],
      configurable: true,
    });
  return call;
}
