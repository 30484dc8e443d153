import { type AnySchema, TaskRegistrationError, TaskValidationError, told } from "@lexigram/contracts";
import type { MethodTask, TaskSpec } from "./registered-task.ts";
import { compilePolicy } from "./task-policy.ts";
import type { AnyTaskOptions } from "./task-options.ts";
import { takesNothing } from "./void-schema.ts";

/** Where a class keeps its task methods; a registered symbol, so that two copies of this package agree. */
const methods: unique symbol = Symbol.for("@lexigram/tasks:methods") as never;

export type TaskClass = abstract new (...args: never[]) => object;

interface MethodMark {
  readonly options: AnyTaskOptions;
  /** Known at once when the name is given; otherwise it depends on the class that is used. */
  readonly spec: TaskSpec | undefined;
}

interface Marked {
  [methods]?: Map<string, MethodMark>;
}

/** Checks options and makes what is known of the task without a handler. */
export function makeSpec(options: AnyTaskOptions, name: string): TaskSpec {
  const policy = compilePolicy({ ...options, name });
  const { input, output } = options as { readonly input?: AnySchema; readonly output?: AnySchema };
  return {
    name,
    policy,
    schema: input,
    takesInput: input !== undefined && !takesNothing(input),
    ...(output === undefined ? {} : { output }),
  };
}

/**
 * Notes that a method is a task. Options are checked here, where the class is defined.
 *
 * @throws TaskRegistrationError for what is no method of instances, or is a task already.
 */
export function markMethod(
  target: object,
  method: string,
  descriptor: { readonly value?: unknown } | undefined,
  options: AnyTaskOptions,
  spec: TaskSpec | undefined,
): void {
  if (typeof target === "function")
    throw new TaskRegistrationError(
      `${target.name}.${method} cannot be a task: it is static`,
      { task: options.name ?? `${target.name}.${method}` },
      {
        hint: "tasks are methods of instances, which the container makes; a plain function is declared with task(options, handler)",
      },
    );
  const fallback = `${target.constructor.name}.${method}`;
  if (typeof descriptor?.value !== "function")
    throw new TaskRegistrationError(`${fallback} cannot be a task: it is no method`, {
      task: options.name ?? fallback,
    });
  const own = Object.hasOwn(target, methods) ? (target as Marked)[methods] : undefined;
  if (own?.has(method) === true)
    throw new TaskRegistrationError(`${fallback} is decorated as a task twice`, {
      task: options.name ?? fallback,
    });
  const checked = makeSpec(options, options.name ?? fallback);
  const mark: MethodMark = { options, spec: spec ?? (options.name === undefined ? undefined : checked) };
  if (own === undefined)
    Object.defineProperty(target, methods, { value: new Map([[method, mark]]), enumerable: false });
  else own.set(method, mark);
}

/** Whether a method was marked as a task where it is defined. */
export function isTaskMethod(target: object, method: string): boolean {
  return Object.hasOwn(target, methods) && (target as Marked)[methods]?.has(method) === true;
}

/** @throws TaskValidationError for what is no class. */
export function requireClass(subject: string, owner: unknown): asserts owner is TaskClass {
  if (typeof owner === "function" && typeof (owner.prototype as unknown) === "object") return;
  throw new TaskValidationError(
    { subject, issues: [{ path: "owner", message: `must be a class, not ${told(owner)}` }] },
    { hint: "pass the class whose methods carry @task; a definition is a task by itself" },
  );
}

const known = new WeakMap<TaskClass, ReadonlyMap<string, MethodTask>>();

/**
 * The task methods of a class by method name, those of its parents included. A task without a name of its own is
 * called after the class that is asked for, so that two subclasses do not collide.
 */
export function taskMethodsOf(owner: TaskClass): ReadonlyMap<string, MethodTask> {
  const seen = known.get(owner);
  if (seen !== undefined) return seen;
  const chain: Marked[] = [];
  for (
    let at: object | null = owner.prototype as object;
    at !== null;
    at = Object.getPrototypeOf(at) as object | null
  )
    if (Object.hasOwn(at, methods)) chain.unshift(at);
  const found = new Map<string, MethodTask>();
  for (const marked of chain)
    for (const [method, mark] of marked[methods] ?? []) {
      const spec = mark.spec ?? makeSpec(mark.options, `${owner.name}.${method}`);
      found.set(method, { ...spec, kind: "method", owner, method });
    }
  known.set(owner, found);
  return found;
}

/** The options that a method was decorated with. */
export function methodOptions(owner: TaskClass, method: string): AnyTaskOptions | undefined {
  for (
    let at: object | null = owner.prototype as object;
    at !== null;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    const mark = Object.hasOwn(at, methods) ? (at as Marked)[methods]?.get(method) : undefined;
    if (mark !== undefined) return mark.options;
  }
  return undefined;
}
