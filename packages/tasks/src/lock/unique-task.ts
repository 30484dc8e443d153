import {
  type Clock,
  ClosedError,
  type Duration,
  DuplicateTaskError,
  type JobId,
  type LockWaitOptions,
  refuseUnknownOptions,
  refuseUnless,
  ResultTimeoutError,
  QueueUnavailableError,
  UnsupportedError,
  signalOption,
  spanOption,
  TaskConfigError,
} from "@lexigram/contracts";
import {
  type EnqueueArgs,
  type IsVoid,
  specOf,
  type TaskInput,
  type TaskOutput,
  type TaskRef,
} from "../define/task-definition.ts";
import { compileKey, scopedKey, uniqueRule } from "../define/task-policy.ts";
import type { TaskSpec } from "../define/registered-task.ts";
import { TaskSignature } from "../define/task-signature.ts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";
import { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import type { TaskHandle } from "../dispatch/task-handle.ts";
import type { TaskContext } from "../worker/task-context.ts";
import { AbortLink } from "../results/abort-link.ts";

/** What becomes of a job that comes second. */
export type UniqueConflict = "skip" | "wait" | "reject" | "existing" | "replace";

/** What a task's handler sees of its input, where its handler is known; else what callers pass. */
export type ParsedInput<T> =
  IsVoid<TaskInput<T>> extends true
    ? void
    : T extends { readonly handler: (input: infer P, context: TaskContext) => unknown }
      ? P
      : TaskInput<T>;

export interface UniqueTaskOptions<I, C extends UniqueConflict = UniqueConflict> extends LockWaitOptions {
  /** The key that at most one job of the task holds: a fixed text, or one computed from the parsed input. */
  readonly key: string | ((input: I) => string);
  /** While it is queued (`"started"`), while it is queued or runs (`"settled"`, the default), or for a time from its acceptance. */
  readonly until?: "started" | "settled" | { readonly ttl: Duration };
  /**
   * `"skip"` (default): nothing is enqueued. `"wait"`: it is enqueued when the key is free, after `waitTimeout` at most.
   * `"reject"`: DuplicateTaskError. `"existing"`: the handle of the first. `"replace"`: it takes the place of one that has not started.
   */
  readonly onConflict?: C;
}

const OPTION_KEYS = ["key", "until", "onConflict", "waitTimeout", "signal"] as const;
const CONFLICTS = ["skip", "wait", "reject", "existing", "replace"];
/** Who waits looks again after so long: a key may be free before its job is over, or after. */
const LOOK_AGAIN_MS = 1_000;

type Enqueues<O, C> = C extends "skip" ? TaskHandle<O> | undefined : TaskHandle<O>;

/**
 * A task of which one job at a time holds a key. The queue judges that in the step that stores the job, over all
 * processes; nothing is locked, and nothing is left behind by a process that dies. Safe to share.
 */
export class UniqueTask<T extends TaskRef<unknown, unknown>, C extends UniqueConflict = "skip"> {
  readonly #task: T;
  readonly #spec: TaskSpec;
  readonly #onConflict: UniqueConflict;
  readonly #waitMs: number;
  readonly #signal: AbortSignal | undefined;

  /** @throws TaskConfigError for an option that is unknown or out of range, and for what is no definition or contract. */
  constructor(task: T, options: UniqueTaskOptions<ParsedInput<T>, C>) {
    const spec = typeof task === "function" ? specOf(task) : undefined;
    if (spec === undefined)
      throw new TaskConfigError(
        "unique needs a task",
        { path: "task" },
        { hint: "pass a definition or a contract, as task(...) makes it" },
      );
    const owner = `unique task "${spec.name}"`;
    refuseUnknownOptions(owner, options, OPTION_KEYS);
    const { waitTimeout, signal } = options;
    const onConflict: UniqueConflict = options.onConflict ?? "skip";
    refuseUnless(
      CONFLICTS.includes(onConflict),
      owner,
      "onConflict",
      `must be one of "${CONFLICTS.join('", "')}"`,
    );
    signalOption(owner, signal);
    if (onConflict !== "wait" && (waitTimeout !== undefined || signal !== undefined))
      throw new TaskConfigError(
        `${owner} does not wait`,
        { path: waitTimeout === undefined ? "signal" : "waitTimeout" },
        { hint: 'say onConflict: "wait", or leave it out' },
      );
    const key = compileKey(owner, "key", options.key);
    if (key === undefined)
      throw new TaskConfigError(
        `key of ${owner} is missing`,
        { path: "key" },
        { hint: "give a text, or a function of the input" },
      );
    const asked = onConflict === "existing" || onConflict === "replace" ? onConflict : "reject";
    const until = options.until === undefined ? {} : { until: options.until };
    const rule = uniqueRule(owner, { ...until, onConflict: asked });
    this.#task = task;
    this.#onConflict = onConflict;
    this.#waitMs = waitTimeout === undefined ? Infinity : spanOption(owner, "waitTimeout", waitTimeout);
    this.#signal = signal;
    this.#spec = {
      ...spec,
      policy: { ...spec.policy, unique: (input) => ({ key: scopedKey(spec.name, key(input)), ...rule }) },
    };
  }

  get task(): T {
    return this.#task;
  }

  /**
   * Enqueues through a dispatcher.
   *
   * @returns the job's handle; `undefined` when it was skipped.
   * @throws DuplicateTaskError when another job holds the key: with `"reject"`, with `"replace"` when that has started,
   *   and with `"wait"` after `waitTimeout`; the reason of `signal`; UnsupportedError where the queue knows no unique keys;
   *   what `dispatcher.enqueue` throws.
   */
  async applyAsync(
    dispatcher: TaskDispatcher,
    ...args: EnqueueArgs<TaskInput<T>>
  ): Promise<Enqueues<TaskOutput<T>, C>>;
  async applyAsync(
    dispatcher: TaskDispatcher,
    input?: unknown,
    options: EnqueueOptions = {},
  ): Promise<unknown> {
    const owner = `unique task "${this.#spec.name}"`;
    refuseUnless(dispatcher instanceof TaskDispatcher, owner, "dispatcher", "must be a TaskDispatcher");
    const { clock } = dispatcher;
    const queue = options.queue ?? this.#spec.policy.queue;
    const deadline = clock.monotonic() + this.#waitMs;
    let over: JobId | undefined;
    for (;;) {
      this.#signal?.throwIfAborted();
      const result = await dispatcher.tryEnqueue(new TaskSignature(this.#spec, input, options));
      if (result.ok) return result.value;
      const { error } = result;
      // Not by its key but by its id.
      if (!(error instanceof DuplicateTaskError) || error.fields.key === undefined) throw error;
      if (this.#onConflict === "skip") return undefined;
      const leftMs = deadline - clock.monotonic();
      if (this.#onConflict !== "wait" || leftMs <= 0) throw error;
      const { existingId } = error.fields;
      const atMostMs = Math.ceil(Math.min(LOOK_AGAIN_MS, leftMs));
      // A key may outlive its job.
      if (existingId === over) await pause(clock, atMostMs, this.#signal);
      else if (await this.#isOver(dispatcher, queue, existingId, atMostMs)) over = existingId;
    }
  }

  /** Waits for the end of a job, but no longer than until the next look. @returns whether it is over. */
  async #isOver(dispatcher: TaskDispatcher, queue: string, id: JobId, atMostMs: number): Promise<boolean> {
    try {
      const signal = this.#signal === undefined ? {} : { signal: this.#signal };
      await dispatcher.handle(queue, id).result({ timeout: atMostMs, ...signal });
      return true;
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (BROKEN.some((type) => error instanceof type)) throw error;
      return !(error instanceof ResultTimeoutError);
    }
  }
}

const BROKEN = [QueueUnavailableError, ClosedError, UnsupportedError] as const;

async function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  const link = new AbortLink(signal);
  await new Promise<void>((resolve) => {
    const timer = clock.setTimer(() => link.abort(), ms);
    const end = (): void => {
      timer.cancel();
      resolve();
    };
    link.signal.addEventListener("abort", end, { once: true });
    if (link.signal.aborted) end();
  });
}

/**
 * A task of which one job at a time holds a key. Short for `new UniqueTask(task, options)`.
 *
 * @throws as the class does.
 */
export function unique<T extends TaskRef<unknown, unknown>, C extends UniqueConflict = "skip">(
  task: T,
  options: UniqueTaskOptions<ParsedInput<T>, C>,
): UniqueTask<T, C> {
  return new UniqueTask(task, options);
}
