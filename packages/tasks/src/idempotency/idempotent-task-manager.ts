import {
  type Clock,
  type Duration,
  DuplicateTaskError,
  functionOption,
  type JobId,
  type Random,
  QueueUnavailableError,
  refuseUnknownOptions,
  refuseUnless,
  serviceOption,
  spanOption,
  type StateStoreProtocol,
  systemClock,
  systemRandom,
} from "@lexigram/contracts";
import { specOf, type TaskInput, type TaskOutput, type TaskRef } from "../define/task-definition.ts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";
import { QueueSet } from "../dispatch/queue-set.ts";
import { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import type { TaskHandle } from "../dispatch/task-handle.ts";
import { CodecRegistry } from "../job/codec-registry.ts";
import { JobIds } from "../job/job-id.ts";
import { sharedStateOf } from "../lock/shared-state.ts";
import { dateOf } from "../schedule/instant.ts";
import { digestOf } from "./canonical-json.ts";
import { checkIdempotencyKey } from "./idempotency-manager.ts";
import { IdempotencyStore, type StoredIdempotency } from "./idempotency-store.ts";
import { IDEMPOTENCY_HEADER, resultOfRecord } from "./recorded-outcome.ts";
import { RecordedHandle } from "./recorded-handle.ts";
import { untilTold } from "./until-told.ts";

/** What came of a submission. */
export interface IdempotencyResult<O = unknown> {
  /** The job that stands for all submissions of the key. */
  readonly taskId: JobId;
  readonly idempotencyKey: string;
  /** `submitted`: this call made the job; `duplicate`: an earlier one did; `completed`: and it is over. */
  readonly status: "submitted" | "duplicate" | "completed";
  /** When the first one was submitted. */
  readonly createdAt: Date;
  /** What the handler returned, of what is completed. */
  readonly result?: O;
  /** The job's handle, of whichever submission made it. Its result is there as long as the record. */
  readonly handle: TaskHandle<O>;
}

/** How a task is submitted: as it is enqueued, with a key. */
export type SubmitOptions = Omit<EnqueueOptions, "id" | "transaction" | "unique"> & {
  /** Submissions of one key and task are one. Default: one made from the input, the same for equal inputs. */
  readonly idempotencyKey?: string;
  /** How long it is remembered, from the submission and again from the completion. Default: the manager's. */
  readonly idempotencyTtl?: Duration;
};

export interface IdempotentTaskManagerOptions {
  readonly dispatcher: TaskDispatcher;
  /** Tells where each queue keeps its state. */
  readonly queues: QueueSet;
  /** How long a submission is remembered. Default `"1d"`. */
  readonly ttl?: Duration;
  readonly codecs?: CodecRegistry;
  readonly clock?: Clock;
  readonly random?: Random;
}

const OPTION_KEYS = ["dispatcher", "queues", "ttl", "codecs", "clock", "random"];
const DEFAULT_TTL_MS = 86_400_000;
const DEFAULT_QUEUE = "default";
/** So long an enqueue may be under way whose process says nothing, where only that process can finish it. */
const UNDER_WAY_MS = 20_000;

interface Submission {
  readonly key: string;
  readonly task: TaskRef<unknown, unknown> | string;
  readonly input: unknown;
  readonly options: EnqueueOptions;
  readonly binding: QueueBinding;
  readonly store: IdempotencyStore;
  readonly ttlMs: number;
}

/**
 * Submits tasks once for each key, from any number of processes: the first submission makes the job, all others get its
 * handle and, when it is over, its result. Injected by its class; all methods may run concurrently.
 *
 * A record of the key is written before the job is enqueued, with the job's id. A process that dies in between leaves a
 * record that the next submission completes, with the same id, so there is one job again. While the store cannot be
 * reached nothing is submitted.
 */
export class IdempotentTaskManager {
  readonly #dispatcher: TaskDispatcher;
  readonly #queues: QueueSet;
  readonly #codecs: CodecRegistry;
  readonly #clock: Clock;
  readonly #ids: JobIds;
  readonly #ttlMs: number;
  readonly #stores = new WeakMap<StateStoreProtocol, IdempotencyStore>();

  /** @throws TaskConfigError for an option that is unknown, missing or out of range. */
  constructor(options: IdempotentTaskManagerOptions) {
    const owner = "IdempotentTaskManager";
    refuseUnknownOptions(owner, options, OPTION_KEYS);
    const { dispatcher, queues, ttl = DEFAULT_TTL_MS } = options;
    refuseUnless(dispatcher instanceof TaskDispatcher, owner, "dispatcher", "must be a TaskDispatcher");
    refuseUnless(queues instanceof QueueSet, owner, "queues", "must be a QueueSet");
    this.#dispatcher = dispatcher;
    this.#queues = queues;
    this.#codecs = options.codecs ?? new CodecRegistry();
    this.#clock = serviceOption(owner, "clock", "clock", options.clock ?? systemClock);
    this.#ids = new JobIds(functionOption(owner, "random", options.random ?? systemRandom));
    this.#ttlMs = spanOption(owner, "ttl", ttl, { above: 0 });
  }

  /**
   * Submits a task, by its definition, contract or name.
   *
   * @throws as `dispatcher.enqueue` does; UnsupportedError where no store is shared.
   */
  submit<T extends TaskRef<unknown, unknown>>(
    task: T,
    input: TaskInput<T>,
    options?: SubmitOptions,
  ): Promise<IdempotencyResult<TaskOutput<T>>>;
  submit(task: string, input?: unknown, options?: SubmitOptions): Promise<IdempotencyResult>;
  async submit(
    task: TaskRef<unknown, unknown> | string,
    input?: unknown,
    given: SubmitOptions = {},
  ): Promise<IdempotencyResult> {
    const { idempotencyKey, idempotencyTtl, ...options } = given;
    for (const path of ["id", "transaction", "unique"])
      refuseUnless(
        !(path in options),
        "submit",
        path,
        "is not for what is submitted under a key: enqueue it, or leave it out",
      );
    const { name, queue } = targetOf(task);
    const binding = this.#queues.get(options.queue ?? queue);
    const owner = `submit of task "${name}"`;
    const submission: Submission = {
      key: checkIdempotencyKey(`${name}:${idempotencyKey ?? `#${digestOf(input)}`}`),
      task,
      input,
      options,
      binding,
      store: this.#storeOf(binding),
      ttlMs:
        idempotencyTtl === undefined
          ? this.#ttlMs
          : spanOption(owner, "idempotencyTtl", idempotencyTtl, { above: 0 }),
    };
    return this.#submit(submission);
  }

  /** What is known of a key of a task; `undefined` when nothing was submitted under it, or no longer. */
  async checkDuplicate(
    task: TaskRef<unknown, unknown> | string,
    idempotencyKey: string,
    queue?: string,
  ): Promise<IdempotencyResult | undefined> {
    const target = targetOf(task);
    const key = checkIdempotencyKey(`${target.name}:${idempotencyKey}`);
    const binding = this.#queues.get(queue ?? target.queue);
    const store = this.#storeOf(binding);
    const found = await store.get(key);
    return found?.stored.job && this.#told({ key, binding, store }, found.stored, "duplicate");
  }

  /** Forgets a key of a task, so that the next submission makes a job again. @returns whether it was known. */
  forget(task: TaskRef<unknown, unknown> | string, idempotencyKey: string, queue?: string): Promise<boolean> {
    const target = targetOf(task);
    const key = checkIdempotencyKey(`${target.name}:${idempotencyKey}`);
    return this.#storeOf(this.#queues.get(queue ?? target.queue)).delete(key);
  }

  async #submit(submission: Submission): Promise<IdempotencyResult> {
    const { key, store, binding, ttlMs } = submission;
    const fresh: StoredIdempotency = {
      v: 1,
      status: "in_progress",
      owner: this.#ids.next(),
      createdAt: this.#clock.now(),
      ttlMs,
      job: { queue: binding.name, id: this.#ids.next(), enqueued: false },
    };
    const outcome = await store.put(key, fresh, ttlMs, { ifAbsent: true });
    if (outcome.version !== undefined) return this.#enqueue(submission, fresh, outcome.version);
    const { current } = outcome;
    // Gone between two looks.
    if (current === undefined) return this.#submit(submission);
    const { job } = current.stored;
    refuseUnless(
      job !== undefined,
      `submit under "${key}"`,
      "idempotencyKey",
      "is that of other work, of IdempotencyManager",
    );
    if (job?.enqueued === true || current.stored.status === "completed")
      return this.#told(submission, current.stored, "duplicate");
    return this.#help(submission, current.stored, current.version);
  }

  /** Somebody else wrote the record and has not said that the job is there: it is doing so now, or ended before. */
  async #help(
    submission: Submission,
    stored: StoredIdempotency,
    version: number,
  ): Promise<IdempotencyResult> {
    const { key, store, binding } = submission;
    // A queue that knows its jobs takes each id once, so both may try.
    if (binding.queue.capabilities.unique === true) return this.#enqueue(submission, stored, version);
    const beganAt = this.#clock.monotonic();
    for (;;) {
      const leftMs = UNDER_WAY_MS - (this.#clock.monotonic() - beganAt);
      if (leftMs <= 0) break;
      await untilTold(store, key, { clock: this.#clock, atMostMs: leftMs, signal: undefined });
      const found = await store.get(key);
      if (found?.version !== version) return this.#submit(submission);
    }
    const owned = { ...stored, owner: this.#ids.next() };
    const outcome = await store.put(key, owned, stored.ttlMs, { ifVersion: version });
    return outcome.version === undefined
      ? this.#submit(submission)
      : this.#enqueue(submission, owned, outcome.version);
  }

  async #enqueue(
    submission: Submission,
    stored: StoredIdempotency,
    version: number,
  ): Promise<IdempotencyResult> {
    const { key, store, task, input, options, binding } = submission;
    const job = stored.job!;
    let id = job.id;
    let isNew = true;
    try {
      const handle = await this.#dispatcher.enqueue(task as string, input, {
        ...options,
        id,
        queue: binding.name,
        headers: { ...options.headers, [IDEMPOTENCY_HEADER]: key },
      });
      id = handle.id;
      isNew = handle.outcome !== "existing";
    } catch (error) {
      // By its id: another submission of the key was quicker, or this one did not hear that it had been.
      const isThere =
        error instanceof DuplicateTaskError &&
        error.fields.existingId === id &&
        error.fields.key === undefined;
      if (!isThere) {
        if (!mayBeStored(error)) await store.delete(key, version).catch(() => false);
        throw error;
      }
      isNew = false;
    }
    const told = { ...stored, job: { ...job, id, enqueued: true } };
    // Who is refused here finds the job completed already, or the same said by another.
    const marked = await store.put(key, told, stored.ttlMs, { ifVersion: version });
    if (marked.version !== undefined) store.tell(key);
    const now = marked.version === undefined ? (marked.current?.stored ?? told) : told;
    return this.#told(submission, now, isNew ? "submitted" : "duplicate");
  }

  #told(
    { key, binding, store }: Pick<Submission, "key" | "binding" | "store">,
    stored: StoredIdempotency,
    status: "submitted" | "duplicate",
  ): IdempotencyResult {
    const { id } = stored.job!;
    const { name } = binding;
    const completed = stored.status === "completed";
    const outcome = status === "submitted" ? "accepted" : "existing";
    return {
      taskId: id,
      idempotencyKey: key,
      status: completed ? "completed" : status,
      createdAt: dateOf(stored.createdAt),
      ...(completed ? { result: resultOfRecord(stored, this.#codecs) } : {}),
      handle: new RecordedHandle(this.#dispatcher.handle(name, id), outcome, key, store, this.#codecs),
    };
  }

  #storeOf(binding: QueueBinding): IdempotencyStore {
    const state = sharedStateOf(binding);
    let store = this.#stores.get(state);
    if (store === undefined) this.#stores.set(state, (store = new IdempotencyStore(state)));
    return store;
  }
}

/** Whether an enqueue that failed may have stored its job. */
function mayBeStored(error: unknown): boolean {
  return error instanceof QueueUnavailableError && error.fields.accepted === "unknown";
}

function targetOf(task: TaskRef<unknown, unknown> | string): {
  readonly name: string;
  readonly queue: string;
} {
  if (typeof task === "string") return { name: task, queue: DEFAULT_QUEUE };
  const spec = specOf(task);
  refuseUnless(spec !== undefined, "submit", "task", "must be a definition, a contract or a task's name");
  return { name: spec!.name, queue: spec!.policy.queue };
}
