import {
  serializeError,
  type SerializedError,
  TaskDeadlineError,
  TaskExecutionError,
  TaskTimeoutError,
} from "@lexigram/contracts";
import type { Attempt } from "./attempt.ts";

/** The deadline of an attempt's job has passed. */
export function deadlineError({ taskName: task, jobId, deadline }: Attempt): TaskDeadlineError {
  return new TaskDeadlineError({ task, jobId, deadline });
}

/** What ends an attempt whose time is up. @param now epoch milliseconds. */
export function limitError(attempt: Attempt, now: number): TaskDeadlineError | TaskTimeoutError {
  if (attempt.deadline <= now) return deadlineError(attempt);
  const { taskName: task, jobId, timeoutMs } = attempt;
  return new TaskTimeoutError({ task, jobId, timeoutMs });
}

/** `retryOnResult` did not take what the handler returned. */
export function refusedResult({ taskName: task, jobId }: Attempt): TaskExecutionError {
  return new TaskExecutionError(
    { task, jobId },
    { cause: new Error("retryOnResult asked for another attempt") },
  );
}

/** How an attempt stands in the log, with what went wrong, if anything did. */
export function loggedFailure(
  { taskName: task, jobId: job, attempt }: Attempt,
  error: unknown,
): Readonly<Record<string, string | number | SerializedError>> {
  return { task, job, attempt, ...(error === undefined ? {} : { error: serializeError(error) }) };
}
