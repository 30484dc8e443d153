import {
  type AnySchema,
  type CallName,
  type Clock,
  DuplicateTaskError,
  type Enqueued,
  err,
  JobNotFoundError,
  type NewJob,
  ok,
  type OutboxProtocol,
  QueueFullError,
  QueueUnavailableError,
  resending,
  type Result,
  type TaskQueueError,
  TaskValidationError,
  type TransactionHandle,
  TransitionNotAllowedError,
  UnsupportedError,
} from "@lexigram/contracts";
import type { Activity } from "../worker/activity.ts";
import { Arrival } from "./arrival.ts";
import { withHint } from "./refusal-hints.ts";
import { type HandleSource, QueuedTaskHandle, type TaskHandle } from "./task-handle.ts";

export type EnqueueResult<O = unknown> = Result<TaskHandle<O>, TaskQueueError>;

export interface LaneServices {
  readonly clock: Clock;
  /** Unique among the producers of a store; names the sessions. */
  readonly session: string;
  /** Milliseconds. */
  readonly enqueueTimeoutMs: number;
  readonly activity: Activity | undefined;
  /** Where jobs go that are enqueued in a transaction; absent: to the queue. */
  readonly outbox?: OutboxProtocol | undefined;
}

/** Jobs of one call, so that a batch stays a small part of a store's second. */
const MAX_GATHERED = 500;
const MAX_BATCH = 1_000;

const REFUSALS = [
  QueueFullError,
  DuplicateTaskError,
  TaskValidationError,
  UnsupportedError,
  JobNotFoundError,
  TransitionNotAllowedError,
] as const;

/** Whether an enqueue was refused as queues do, rather than broken. */
export function isRefusal(error: unknown): error is TaskQueueError {
  return REFUSALS.some((type) => error instanceof type);
}

class Waiting {
  readonly job: NewJob;
  readonly output: AnySchema | undefined;
  readonly asResult: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;

  constructor(
    job: NewJob,
    output: AnySchema | undefined,
    asResult: boolean,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.job = job;
    this.output = output;
    this.asResult = asResult;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/**
 * The way of one process into one queue. Calls of one turn, and all that come while a batch is under way, share the
 * next call to the store; each promise settles when its own batch is durable.
 */
export class EnqueueLane {
  readonly source: HandleSource;
  readonly queuePriority: number | undefined;
  readonly #services: LaneServices;
  #waiting: Waiting[] = [];
  #flushing = false;
  #seq = 0;
  /** Sessions of batches that are under way end here when they are not; as many as ever were at once. */
  readonly #free: { readonly session: string; seq: number }[] = [];
  #sessions = 0;

  constructor(source: HandleSource, queuePriority: number | undefined, services: LaneServices) {
    this.source = source;
    this.queuePriority = queuePriority;
    this.#services = services;
  }

  /**
   * Enqueues one job.
   *
   * @param asResult whether a refusal resolves as a `Result` or rejects.
   */
  push(job: NewJob, output: AnySchema | undefined, asResult: boolean): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(new Waiting(job, output, asResult, resolve, reject));
      if (this.#flushing) return;
      this.#flushing = true;
      this.#services.activity?.begin();
      queueMicrotask(() => void this.#flush());
    });
  }

  /** Enqueues jobs together, each judged by itself; in the caller's transaction when there is one. */
  async pushMany(
    jobs: readonly NewJob[],
    transaction: TransactionHandle | undefined,
  ): Promise<readonly Result<Enqueued, TaskQueueError>[]> {
    const { activity, session } = this.#services;
    const call = this.#free.pop() ?? { session: `${session}:b${++this.#sessions}`, seq: 0 };
    activity?.begin();
    try {
      const results: Result<Enqueued, TaskQueueError>[] = [];
      for (let at = 0; at < jobs.length; at += MAX_BATCH) {
        const batch = jobs.length <= MAX_BATCH ? jobs : jobs.slice(at, at + MAX_BATCH);
        const name = { session: call.session, seq: ++call.seq };
        // A transaction that met an error is over for its owner too, so nothing is sent again inside it.
        const answers =
          transaction === undefined
            ? await this.#resending(batch, name)
            : await this.#joining(batch, name, transaction);
        if (answers.length !== batch.length) throw tooFew();
        const explained = answers.every(({ ok }) => ok) ? answers : answers.map(withHint);
        if (batch === jobs) return explained;
        results.push(...explained);
      }
      return results;
    } finally {
      this.#free.push(call);
      activity?.end();
    }
  }

  #joining(
    jobs: readonly NewJob[],
    name: CallName,
    transaction: TransactionHandle,
  ): Promise<readonly Result<Enqueued, TaskQueueError>[]> {
    const { outbox } = this.#services;
    if (outbox !== undefined) return outbox.add(transaction, jobs);
    return this.source.queue.enqueueMany(jobs, { ...name, transaction });
  }

  /** The handle of a stored job; tells who listens. */
  handle(
    job: NewJob,
    enqueued: Enqueued,
    output: AnySchema | undefined,
    transaction?: TransactionHandle,
  ): TaskHandle {
    const { emitter, queueName } = this.source;
    const { id, outcome } = enqueued;
    if (emitter !== undefined && outcome !== "existing" && emitter.has("task.queued"))
      emitter.emit("task.queued", {
        taskName: job.task,
        queueName,
        jobId: id,
        taskId: id,
        delayMs: job.delayMs ?? 0,
      });
    const { clock, outbox } = this.#services;
    const arrival = transaction === undefined || outbox === undefined ? undefined : new Arrival(clock);
    return new QueuedTaskHandle(this.source, id, outcome, job.task, output, arrival);
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      if (waiting.length <= MAX_GATHERED) await this.#send(waiting);
      else
        for (let at = 0; at < waiting.length; at += MAX_GATHERED)
          await this.#send(waiting.slice(at, at + MAX_GATHERED));
    }
    this.#flushing = false;
    this.#services.activity?.end();
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const jobs = batch.map((waiting) => waiting.job);
    try {
      const results = await this.#resending(jobs, { session: this.#services.session, seq: ++this.#seq });
      for (let i = 0; i < batch.length; i++) this.#answer(batch[i] as Waiting, results[i]);
    } catch (error) {
      for (const waiting of batch)
        if (waiting.asResult && isRefusal(error)) waiting.resolve(err(error));
        else waiting.reject(error);
    }
  }

  #answer(waiting: Waiting, result: Result<Enqueued, TaskQueueError> | undefined): void {
    if (result === undefined) return waiting.reject(tooFew());
    if (result.ok) {
      const handle = this.handle(waiting.job, result.value, waiting.output);
      waiting.resolve(waiting.asResult ? ok(handle) : handle);
      return;
    }
    const refused = withHint(result);
    if (waiting.asResult) waiting.resolve(refused);
    else if (!refused.ok) waiting.reject(refused.error);
  }

  #resending(
    jobs: readonly NewJob[],
    name: { readonly session: string; readonly seq: number },
  ): Promise<readonly Result<Enqueued, TaskQueueError>[]> {
    const { queue, queueName, replies } = this.source;
    const call = replies === undefined ? name : { ...name, replies: true };
    const { clock, enqueueTimeoutMs } = this.#services;
    // One attempt whose fate is unknown is enough for the jobs' fate to be unknown, and so is one that is under way when
    // the time is up.
    let accepted: "no" | "unknown" = "no";
    return resending(
      async () => {
        const before = accepted;
        accepted = "unknown";
        try {
          return await queue.enqueueMany(jobs, call);
        } catch (error) {
          if (error instanceof QueueUnavailableError && error.fields.accepted === "no") accepted = before;
          throw error;
        }
      },
      {
        clock,
        timeoutMs: enqueueTimeoutMs,
        giveUp: (cause) =>
          new QueueUnavailableError(
            {
              queue: queueName,
              retryable: true,
              accepted,
              ids: accepted === "unknown" ? jobs.map(({ id }) => id) : [],
            },
            { cause },
          ),
      },
    );
  }
}

const tooFew = (): Error => new Error("the store answered fewer results than jobs");
