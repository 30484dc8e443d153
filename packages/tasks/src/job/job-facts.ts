import { countOption, holdsOptions, isTerminal, type JobView, refuseUnless } from "@lexigram/contracts";

/** Whether it can be started now. */
export function isPending(job: Pick<JobView, "status">): boolean {
  requireJob("isPending", job);
  return job.status === "pending";
}

export function isRunning(job: Pick<JobView, "status">): boolean {
  requireJob("isRunning", job);
  return job.status === "running";
}

/** Whether it ended well. */
export function isCompleted(job: Pick<JobView, "status">): boolean {
  requireJob("isCompleted", job);
  return job.status === "completed";
}

/** Whether policy gave up on it. */
export function isFailed(job: Pick<JobView, "status">): boolean {
  requireJob("isFailed", job);
  return job.status === "failed";
}

/**
 * Whether a failure of the attempt that is next or under way would be followed by another attempt.
 *
 * @param maxRetries what the job's policy allows; attempts are at most this plus one.
 */
export function canRetry(job: Pick<JobView, "status" | "attempt">, maxRetries: number): boolean {
  requireJob("canRetry", job);
  countOption("canRetry", "maxRetries", maxRetries, 0);
  return !isTerminal(job.status) && job.attempt <= maxRetries;
}

/** Milliseconds from the latest start to the end; `undefined` unless there were both. */
export function durationMs(job: Pick<JobView, "status" | "startedAt" | "finishedAt">): number | undefined {
  requireJob("durationMs", job);
  if (!isTerminal(job.status) || job.startedAt === undefined || job.finishedAt === undefined)
    return undefined;
  return Math.max(0, job.finishedAt - job.startedAt);
}

function requireJob(call: string, job: object): void {
  refuseUnless(holdsOptions(job), call, "job", "must be what a queue tells of a job");
}
