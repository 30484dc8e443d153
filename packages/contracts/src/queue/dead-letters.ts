import type { JobNotFoundError, TransitionNotAllowedError } from "../errors/task-errors.ts";
import type { TaskQueueError } from "../errors/task-queue-error.ts";
import type { SerializedError } from "../errors/serialized-error.ts";
import type { DeadLetterReason, JobId, JobView, NewJob } from "../job/job.ts";
import type { Page } from "../page.ts";
import type { Result } from "../result.ts";

export const DEAD_LETTER_REASONS: readonly DeadLetterReason[] = [
  "failed",
  "rejected",
  "poison",
  "unknown-task",
  "invalid",
  "deadline",
  "manual",
];

/** A job that policy gave up on: a failed job, with what it takes to understand and redrive it. */
export interface DeadLetter {
  readonly job: JobView;
  readonly error: SerializedError;
  readonly reason: DeadLetterReason;
  /** Epoch milliseconds of the store's clock. */
  readonly failedAt: number;
}

export interface DeadLetterStats {
  readonly size: number;
  readonly maxSize: number;
  /** Since the queue object was made: how many were redriven, removed or purged through it. */
  readonly retried: number;
  readonly removed: number;
  readonly byTask: Readonly<Record<string, number>>;
}

/**
 * The dead letters of one queue: its failed jobs. They are bounded by the queue's `keepFailed`, the oldest evicted
 * first. All methods may run concurrently with workers and with each other.
 */
export interface DeadLetterQueueProtocol {
  /** Puts a job straight into the dead letters, with reason `manual` unless another is given. */
  add(job: NewJob, error: SerializedError, reason?: DeadLetterReason): Promise<Result<JobId, TaskQueueError>>;
  get(id: JobId): Promise<DeadLetter | undefined>;
  /** Newest first. `limit`: 1 to 1,000, default 50. */
  list(query?: { task?: string; cursor?: string; limit?: number }): Promise<Page<DeadLetter>>;
  /** Moves the job back to pending, at the tail of its line, with a new budget of attempts and a link to the failure it comes from, in one step. */
  retry(id: JobId): Promise<Result<JobId, JobNotFoundError | TransitionNotAllowedError>>;
  /** Redrives what is there when the call starts, oldest first, in bounded steps. @returns how many were moved. */
  retryAll(query?: { task?: string }): Promise<number>;
  /** Deletes one. @returns whether it was there. */
  remove(id: JobId): Promise<boolean>;
  /** Deletes those that failed longer ago than this many milliseconds; 0 deletes all. @returns how many. */
  purge(olderThanMs: number): Promise<number>;
  /** Deletes all. @returns how many. */
  clear(): Promise<number>;
  size(): Promise<number>;
  stats(): Promise<DeadLetterStats>;
}
