import {
  holdsOptions,
  type Logger,
  nearest,
  type PlainHandler,
  refuseUnknownOptions,
  refuseUnless,
  requireOptions,
  silentLogger,
  type TaskExecutorProtocol,
  TaskNotFoundError,
  TaskRegistrationError,
  told,
} from "@lexigram/contracts";
import type { WireArguments } from "../job/payload-input.ts";
import type { TaskContext } from "../worker/task-context.ts";
import { parseInput } from "./input-validation.ts";
import { localContext } from "./local-context.ts";
import type { RegisteredTask, TaskLookup, TaskSpec } from "./registered-task.ts";
import { functionTask } from "./task.ts";
import {
  isDefinition,
  type Runnable,
  specOf,
  type ContractRef,
  type TaskHandler,
  type TaskRef,
} from "./task-definition.ts";
import { makeSpec, methodOptions, requireClass, type TaskClass, taskMethodsOf } from "./task-methods.ts";
import type { AnyTaskOptions } from "./task-options.ts";

/** Gives the instance that a task's method is called on. */
export type ResolveInstance = (owner: TaskClass) => object | Promise<object>;

export interface HandlerRegistryOptions {
  readonly logger?: Logger;
  /** Used by `execute` for methods of classes; workers ask the attempt's own scope of the container. */
  readonly resolve?: ResolveInstance;
}

/** Options of a plain function that is registered by name. */
export type HandlerOptions = Omit<AnyTaskOptions, "name">;

/** What can be enumerated of a registered task. */
export interface RegisteredTaskInfo {
  readonly name: string;
  readonly kind: "function" | "method";
  readonly queue: string;
  readonly handler: string;
}

/**
 * The handlers of an application by task name. Workers look up at each execution, so what is registered late is seen
 * at once. One name has one handler.
 */
export class HandlerRegistry implements TaskExecutorProtocol, TaskLookup {
  readonly #tasks = new Map<string, RegisteredTask>();
  /** What was registered under each name: a definition, a class, or the function itself. */
  readonly #sources = new Map<string, unknown>();
  /** What the framework itself runs: found by workers, listed nowhere. */
  readonly #builtIn = new Map<string, RegisteredTask>();
  readonly #listeners = new Set<(task: RegisteredTask) => void>();
  readonly #judges = new Set<(task: RegisteredTask) => void>();
  readonly #logger: Logger;
  #resolve: ResolveInstance | undefined;

  /** @throws TaskConfigError for an unknown option. */
  constructor(options: HandlerRegistryOptions = {}) {
    refuseUnknownOptions("HandlerRegistry", options, ["logger", "resolve"]);
    this.#logger = options.logger ?? silentLogger;
    this.#resolve = options.resolve;
  }

  /** Says where instances come from, once there is a container. */
  resolveWith(resolve: ResolveInstance): void {
    this.#resolve = resolve;
  }

  /**
   * Registers a definition, or a function under a contract or a plain name. A plain function gets what arrives, as
   * `(input, ctx)`, checked by `options.input` when that is given.
   *
   * @throws TaskRegistrationError when the name is taken, or there is no handler; TaskConfigError for bad options.
   */
  register(definition: TaskRef<unknown, unknown> & Runnable): void;
  register<I, P, O>(contract: ContractRef<I, P, O>, handler: TaskHandler<P, O>): void;
  register(name: string, handler: PlainHandler, options?: HandlerOptions): void;
  register(what: unknown, handler?: unknown, options: HandlerOptions = {}): void {
    requireOptions("register", options);
    const spec = typeof what === "string" ? plainSpec(what, options) : specOf(what);
    const run = handler ?? (isDefinition(what) ? what.handler : undefined);
    const name = spec?.name ?? told(what);
    if (spec === undefined || typeof run !== "function")
      throw new TaskRegistrationError(
        `task "${name}" has no handler`,
        { task: name },
        {
          hint: "pass a definition made by task(options, handler), or a name or contract with a function",
        },
      );
    const given = typeof what === "string" ? options : (what as TaskRef<unknown, unknown>).options;
    const source = isDefinition(what) && handler === undefined ? what : run;
    this.#add(functionTask(spec, run as (...args: unknown[]) => unknown), given, source);
  }

  registerHandler(taskName: string, handler: PlainHandler): void {
    this.register(taskName, handler);
  }

  /**
   * Registers every `@task` and `@handles` method of a class, those of its parents included.
   *
   * @throws TaskRegistrationError when it has none, or one of the names is taken; then none is registered.
   */
  registerClass(owner: TaskClass): readonly RegisteredTask[] {
    requireClass("registerClass", owner);
    const tasks = [...taskMethodsOf(owner).values()];
    if (tasks.length === 0)
      throw new TaskRegistrationError(
        `class ${owner.name} has no task`,
        { task: owner.name },
        {
          hint: "put @task({ name }) on a method, or @handles(contract)",
        },
      );
    for (const task of tasks) this.#refuse(task, owner);
    for (const task of tasks) this.#add(task, methodOptions(owner, task.method) ?? {}, owner);
    return tasks;
  }

  /** The handler as it was given; of a method, one that makes the instance and calls it. */
  getHandler(taskName: string): PlainHandler | undefined {
    const task = this.#tasks.get(taskName);
    if (task === undefined) return undefined;
    return (input, context) => this.#call(task, input, context);
  }

  /** @returns whether there was one. */
  remove(taskName: string): boolean {
    this.#sources.delete(taskName);
    return this.#tasks.delete(taskName);
  }

  lookup(taskName: string): RegisteredTask | undefined {
    return this.#tasks.get(taskName) ?? this.#builtIn.get(taskName);
  }

  /** @internal Registers what the framework itself runs; it is listed nowhere. One that is there already is replaced. */
  registerBuiltIn(task: RegisteredTask): void {
    this.#builtIn.set(task.name, task);
  }

  /** @throws TaskNotFoundError listing the names there are, the nearest first. */
  require(taskName: string): RegisteredTask {
    const task = this.#tasks.get(taskName);
    if (task !== undefined) return task;
    refuseUnless(typeof taskName === "string", "task", "name", "must be the name of a task");
    throw taskNotFound(taskName, this.names());
  }

  names(): readonly string[] {
    return [...this.#tasks.keys()].sort();
  }

  listHandlers(): readonly RegisteredTaskInfo[] {
    return this.names().map((name) => info(this.#tasks.get(name) as RegisteredTask));
  }

  /** Called for each task that is registered from now on. */
  onRegister(listener: (task: RegisteredTask) => void): Disposable {
    refuseUnless(typeof listener === "function", "onRegister", "listener", "must be a function");
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Asked about each task before it is registered, from now on; what it throws refuses that task. */
  judgeWith(judge: (task: RegisteredTask) => void): Disposable {
    refuseUnless(typeof judge === "function", "judgeWith", "judge", "must be a function");
    this.#judges.add(judge);
    return { [Symbol.dispose]: () => void this.#judges.delete(judge) };
  }

  /**
   * Runs a handler here and now, once, after validation.
   *
   * @throws TaskNotFoundError when there is none; TaskValidationError when the input does not fit; what it throws.
   */
  async execute(
    job: { readonly name: string; readonly input?: unknown },
    context?: Partial<TaskContext>,
  ): Promise<unknown> {
    refuseUnless(holdsOptions(job), "execute", "job", "must be an object with the name of a task");
    if (context !== undefined) requireOptions("execute", context);
    const task = this.require(job.name);
    const input = task.schema === undefined ? job.input : await parseInput(task.schema, job.input, task.name);
    return this.#call(task, input, localContext(task.name, context));
  }

  toJSON(): { readonly tasks: readonly RegisteredTaskInfo[] } {
    return { tasks: this.listHandlers() };
  }

  async #call(task: RegisteredTask, input: unknown, context: TaskContext): Promise<unknown> {
    if (task.kind === "function") return task.run(input, context);
    if (this.#resolve === undefined)
      throw new TaskRegistrationError(
        `nothing makes instances of ${task.owner.name}`,
        { task: task.name },
        {
          hint: "run it in an application, or pass resolve to the HandlerRegistry",
        },
      );
    const instance = await this.#resolve(task.owner);
    const method = (instance as Record<string, (...args: unknown[]) => unknown>)[task.method];
    const args = task.takesInput ? [input, context] : [context];
    return method?.apply(instance, args);
  }

  #add(task: RegisteredTask, options: HandlerOptions, source: unknown): void {
    this.#refuse(task, source);
    this.#tasks.set(task.name, task);
    this.#sources.set(task.name, source);
    if (typeof (options as { idempotencyKey?: unknown }).idempotencyKey === "string")
      this.#logger.warn("a constant idempotencyKey lets this task run once in 24 hours, whatever its input", {
        task: task.name,
        hint: "give a function of the input",
      });
    for (const listener of this.#listeners) listener(task);
  }

  #refuse(task: RegisteredTask, source: unknown): void {
    this.#refuseTaken(task, source);
    for (const judge of this.#judges) judge(task);
  }

  #refuseTaken(task: RegisteredTask, source: unknown): void {
    const holder = this.#tasks.get(task.name) ?? this.#builtIn.get(task.name);
    if (holder === undefined) return;
    if (this.#sources.get(task.name) === source)
      throw new TaskRegistrationError(
        `task "${task.name}" is registered twice`,
        { task: task.name },
        { hint: "register it once, or list it in one scope" },
      );
    throw new TaskRegistrationError(
      `the name "${task.name}" is taken by ${info(holder).handler}, so ${info(task).handler} cannot have it`,
      { task: task.name },
      { hint: "give one of them another name; a handler is listed in one scope only" },
    );
  }
}

/**
 * Adapts a function with positional parameters to jobs of producers that send `args` and `kwargs`: it is called with
 * the context, then the arguments, then, when there are named ones, an object of them. A job with an `input` passes
 * that as the only argument.
 */
export function positional<A extends unknown[], R>(
  fn: (ctx: TaskContext, ...args: A) => R,
): (input: unknown, ctx: TaskContext) => R {
  return (input, ctx) => {
    const { args, kwargs } = isWireArguments(input) ? input : { args: [input], kwargs: {} };
    return fn(ctx, ...([...args, ...(Object.keys(kwargs).length > 0 ? [kwargs] : [])] as A));
  };
}

function isWireArguments(input: unknown): input is WireArguments {
  if (typeof input !== "object" || input === null) return false;
  const { args, kwargs } = input as Partial<WireArguments>;
  return Array.isArray(args) && typeof kwargs === "object" && kwargs !== null;
}

/** With the nearest known name in its hint. */
function taskNotFound(task: string, known: readonly string[]): TaskNotFoundError {
  const near = nearest(task, known);
  return near === undefined
    ? new TaskNotFoundError({ task, known })
    : new TaskNotFoundError(
        { task, known },
        { hint: `did you mean "${near}"? registered tasks: ${known.join(", ")}` },
      );
}

function plainSpec(name: string, options: HandlerOptions): TaskSpec {
  // What arrives is handed on whether or not there is a schema.
  return { ...makeSpec(options, name), takesInput: true };
}

function info(task: RegisteredTask): RegisteredTaskInfo {
  const handler =
    task.kind === "method" ? `${task.owner.name}.${task.method}` : `a function registered as "${task.name}"`;
  return { name: task.name, kind: task.kind, queue: task.policy.queue, handler };
}
