import type { SerializedError } from "../errors/serialized-error.ts";
import { Issues } from "../issues.ts";
import type { DeadLetterReason, JobId } from "../job/job.ts";
import { JOB_STATUSES, type JobStatus } from "../job/job-status.ts";
import {
  ARRAY_RULE,
  isLength,
  LENGTH_RULE,
  isLimit,
  isRecord,
  isSignal,
  isSpan,
  LIMIT_RULE,
  OBJECT_RULE,
  SIGNAL_RULE,
  SPAN_RULE,
  TEXT_RULE,
} from "../value-rules.ts";
import { DEAD_LETTER_REASONS } from "./dead-letters.ts";
import { isSerializedError } from "./exchange-check.ts";
import type { JobQuery } from "./task-queue.ts";

const JOB_QUERY = ["status", "task", "key", "cursor", "limit"] as const satisfies readonly (keyof JobQuery)[];
const ACTIVE_QUERY = ["cursor", "limit"];
const LETTER_QUERY = ["task", "cursor", "limit"];

/** @throws TaskValidationError when the value is no id of a job. Whether there is such a job is another question. */
export function checkJobId(id: JobId): void {
  if (typeof id === "string") return;
  const issues = new Issues();
  issues.add("id", `${TEXT_RULE}, the id of a job`);
  issues.refuse("job id");
}

/** @throws TaskValidationError */
export function checkJobIds(ids: readonly JobId[]): void {
  const issues = new Issues();
  judgeIds(ids, issues);
  issues.refuse("job ids");
}

/** @throws TaskValidationError */
export function checkSettledWatch(ids: readonly JobId[], signal: AbortSignal): void {
  const issues = new Issues();
  judgeIds(ids, issues);
  if (!isSignal(signal)) issues.add("signal", SIGNAL_RULE);
  issues.refuse("onSettled");
}

/** @throws TaskValidationError when a status is given that is none. */
export function checkStatus(status: JobStatus | undefined): void {
  if (status === undefined) return;
  const issues = new Issues();
  issues.word("status", status, JOB_STATUSES);
  issues.refuse("job status");
}

/** @throws TaskValidationError naming every field that is unknown or out of range. */
export function checkJobQuery(query: JobQuery): void {
  judgeQuery("job query", query, JOB_QUERY, (fields, issues) => {
    issues.word("status", fields["status"], JOB_STATUSES);
    if (fields["limit"] === undefined) issues.add("limit", LIMIT_RULE);
  });
}

/** @throws TaskValidationError naming every field that is unknown or out of range. */
export function checkActiveQuery(
  query: { readonly cursor?: string; readonly limit?: number },
  subject = "job query",
): void {
  judgeQuery(subject, query, ACTIVE_QUERY);
}

/** @throws TaskValidationError naming every field that is unknown or out of range. */
export function checkClearQuery(query: { status?: JobStatus }): void {
  judgeQuery("clear query", query, ["status"], (fields, issues) => {
    if (fields["status"] !== undefined) issues.word("status", fields["status"], JOB_STATUSES);
  });
}

/** @throws TaskValidationError naming every field that is unknown or out of range. */
export function checkLetterQuery(query: { task?: string; cursor?: string; limit?: number }): void {
  judgeQuery("dead letter query", query, LETTER_QUERY);
}

/** @throws TaskValidationError naming every field that is unknown or out of range. */
export function checkRedriveQuery(query: { task?: string }): void {
  judgeQuery("dead letter query", query, ["task"]);
}

/** @throws TaskValidationError for an error that is none, and a reason that is none of those known. */
export function checkLetter(error: SerializedError, reason: DeadLetterReason): void {
  const issues = new Issues();
  if (!isSerializedError(error)) issues.add("error", "must be an error as data, with name and message");
  issues.word("reason", reason, DEAD_LETTER_REASONS);
  issues.refuse("dead letter");
}

/** @throws TaskValidationError */
export function checkPurge(olderThanMs: number): void {
  if (isSpan(olderThanMs)) return;
  const issues = new Issues();
  issues.add("olderThanMs", SPAN_RULE);
  issues.refuse("purge");
}

/** @throws TaskValidationError naming every option that is unknown or out of range. */
export function checkDequeue(options: { leaseMs?: number } | undefined): void {
  judgeOptions("dequeue", options, ["leaseMs"], ({ leaseMs }, issues) => {
    if (leaseMs !== undefined && !isLength(leaseMs)) issues.add("leaseMs", LENGTH_RULE);
  });
}

/** @throws TaskValidationError naming every option that is unknown or out of range. */
export function checkNack(
  options: { requeue?: boolean; delayMs?: number; reason?: string } | undefined,
): void {
  judgeOptions("nack", options, ["requeue", "delayMs", "reason"], ({ requeue, delayMs, reason }, issues) => {
    if (requeue !== undefined && typeof requeue !== "boolean") issues.add("requeue", "must be true or false");
    if (delayMs !== undefined && !isSpan(delayMs)) issues.add("delayMs", SPAN_RULE);
    if (reason !== undefined && typeof reason !== "string") issues.add("reason", TEXT_RULE);
  });
}

function judgeOptions(
  subject: string,
  options: unknown,
  known: readonly string[],
  judge: (fields: Readonly<Record<string, unknown>>, issues: Issues) => void,
): void {
  if (options === undefined) return;
  const issues = new Issues();
  if (!isRecord(options)) issues.add("options", OBJECT_RULE);
  else {
    issues.unknownIn(options, known);
    judge(options, issues);
  }
  issues.refuse(subject);
}

function judgeIds(ids: unknown, issues: Issues): void {
  if (!Array.isArray(ids)) {
    issues.add("ids", ARRAY_RULE);
    return;
  }
  for (let i = 0; i < ids.length; i++)
    if (typeof ids[i] !== "string") issues.add(`ids.${i}`, `${TEXT_RULE}, the id of a job`);
}

function judgeQuery(
  subject: string,
  query: unknown,
  known: readonly string[],
  more?: (fields: Readonly<Record<string, unknown>>, issues: Issues) => void,
): void {
  const issues = new Issues();
  if (!isRecord(query)) issues.add("", OBJECT_RULE);
  else {
    issues.unknownIn(query, known);
    for (const field of ["task", "key", "cursor"])
      if (known.includes(field) && query[field] !== undefined && typeof query[field] !== "string")
        issues.add(field, TEXT_RULE);
    if (known.includes("limit") && query["limit"] !== undefined && !isLimit(query["limit"]))
      issues.add("limit", LIMIT_RULE);
    more?.(query, issues);
  }
  issues.refuse(subject);
}
