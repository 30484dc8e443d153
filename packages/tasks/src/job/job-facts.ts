import { type JobView, isTerminal } from "@lexigram/contracts";

/** Whether it can be started now. */
export function isPending(job: Pick<JobView, "status">): boolean {
  return job.status === "pending";
}

export function isRunning(job: Pick<JobView, "status">): boolean {
  return job.status === "running";
}

/** Whether it ended well. */
export function isCompleted(job: Pick<JobView, "status">): boolean {
  return job.status === "completed";
}

/** Whether policy gave up on it. */
export function isFailed(job: Pick<JobView, "status">): boolean {
  return job.status === "failed";
}

/**
 * Whether a failure of the attempt that is next or under way would be followed by another attempt.
 *
 * @param maxRetries what the job's policy allows; attempts are at most this plus one.
 */
export function canRetry(job: Pick<JobView, "status" | "attempt">, maxRetries: number): boolean {
  return !isTerminal(job.status) && job.attempt <= maxRetries;
}

/** Milliseconds from the latest start to the end; `undefined` unless there were both. */
export function durationMs(job: Pick<JobView, "status" | "startedAt" | "finishedAt">): number | undefined {
  if (!isTerminal(job.status) || job.startedAt === undefined || job.finishedAt === undefined)
    return undefined;
  return Math.max(0, job.finishedAt - job.startedAt);
}
