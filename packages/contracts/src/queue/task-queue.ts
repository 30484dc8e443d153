import type { TaskQueueError } from "../errors/task-queue-error.ts";
import type { Delivery, Receipt, Settlement } from "../job/delivery.ts";
import type { Body, JobId, JobOutcome, JobView, NewJob } from "../job/job.ts";
import type { JobStatus } from "../job/job-status.ts";
import type { Priority } from "../job/priority.ts";
import type { Page } from "../page.ts";
import type { Result } from "../result.ts";
import { type Token, token } from "../token.ts";
import type { DeadLetterQueueProtocol } from "./dead-letters.ts";
import type { QueueCapabilities } from "./queue-capabilities.ts";
import type { QueuePolicy } from "./queue-policy.ts";
import type { QueueReplies } from "./queue-replies.ts";
import type { QueueStats } from "./queue-stats.ts";

declare const transaction: unique symbol;

/** A transaction of the caller's, known only to the backend that can join it. */
export interface TransactionHandle {
  readonly [transaction]?: true;
}

/** How a job was taken: stored; not stored because the holder of its unique key stands for it; stored in that holder's place. */
export interface Enqueued {
  readonly id: JobId;
  readonly outcome: "accepted" | "existing" | "replaced";
}

/** Names a call, so that it can be sent again without being applied twice. */
export interface CallName {
  /** One call is in flight per session; concurrent calls need sessions of their own. */
  readonly session: string;
  /** Rises by one with each call; a resend repeats number and body. */
  readonly seq: number;
}

export interface EnqueueManyOptions extends CallName {
  /** Joins the caller's transaction; needs the capability `transactions`. */
  readonly transaction?: TransactionHandle;
  /** Outcomes of these jobs are to come to this object's `replies`. Default false. Where it has none, nothing comes. */
  readonly replies?: boolean;
}

export interface Claim {
  /** Free slots: deliveries that will be started at once, and count as started. */
  readonly slots: number;
  /** Deliveries to hold ready beyond the slots; they count as started only once named in `started`. */
  readonly ahead: number;
  /** Length of each lease in milliseconds. */
  readonly leaseMs: number;
  /** Stop claiming when the bodies exceed this many bytes; one job is given whatever its size. */
  readonly maxBytes: number;
}

export interface ExchangeRequest extends CallName {
  readonly settle: readonly Settlement[];
  /** Deliveries that were claimed ahead and whose handler has begun. */
  readonly started: readonly Receipt[];
  readonly claim: Claim;
}

export interface ExchangeReply {
  /** Settlements and starts that were refused because the delivery is no longer held. */
  readonly lost: readonly Receipt[];
  /** Held deliveries whose job was asked to be cancelled. Told until settled. */
  readonly cancelled: readonly Receipt[];
  readonly deliveries: readonly Delivery[];
  /** The earliest moment at which time alone makes work: a due job, a lease deadline, an expiry, a refill. */
  readonly nextDueInMs?: number;
  readonly paused: boolean;
}

export interface ExtendReply {
  readonly lost: readonly Receipt[];
  readonly cancelled: readonly Receipt[];
}

export interface JobQuery {
  readonly status: JobStatus;
  readonly task?: string;
  readonly key?: string;
  readonly cursor?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

/** What may be changed of a job that has not started. `runAt` is epoch milliseconds of the store's clock; in the past means now. */
export interface JobChange {
  readonly runAt?: number;
  readonly priority?: Priority;
  readonly body?: Body;
}

/** `requested`: it runs, and was told to stop. `finished`: it had ended before. */
export type CancelOutcome = "cancelled" | "requested" | "finished" | "unknown";

/**
 * One queue of a backend, as a store keeps it. What must be atomic with enqueue, claim or settle lives in here;
 * everything else is built on top, once.
 *
 * All methods may be called concurrently, but for the rule of one call in flight per session. Expected refusals are
 * results; a store that cannot be reached rejects with `QueueUnavailableError`; after `close` every method rejects
 * with `ClosedError`. Backends never retry and never decide policy.
 */
export interface TaskQueueProtocol {
  /** The queue's name in the store. */
  readonly name: string;
  readonly capabilities: QueueCapabilities;
  /**
   * Milliseconds after which the store takes a delivery away that was not settled, however often its lease was renewed.
   * Absent: it never does.
   */
  readonly deliveryLimitMs?: number;
  /** Outcomes that come to whoever enqueued the job, of a queue that keeps none. Absent: none come. */
  readonly replies?: QueueReplies;

  /**
   * Stores one job. Concurrent calls of one turn share a round trip; the promise resolves when its batch is durable.
   *
   * @returns the id under which the job is known (of another job, when its unique key stands for this one).
   * @throws QueueUnavailableError when the store did not confirm in time; `accepted` tells what is known.
   */
  enqueue(job: NewJob): Promise<Result<JobId, TaskQueueError>>;
  /**
   * Stores many jobs in one step, each judged by itself, in order; a duplicate inside the batch is refused singly.
   *
   * @returns one result for each job, at its position.
   */
  enqueueMany(
    jobs: readonly NewJob[],
    options: EnqueueManyOptions,
  ): Promise<readonly Result<Enqueued, TaskQueueError>[]>;

  /**
   * The worker's one hot call, one atomic step in the store: apply settlements, mark deliveries started, promote due
   * jobs, expire what is late, reap ended leases, claim. A resend applies nothing again and answers what was
   * recorded, with deliveries that are still held.
   */
  exchange(request: ExchangeRequest): Promise<ExchangeReply>;
  /** Sets the deadline of each held delivery to `leaseMs` from now. */
  extend(receipts: readonly Receipt[], leaseMs: number): Promise<ExtendReply>;
  /** Resolves when there may be work, after `maxMs` at the latest, at once when the signal is aborted. A hint: may be spurious, may be missed. */
  waitForWork(maxMs: number, signal: AbortSignal): Promise<void>;
  /** Settles inside the caller's transaction. Needs the capability `transactions`. */
  settleIn(transaction: TransactionHandle, settlement: Settlement): Promise<"settled" | "lost">;
  /**
   * Begins a transaction of the store, lets `work` do its part in it, and commits; rolls back when `work` throws. Absent
   * without the capability `transactions`.
   *
   * @returns what `work` returned, once it is committed. A commit whose answer was lost is looked for in the store.
   * @throws what `work` threw; QueueUnavailableError: with `accepted: "no"` nothing was stored, with `"unknown"` the fate
   *   of the commit could not be found out in time.
   */
  inTransaction?<T>(work: (transaction: TransactionHandle) => Promise<T>): Promise<T>;

  /** Replaces the queue's rules for all processes; the last writer wins. */
  setPolicy(policy: QueuePolicy): Promise<void>;
  getPolicy(): Promise<QueuePolicy>;
  /** Stops claims, for all processes, until `resume`; enqueue and settle go on. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  isPaused(): Promise<boolean>;

  cancel(id: JobId): Promise<CancelOutcome>;
  /** Changes a job that has not started. */
  update(id: JobId, change: JobChange): Promise<Result<JobView, TaskQueueError>>;

  getJob(id: JobId): Promise<JobView | undefined>;
  /**
   * Removes a job's record. A running job is fenced: its lease is lost.
   *
   * @returns whether there was one.
   */
  deleteJob(id: JobId): Promise<boolean>;
  /** One page of jobs in a status; the cost grows with the page, not with the queue. */
  list(query: JobQuery): Promise<Page<JobView>>;
  /** The running jobs, page by page. `limit`: 1 to 1,000, default 100. */
  listActive(query?: { cursor?: string; limit?: number }): Promise<Page<JobView>>;
  /** Jobs in a status, or of all unfinished ones. */
  count(status?: JobStatus): Promise<number>;
  /** Pending jobs: those a worker could start now. */
  getTaskCount(): Promise<number>;
  stats(): Promise<QueueStats>;
  /** Deletes the jobs of a status, or without one all that are not running. @returns how many. */
  clear(query?: { status?: JobStatus }): Promise<number>;

  /** Where each job stands, position by position. */
  results(ids: readonly JobId[]): Promise<readonly JobOutcome[]>;
  /** Yields ids of these jobs as they become terminal, until aborted. Hints: may repeat, may be missed; `results` is the truth. */
  onSettled(ids: readonly JobId[], signal: AbortSignal): AsyncIterable<JobId>;

  readonly deadLetters: DeadLetterQueueProtocol;

  /** Takes the next job on a lease of `leaseMs` (default 5 minutes), remembered by this object for `ack` and `nack`. Never waits. */
  dequeue(options?: { leaseMs?: number }): Promise<Delivery | undefined>;
  /**
   * Completes the job this object handed out last under that id. An unknown id is a no-op.
   *
   * @throws LeaseLostError when the lease ended, or when the job was handed out twice and the first is still open.
   */
  ack(id: JobId): Promise<void>;
  /** Gives the job back for another attempt (default), or with `requeue: false` sends it to the dead letters. Unknown ids and errors as in `ack`. */
  nack(id: JobId, options?: { requeue?: boolean; delayMs?: number; reason?: string }): Promise<void>;

  /** Ends waits and subscriptions of this object and lets go of its connection. What is stored stays. Idempotent. */
  close(): Promise<void>;
}

export const TaskQueueProtocol: Token<TaskQueueProtocol> = token("TaskQueueProtocol");
