import {
  type Duration,
  functionOption,
  milliseconds,
  type SerializedError,
  serializeError,
  TaskConfigError,
  type TaskErrorFields,
  TaskValidationError,
} from "@lexigram/contracts";
import { isDefinition, specOf, type TaskDefinition, type TaskRef } from "../define/task-definition.ts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";
import type { LocalRun } from "./local-run.ts";
import { asJson, type TaskNode } from "./plan.ts";
import { taskNode } from "./task-node.ts";
import { checkPartOptions, planPart, runPart, WorkflowPart } from "./workflow-part.ts";
import type { PartOutcome } from "./workflow-result.ts";

/** Handed to the handler of a step that runs in this process. */
export interface StepContext {
  readonly workflowId: string;
  readonly stepName: string;
  /** Aborted when the step's time is up, and when the workflow is stopped. */
  readonly signal: AbortSignal;
}

export type StepHandler<I, O> = (input: I, context: StepContext) => O | Promise<O>;

/** What a task that handles errors of steps on queues is given. */
export interface StepFailure<I = unknown> {
  readonly stepName: string;
  /** What the step was given. */
  readonly input?: I;
  readonly error: SerializedError;
}

export interface StepOptions<I, O> {
  /**
   * Gives what stands in the place of the step's result when it fails. The step is a failed one all the same: a chain
   * goes on after it only with `stopOnError: false`.
   */
  readonly onError?: (error: unknown, input: I, context: StepContext) => O | Promise<O>;
  /** How long it may run. Default: without limit. */
  readonly timeout?: Duration;
}

/** What a step says of its job. The rest is the workflow's own business. */
export type StepJobOptions = Pick<
  EnqueueOptions,
  | "queue"
  | "priority"
  | "maxRetries"
  | "timeout"
  | "retry"
  | "headers"
  | "labels"
  | "key"
  | "delay"
  | "expiresIn"
  | "maxRecoveries"
>;

export interface TaskStepOptions<I, O> extends StepJobOptions {
  /** Default: the task's name. */
  readonly name?: string;
  /** Given to the task in place of what the workflow hands on. */
  readonly input?: I;
  /** A task that gives what stands in the place of the step's result, as `onError` of a step that is a function. */
  readonly onError?: TaskRef<StepFailure<I>, O>;
}

const TASK_STEP_KEYS = [
  "queue",
  "priority",
  "maxRetries",
  "timeout",
  "retry",
  "headers",
  "labels",
  "key",
  "delay",
  "expiresIn",
  "maxRecoveries",
  "name",
  "input",
  "onError",
] as const satisfies readonly (keyof TaskStepOptions<unknown, unknown>)[];

/** A function, or a task. */
type Work =
  | {
      readonly kind: "function";
      readonly handler: StepHandler<unknown, unknown>;
      readonly onError: StepOptions<unknown, unknown>["onError"];
      readonly timeoutMs: number | undefined;
    }
  | { readonly kind: "task"; readonly task: TaskRef<unknown, unknown>; readonly node: TaskNode };

/** One step of a workflow. Immutable; runs of any number of workflows may share it. */
export class TaskStep<I, O> extends WorkflowPart<I, O> {
  readonly name: string;
  readonly #work: Work;
  readonly #onErrorTask: TaskRef<StepFailure, unknown> | undefined;

  /**
   * A step that is a function. It runs where the workflow is executed, so a workflow that lives on queues has none.
   *
   * @throws TaskConfigError for a name or handler that is none, an unknown option, or a timeout of nothing.
   */
  constructor(name: string, handler: StepHandler<I, O>, options?: StepOptions<I, O>);
  constructor(name: string, work: StepHandler<I, O> | TaskWork, options: StepOptions<I, O> = {}) {
    super();
    if (typeof name !== "string" || name === "" || name.length > 200)
      throw new TaskConfigError(
        "a step needs a name of 1 to 200 characters",
        { path: "name" },
        { hint: "step(name, handler); a task's own name is the default of step.task" },
      );
    this.name = name;
    if (work instanceof TaskWork) {
      this.#work = { kind: "task", task: work.task, node: work.node };
      this.#onErrorTask = work.onError;
      return;
    }
    checkPartOptions(`step "${name}"`, options, ["onError", "timeout"]);
    functionOption(`step "${name}"`, "handler", work);
    if (options.onError !== undefined) functionOption(`step "${name}"`, "onError", options.onError);
    const timeoutMs = options.timeout === undefined ? undefined : milliseconds(options.timeout);
    if (timeoutMs === 0)
      throw new TaskConfigError(
        `the timeout of step "${name}" must be longer than nothing`,
        { path: "timeout" },
        { hint: "leave it out for a step without limit" },
      );
    this.#onErrorTask = undefined;
    this.#work = {
      kind: "function",
      handler: work as StepHandler<unknown, unknown>,
      onError: options.onError as StepOptions<unknown, unknown>["onError"],
      timeoutMs,
    };
  }

  /**
   * A step that is a task: on workers in a workflow that lives on queues, by `definition.apply` in one that is executed
   * here.
   *
   * @throws TaskConfigError for what is no task, and for an unknown option; TaskValidationError for options of its job
   *   that are out of range.
   */
  static task<I, O>(task: TaskRef<I, O>, options: TaskStepOptions<I, O> = {}): TaskStep<I, O> {
    const spec = specOf(task);
    if (spec === undefined)
      throw new TaskConfigError(
        "step.task needs a task",
        { path: "task" },
        {
          hint: "pass a definition or contract made by task(options); a plain function is step(name, handler)",
        },
      );
    checkPartOptions(`the step of task "${spec.name}"`, options, TASK_STEP_KEYS);
    const { name = spec.name, input, onError, ...job } = options;
    const handling = onError === undefined ? undefined : specOf(onError);
    if (onError !== undefined && handling === undefined)
      throw new TaskConfigError(
        `onError of step "${name}" must be a task`,
        { path: "onError" },
        { hint: "a function cannot be sent to workers; declare it with task(options, handler)" },
      );
    const node = taskNode(name, spec, job, "input" in options ? { value: input } : undefined, handling);
    const work = new TaskWork(task, node, onError);
    return new (TaskStep as unknown as new (name: string, work: TaskWork) => TaskStep<I, O>)(name, work);
  }

  [planPart](): TaskNode {
    if (this.#work.kind === "task") return this.#work.node;
    throw new TaskValidationError(
      {
        subject: "a workflow on queues",
        issues: [{ path: this.name, message: "this step is a function, which only this process has" }],
      },
      { hint: "make it a task: step.task(definition); or execute the workflow in this process" },
    );
  }

  async [runPart](input: unknown, run: LocalRun, path: string): Promise<PartOutcome> {
    return run.step(path, this.name, async (signal) => this.#attempt(input, run, signal));
  }

  async #attempt(input: unknown, run: LocalRun, signal: AbortSignal): Promise<PartOutcome> {
    const work = this.#work;
    const context: StepContext = { workflowId: run.workflowId, stepName: this.name, signal };
    const given = work.kind === "task" && work.node.input !== undefined ? work.node.input.value : input;
    try {
      const data =
        work.kind === "task"
          ? await applied(work.task, given, run, signal)
          : await run.within(work.timeoutMs, this.name, context, (bounded) => work.handler(given, bounded));
      return { status: "completed", data, steps: [] };
    } catch (thrown) {
      if (signal.aborted) return { status: "cancelled", error: serializeError(thrown), steps: [] };
      return this.#failed(thrown, given, run, context);
    }
  }

  async #failed(thrown: unknown, given: unknown, run: LocalRun, context: StepContext): Promise<PartOutcome> {
    const work = this.#work;
    const error = serializeError(thrown);
    try {
      if (work.kind === "function") {
        if (work.onError === undefined) return { status: "failed", error, steps: [] };
        return { status: "failed", error, data: await work.onError(thrown, given, context), steps: [] };
      }
      if (this.#onErrorTask === undefined) return { status: "failed", error, steps: [] };
      const failure: StepFailure = {
        stepName: this.name,
        error,
        ...(given === undefined ? {} : { input: asJson(given) }),
      };
      const data = await applied(this.#onErrorTask, failure, run, context.signal);
      return { status: "failed", error, data, steps: [] };
    } catch (second) {
      return { status: "failed", error: { ...serializeError(second), cause: error }, steps: [] };
    }
  }
}

/** What a step that is a task is made of. */
class TaskWork {
  readonly task: TaskRef<unknown, unknown>;
  readonly node: TaskNode;
  readonly onError: TaskRef<StepFailure, unknown> | undefined;

  constructor(
    task: TaskRef<unknown, unknown>,
    node: TaskNode,
    onError: TaskRef<StepFailure, unknown> | undefined,
  ) {
    this.task = task;
    this.node = node;
    this.onError = onError;
  }
}

async function applied(
  task: TaskRef<unknown, unknown>,
  input: unknown,
  run: LocalRun,
  signal: AbortSignal,
): Promise<unknown> {
  if (!isDefinition(task)) throw withoutHandler(task.name);
  const services = { clock: run.clock };
  const context = { signal };
  // A task without input is called with what follows the input in the others.
  return specOf(task)?.takesInput === true
    ? task.apply(input, context, services)
    : (task as unknown as TaskDefinition<void, void, unknown>).apply(context, services);
}

const withoutHandler = (name: string): TaskValidationError =>
  new TaskValidationError(
    {
      subject: "a workflow in this process",
      issues: [{ path: name, message: "this task has no handler here" } satisfies Issue],
    },
    { hint: "pass a definition, or start the workflow on its queues" },
  );

type Issue = TaskErrorFields["LEX_ERR_TASK_VALIDATION"]["issues"][number];

/** Makes steps: `step(name, handler, options)` of a function, `step.task(definition, options)` of a task. */
export interface StepMaker {
  /** As `new TaskStep(name, handler, options)`. */
  <I, O>(name: string, handler: StepHandler<I, O>, options?: StepOptions<I, O>): TaskStep<I, O>;
  /** As `TaskStep.task`. */
  task<I, O>(task: TaskRef<I, O>, options?: TaskStepOptions<I, O>): TaskStep<I, O>;
}

export const step: StepMaker = Object.assign(
  <I, O>(name: string, handler: StepHandler<I, O>, options?: StepOptions<I, O>): TaskStep<I, O> =>
    new TaskStep(name, handler, options),
  {
    task: <I, O>(task: TaskRef<I, O>, options?: TaskStepOptions<I, O>): TaskStep<I, O> =>
      TaskStep.task(task, options),
  },
);
