import {
  checkJobId,
  type Clock,
  functionOption,
  type Headers,
  holdsOptions,
  type JobId,
  type Logger,
  type ProgressTrackerProtocol,
  type Random,
  refuseUnknownOptions,
  refuseUnless,
  type Result,
  serviceOption,
  shown,
  silentLogger,
  systemClock,
  systemRandom,
  TaskConfigError,
  type TaskEventName,
  type TaskEvents,
  type TaskQueueError,
  TaskValidationError,
  told,
} from "@lexigram/contracts";
import type { HandlerRegistry } from "../define/handler-registry.ts";
import type { TaskSpec } from "../define/registered-task.ts";
import { type EnqueueArgs, specOf, type TaskRef } from "../define/task-definition.ts";
import { makeSpec, requireClass, type TaskClass } from "../define/task-methods.ts";
import { type JobDescription, TaskSignature } from "../define/task-signature.ts";
import { TaskEmitter } from "../events/task-emitter.ts";
import { CodecRegistry } from "../job/codec-registry.ts";
import type { TaskMiddlewarePipeline } from "../middleware/pipeline.ts";
import type { Activity } from "../worker/activity.ts";
import type { TaskContext } from "../worker/task-context.ts";
import { DEFAULT_ENQUEUE_TIMEOUT_MS, DispatchCore, type JobRequest } from "./dispatch-core.ts";
import type { EnqueueOptions } from "./enqueue-options.ts";
import { HostQueues } from "./host-queues.ts";
import { checkEnqueueOptions } from "./new-job.ts";
import { headersWithin, NO_HEADERS } from "./job-headers.ts";
import { QueueSet } from "./queue-set.ts";
import { type TaskCalls, taskCalls } from "./task-calls.ts";
import type { TaskHandle } from "./task-handle.ts";

export interface TaskDispatcherOptions {
  readonly queues: QueueSet;
  /** Knows tasks that are enqueued by name, and runs them when `eager`. */
  readonly registry?: HandlerRegistry;
  /** Its middleware of the enqueue phase wraps each enqueue. */
  readonly pipeline?: TaskMiddlewarePipeline;
  readonly codecs?: CodecRegistry;
  readonly emitter?: TaskEmitter;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** Where `handle.progress` is read. */
  readonly progress?: ProgressTrackerProtocol;
  /** Counts what is under way, for tests. */
  readonly activity?: Activity;
  /** Runs each job once, where it is enqueued, instead of storing it. Default false. */
  readonly eager?: boolean;
  /** Refuses input that storing would change, at the cost of writing and reading it once more. Default false. */
  readonly checkRoundTrip?: boolean;
  /** Milliseconds after which an enqueue that no store confirmed is given up. Default 10,000. */
  readonly enqueueTimeoutMs?: number;
}

const OPTION_KEYS = [
  "queues",
  "registry",
  "pipeline",
  "codecs",
  "emitter",
  "clock",
  "random",
  "logger",
  "progress",
  "activity",
  "eager",
  "checkRoundTrip",
  "enqueueTimeoutMs",
];

const ENTRY_KEYS: readonly string[] = ["task", "input", "options"];

/** What can be enqueued: a definition or contract, a description made by `signature`, or a task's name. */
export type Enqueueable = TaskRef<unknown, unknown> | JobDescription | string;

/** What follows it: an input of the task's type, or for a description only options that win over its own. */
export type ArgsFor<T> = [T] extends [string]
  ? [input?: unknown, options?: EnqueueOptions]
  : [T] extends [TaskRef<infer I, unknown>]
    ? EnqueueArgs<I>
    : [options?: EnqueueOptions];

type ResultOf<T> = T extends TaskRef<unknown, infer O> ? O : T extends TaskSignature<infer O> ? O : unknown;

type EntryInput<T> = [T] extends [TaskRef<infer I, unknown>]
  ? [I] extends [void]
    ? { readonly input?: I | undefined }
    : { readonly input: I }
  : { readonly input?: unknown };

/** One job of `enqueueMany`. */
export type EnqueueEntry<T> = { readonly task: T; readonly options?: EnqueueOptions } & EntryInput<T>;

/** Names that are enqueued and not registered here are remembered up to this many. */
const MAX_FOREIGN_NAMES = 1_000;

/**
 * Enqueues tasks. The input is validated here and stored as the caller passed it; the worker parses it again. All
 * methods may run concurrently; single enqueues of one turn share a round trip. Injected by its class.
 */
export class TaskDispatcher {
  readonly #core: DispatchCore;
  readonly #inherited: Headers;
  readonly #queues: QueueSet;
  readonly #registry: HandlerRegistry | undefined;
  readonly #emitter: TaskEmitter;
  readonly #foreign = new Map<string, TaskSpec>();

  /**
   * @param from what it works with; absent services are the machine's own.
   * @throws TaskConfigError for an unknown option, and for `eager` without a registry.
   */
  constructor(from: TaskDispatcherOptions);
  constructor(from: TaskDispatcherOptions | TaskDispatcher, inherited: Headers = NO_HEADERS) {
    this.#inherited = inherited;
    if (from instanceof TaskDispatcher) {
      this.#core = from.#core;
      this.#queues = from.#queues;
      this.#registry = from.#registry;
      this.#emitter = from.#emitter;
      return;
    }
    refuseUnknownOptions("TaskDispatcher", from, OPTION_KEYS);
    const { queues, registry, logger = silentLogger, emitter = new TaskEmitter(logger) } = from;
    if (from.eager === true && registry === undefined)
      throw new TaskConfigError(
        "an eager TaskDispatcher needs a registry of handlers",
        { path: "eager" },
        { hint: "pass registry, or leave out eager" },
      );
    refuseUnless(queues instanceof QueueSet, "TaskDispatcher", "queues", "must be a QueueSet");
    this.#queues = queues;
    this.#registry = registry;
    this.#emitter = emitter;
    const hosts = new HostQueues(from.enqueueTimeoutMs ?? DEFAULT_ENQUEUE_TIMEOUT_MS);
    this.#core = new DispatchCore(
      {
        codecs: from.codecs ?? new CodecRegistry(),
        clock: serviceOption("TaskDispatcher", "clock", "clock", from.clock ?? systemClock),
        random: functionOption("TaskDispatcher", "random", from.random ?? systemRandom),
        logger,
        registry,
        pipeline: from.pipeline,
        emitter,
        progress: from.progress,
        activity: from.activity,
        eager: from.eager,
        checkRoundTrip: from.checkRoundTrip,
        enqueueTimeoutMs: from.enqueueTimeoutMs,
      },
      (name, host) => {
        const binding = this.#queues.get(name);
        return host === undefined ? binding : hosts.of(binding, host);
      },
    );
  }

  /**
   * Enqueues one job; resolves when its store has it.
   *
   * @throws TaskValidationError for an input or option that is not what it must be; QueueFullError,
   *   DuplicateTaskError and UnsupportedError when the queue refuses it; TaskDependencyCycleError when it depends on
   *   itself; QueueNotFoundError; QueueUnavailableError when no store confirmed it in time.
   */
  enqueue<T extends Enqueueable>(task: T, ...args: ArgsFor<T>): Promise<TaskHandle<ResultOf<T>>>;
  enqueue(task: Enqueueable, first?: unknown, second?: unknown): Promise<unknown> {
    return this.#submit(task, first, second, false);
  }

  /** Enqueues one job; an expected refusal is the result, everything else rejects as in `enqueue`. */
  tryEnqueue<T extends Enqueueable>(
    task: T,
    ...args: ArgsFor<T>
  ): Promise<Result<TaskHandle<ResultOf<T>>, TaskQueueError>>;
  tryEnqueue(task: Enqueueable, first?: unknown, second?: unknown): Promise<unknown> {
    return this.#submit(task, first, second, true);
  }

  /**
   * Enqueues many jobs, in order, with one call per queue for each 1,000 of them. Each is judged by itself.
   *
   * @returns one result for each job, at its position.
   * @throws QueueUnavailableError when no store confirmed them in time; `fields.ids` names those whose fate is unknown.
   *   TaskDependencyCycleError, before anything is stored, when some of them wait for each other.
   */
  enqueueMany<const T extends readonly unknown[]>(entries: {
    readonly [K in keyof T]: EnqueueEntry<T[K]>;
  }): Promise<{ -readonly [K in keyof T]: Result<TaskHandle<ResultOf<T[K]>>, TaskQueueError> }>;
  async enqueueMany(
    entries: readonly {
      readonly task: unknown;
      readonly input?: unknown;
      readonly options?: EnqueueOptions;
    }[],
  ): Promise<unknown> {
    const requests: JobRequest[] = [];
    const given: unknown = entries;
    if (!Array.isArray(given)) throw notMany("jobs", `must be an array, not ${told(given)}`);
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[at] as (typeof entries)[number];
      if (!holdsOptions(entry)) throw notMany(String(at), `must be an object, not ${told(entry)}`);
      for (const key in entry)
        if (!ENTRY_KEYS.includes(key)) refuseUnknownOptions("a job of enqueueMany", entry, ENTRY_KEYS);
      const { task, input, options } = entry;
      const spec = typeof task === "function" ? specOf(task) : undefined;
      requests.push(spec === undefined ? this.#request(task, input, options) : { spec, input, options });
    }
    return this.#core.submitMany(requests, this.#inherited);
  }

  /**
   * The tasks of a class, as typed calls: `dispatcher.of(ReportTasks).build(input, options)`. Callers pass what the
   * method takes; where the schema has defaults or transforms, export a contract and enqueue that.
   */
  of<C extends object>(owner: abstract new (...args: never[]) => C): TaskCalls<C>;
  of(owner: TaskClass): object {
    requireClass("dispatcher.of", owner);
    return taskCalls(owner, (spec, input, options) =>
      this.#core.submit(spec, input, options, this.#inherited, false),
    );
  }

  /**
   * The handle of a job that was enqueued before, here or elsewhere. Nothing is asked of the store yet.
   *
   * @throws QueueNotFoundError
   */
  handle<O = unknown>(queue: string, id: JobId): TaskHandle<O> {
    checkJobId(id);
    return this.#core.reattach(queue, id) as TaskHandle<O>;
  }

  /** A dispatcher for a running handler: what it enqueues names that job as its cause and belongs to the same correlation and trace. */
  within(context: Pick<TaskContext, "job" | "headers">): TaskDispatcher {
    refuseUnless(
      holdsOptions(context) && holdsOptions(context.job) && holdsOptions(context.headers),
      "dispatcher.within",
      "context",
      "must be the context of a running handler",
    );
    const Derived = TaskDispatcher as unknown as new (
      from: TaskDispatcher,
      inherited: Headers,
    ) => TaskDispatcher;
    return new Derived(this, headersWithin(context));
  }

  /** The time that it waits by. */
  get clock(): Clock {
    return this.#core.services.clock;
  }

  /** Listens to what is announced about jobs in this process. What a listener throws is logged. */
  on<E extends TaskEventName>(event: E, listener: (payload: TaskEvents[E]) => unknown): Disposable {
    return this.#emitter.on(event, listener);
  }

  #submit(task: Enqueueable, first: unknown, second: unknown, asResult: boolean): Promise<unknown> {
    if (typeof task === "function") {
      const spec = specOf(task);
      if (spec !== undefined)
        return this.#core.submit(
          spec,
          first,
          second as EnqueueOptions | undefined,
          this.#inherited,
          asResult,
        );
    }
    try {
      const described = typeof task === "object";
      const { spec, input, options } = described
        ? this.#request(task, undefined, first as EnqueueOptions | undefined)
        : this.#request(task, first, second as EnqueueOptions | undefined);
      return this.#core.submit(spec, input, options, this.#inherited, asResult);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #request(task: unknown, input: unknown, options: EnqueueOptions | undefined): JobRequest {
    if (typeof task === "string") return { spec: this.#byName(task), input, options };
    if (typeof task === "object" && task !== null && typeof (task as JobDescription).task === "string") {
      const description = task as JobDescription;
      refuseUnknownOptions("the description of a job", description, ENTRY_KEYS);
      // Before they are laid over each other, which would hide what is no object.
      if (description.options !== undefined) checkEnqueueOptions(description.options);
      if (options !== undefined) checkEnqueueOptions(options);
      const spec =
        description instanceof TaskSignature
          ? TaskSignature.specOf(description)
          : this.#byName(description.task);
      return { spec, input: description.input, options: { ...description.options, ...options } };
    }
    const isClass = typeof task === "function";
    throw new TaskValidationError(
      {
        subject: isClass ? `enqueue(${shown(task.name)})` : "enqueue",
        issues: [{ path: "task", message: "this is no task" }],
      },
      {
        hint: isClass
          ? `a method of a class is enqueued by dispatcher.of(${task.name}).method(input)`
          : "pass a definition, a contract, a signature or a task's name",
      },
    );
  }

  /** A producer may know a task by its name only; then nothing but the name is known of it. */
  #byName(name: string): TaskSpec {
    const registered = this.#registry?.lookup(name) ?? this.#foreign.get(name);
    if (registered !== undefined) return registered;
    const spec = makeSpec({}, name);
    if (this.#foreign.size >= MAX_FOREIGN_NAMES) this.#foreign.clear();
    this.#foreign.set(name, spec);
    return spec;
  }
}

const notMany = (path: string, message: string): TaskValidationError =>
  new TaskValidationError(
    { subject: "enqueueMany", issues: [{ path, message }] },
    { hint: "pass an array of { task, input, options }" },
  );
