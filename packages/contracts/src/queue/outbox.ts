import type { SerializedError } from "../errors/serialized-error.ts";
import type { TaskQueueError } from "../errors/task-queue-error.ts";
import type { NewJob } from "../job/job.ts";
import type { Result } from "../result.ts";
import type { CallName, Enqueued, TransactionHandle } from "./task-queue.ts";

/** Jobs on their way to another store: one call of `enqueueMany`, which keeps its name and its jobs until it is reported. */
export interface OutboxBatch extends CallName {
  /** In the order in which they were stored. Of `delayMs` and `expiresInMs` the time in the outbox is taken off. */
  readonly jobs: readonly NewJob[];
}

/** What became of a batch. Jobs that are not named are delivered, and leave the outbox. */
export interface OutboxReport {
  readonly seq: number;
  /** Positions of jobs that the next batch begins with. */
  readonly again: readonly number[];
  /** Jobs that nobody takes, by their position. They are set aside, with the reason. */
  readonly refused: readonly { readonly at: number; readonly error: SerializedError }[];
}

export interface OutboxRequest {
  /** A name for whoever delivers, unlike all others. */
  readonly holder: string;
  /** Milliseconds from now in which nobody else is given a batch. */
  readonly leaseMs: number;
  /** Jobs of the batch, at most. */
  readonly limit: number;
  /** About the batch before. Told twice, it changes nothing. */
  readonly report?: OutboxReport;
}

export type OutboxReply =
  | { readonly state: "batch"; readonly batch: OutboxBatch }
  | { readonly state: "empty" }
  /** Somebody else delivers; milliseconds until the lease ends. */
  | { readonly state: "held"; readonly retryInMs: number };

/**
 * Jobs for one queue of another store, kept in a store with transactions: they are stored with a transaction of the
 * caller's, and delivered after it is committed, in their order and at least once. A batch repeats its `session` and
 * `seq` until it is reported, whoever delivers it, so a queue with the capability `replay` takes each job once.
 *
 * All methods may be called concurrently. A store that cannot be reached rejects with `QueueUnavailableError`; after
 * `close` every method rejects with `ClosedError`.
 */
export interface OutboxProtocol {
  /**
   * Stores jobs with the caller's transaction.
   *
   * @returns one result for each job, at its position; `accepted` holds if the transaction is committed.
   */
  add(
    transaction: TransactionHandle,
    jobs: readonly NewJob[],
  ): Promise<readonly Result<Enqueued, TaskQueueError>[]>;
  /** Reports the batch before and takes the next one: the one that was not reported, else a new one. */
  take(request: OutboxRequest): Promise<OutboxReply>;
  /** Gives the batch of that number another session: for a queue that has seen later numbers, as when this store was restored from a backup. */
  rename(holder: string, seq: number): Promise<void>;
  /** Lets others deliver. */
  release(holder: string): Promise<void>;
  /** Resolves when there may be something to take, after `maxMs` at the latest, at once when the signal is aborted. A hint: may be spurious, may be missed. */
  waitForJobs(maxMs: number, signal: AbortSignal): Promise<void>;
  /** Idempotent. What is stored stays. */
  close(): Promise<void>;
}
