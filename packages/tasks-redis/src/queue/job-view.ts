import {
  DEFAULT_MAX_RECOVERIES,
  type DeadLetter,
  type DeadLetterReason,
  type JobId,
  type JobOutcome,
  type JobStatus,
  type JobView,
  PoisonJobError,
  type ReplayLink,
  type SerializedError,
  serializeError,
  TaskCancelledError,
} from "@lexigram/contracts";
import { bodyOf, storedRecordOf } from "./job-content.ts";

/** What scripts tell of a job, by position; what is absent is empty. */
export type ViewTuple = readonly [
  id: string,
  record: string,
  status: string,
  attempt: string,
  recoveries: string,
  deferrals: string,
  runAt: string,
  startedAt: string,
  finishedAt: string,
  resultEncoding: string,
  result: string,
  error: string,
  why: string,
  reason: string,
  cancelRequested: string,
  redrives: string,
  replayOf: string,
];

export type OutcomeTuple = readonly [
  status: string,
  attempt: string,
  resultEncoding: string,
  result: string,
  error: string,
  why: string,
];

/** Scripts tell of a job that is not there by telling nothing. */
export function present<T extends readonly unknown[]>(answer: T | readonly [] | undefined): T | undefined {
  return answer === undefined || answer.length === 0 ? undefined : (answer as T);
}

const UNKNOWN_ERROR: SerializedError = { name: "Error", message: "unknown" };

const REASONS: Readonly<Record<string, string>> = {
  asked: "it was asked to before it started",
  stopped: "it was asked to stop",
  dependency: "a job that it depends on did not complete",
};

/** The error that a job left, or that the store's own verdict stands for. */
function errorOf(id: JobId, error: string, why: string, recoveries: number): SerializedError | undefined {
  if (error !== "") return JSON.parse(error) as SerializedError;
  if (why === "") return undefined;
  if (why === "poison")
    return serializeError(new PoisonJobError({ jobId: id, recoveries }), { stack: false });
  const reason = why.startsWith("replaced:") ? `replaced by job "${why.slice(9)}"` : (REASONS[why] ?? why);
  return serializeError(new TaskCancelledError({ jobId: id, reason }), { stack: false });
}

export function viewOf(tuple: ViewTuple): JobView {
  const [id, stored, status, attempt, recoveries, deferrals, runAt, startedAt, finishedAt] = tuple;
  const [, , , , , , , , , encoding, result, failure, why, reason, cancelRequested, redrives, replayOf] =
    tuple;
  const { record, dependsOn, notifies, maxRecoveries } = storedRecordOf(id, stored);
  const error = errorOf(id, failure, why, Number(recoveries));
  return {
    ...record,
    status: status as JobStatus,
    attempt: Number(attempt),
    recoveries: Number(recoveries),
    deferrals: Number(deferrals),
    maxRecoveries: maxRecoveries ?? DEFAULT_MAX_RECOVERIES,
    redrives: Number(redrives),
    ...(runAt === "" ? {} : { runAt: Number(runAt) }),
    ...(startedAt === "" ? {} : { startedAt: Number(startedAt) }),
    ...(finishedAt === "" ? {} : { finishedAt: Number(finishedAt) }),
    ...(encoding === "" ? {} : { result: bodyOf(encoding, result) }),
    ...(error === undefined ? {} : { error }),
    ...(reason === "" ? {} : { reason: reason as DeadLetterReason }),
    ...(cancelRequested === "" ? {} : { cancelRequested: true }),
    ...(dependsOn === undefined ? {} : { dependsOn }),
    ...(notifies === undefined ? {} : { notifies }),
    ...(replayOf === "" ? {} : { replayOf: JSON.parse(replayOf) as ReplayLink }),
  };
}

export function letterOf(tuple: ViewTuple): DeadLetter {
  const job = viewOf(tuple);
  return {
    job,
    error: job.error ?? UNKNOWN_ERROR,
    reason: job.reason ?? "failed",
    failedAt: job.finishedAt ?? job.createdAt,
  };
}

/** @param tuple nothing when the queue holds no record of it. */
export function outcomeOf(id: JobId, tuple: OutcomeTuple | undefined): JobOutcome {
  if (tuple === undefined) return { id, status: "unknown", attempt: 0 };
  const [status, attempt, encoding, result, failure, why] = tuple;
  const error = errorOf(id, failure, why, Number(attempt));
  return {
    id,
    status: status as JobStatus,
    attempt: Number(attempt),
    ...(encoding === "" ? {} : { result: bodyOf(encoding, result) }),
    ...(error === undefined ? {} : { error }),
  };
}
