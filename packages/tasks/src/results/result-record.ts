import {
  checkActiveQuery,
  checkJobId,
  type Duration,
  holdsOptions,
  Issues,
  type JobId,
  type JsonValue,
  refuseUnless,
  spanOption,
  TaskValidationError,
} from "@lexigram/contracts";
import {
  RESULT_STATUSES,
  type ResultQuery,
  type ResultRecord,
  type ResultStatus,
  type StoredResult,
} from "./result-store.ts";

const LISTING = "a listing of results";
const DEFAULT_PAGE = 100;

/**
 * The text of a record. As text it is shared with nobody.
 *
 * @throws TaskValidationError when the status is unknown or the value has no form in JSON.
 */
export function encodeRecord(jobId: JobId, result: StoredResult, storedAt: number): string {
  checkJobId(jobId);
  refuseUnless(holdsOptions(result), `the result of job "${jobId}"`, "", "must be an object with its status");
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

/**
 * How many results a listing asks for.
 *
 * @throws TaskValidationError for a status that is none, and a field that is unknown or out of range.
 */
export function pageSize(status: ResultStatus, query: ResultQuery): number {
  const issues = new Issues();
  issues.word("status", status, RESULT_STATUSES);
  issues.refuse(LISTING);
  checkActiveQuery(query, LISTING);
  return query.limit ?? DEFAULT_PAGE;
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
