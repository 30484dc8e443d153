import {
  type Duration,
  type JobId,
  type JsonValue,
  spanOption,
  TaskValidationError,
} from "@lexigram/contracts";
import { RESULT_STATUSES, type ResultRecord, type ResultStatus, type StoredResult } from "./result-store.ts";

const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;

/**
 * The text of a record. As text it is shared with nobody.
 *
 * @throws TaskValidationError when the status is unknown or the value has no form in JSON.
 */
export function encodeRecord(jobId: JobId, result: StoredResult, storedAt: number): string {
  if (!RESULT_STATUSES.includes(result.status))
    throw invalid(jobId, "status", `must be one of ${RESULT_STATUSES.join(", ")}`);
  const { status, value, error, task, attempt, durationMs } = result;
  const record: ResultRecord = {
    jobId,
    storedAt,
    status,
    value,
    ...defined({ error, task, attempt, durationMs }),
  };
  try {
    return JSON.stringify(record);
  } catch (cause) {
    throw invalid(jobId, "value", "has no form in JSON", cause);
  }
}

export function decodeRecord(text: string): ResultRecord {
  return JSON.parse(text) as ResultRecord;
}

/** The same as data of a state store. */
export function recordAsJson(jobId: JobId, result: StoredResult, storedAt: number): JsonValue {
  return JSON.parse(encodeRecord(jobId, result, storedAt)) as JsonValue;
}

/** @throws TaskValidationError when a listing asks for fewer than 1 or more than 1,000. */
export function pageSize(limit: number = DEFAULT_PAGE): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE) return limit;
  throw new TaskValidationError({
    subject: "a listing of results",
    issues: [{ path: "limit", message: `must be a whole number from 1 to ${MAX_PAGE}` }],
  });
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** The members that are there. */
export function defined<T extends object>(members: T): Defined<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function invalid(jobId: JobId, path: string, message: string, cause?: unknown): TaskValidationError {
  return new TaskValidationError(
    { subject: `the result of job "${jobId}"`, issues: [{ path, message }] },
    { cause },
  );
}

/** The status of a record, as a queue names it. */
export const JOB_STATUS_OF = {
  ok: "completed",
  failed: "failed",
  cancelled: "cancelled",
  expired: "expired",
} as const satisfies Record<ResultStatus, string>;

/** `Infinity` for `null`. @throws TaskConfigError when it is not a duration above 0. */
export function ttlMs(ttl: Duration | null): number {
  return ttl === null ? Infinity : spanOption("a result store", "ttl", ttl, { above: 0 });
}
