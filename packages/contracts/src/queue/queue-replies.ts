import type { ResultUnavailableError } from "../errors/task-errors.ts";
import type { JobId, JobOutcome } from "../job/job.ts";

/**
 * Outcomes that come to the queue object whose `enqueueMany` asked for them, and are kept nowhere else. All methods may be
 * called concurrently; after the queue's `close` they reject with `ClosedError`.
 */
export interface QueueReplies {
  /**
   * How these jobs ended, position by position: nothing while no outcome came; an error when none will, because the job
   * was not enqueued here, too much time has passed, or the way of its outcome is gone.
   */
  read(ids: readonly JobId[]): Promise<readonly (JobOutcome | ResultUnavailableError | undefined)[]>;
  /** Yields ids of these jobs when `read` has news of them, until aborted. Hints: may repeat, may be missed. */
  onReply(ids: readonly JobId[], signal: AbortSignal): AsyncIterable<JobId>;
}
