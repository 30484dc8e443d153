import type { ValidationIssue } from "../errors/task-error-fields.ts";
import { Issues } from "../issues.ts";
import type { Body, NewJob } from "../job/job.ts";
import { isPriority } from "../job/priority.ts";
import {
  ARRAY_RULE,
  COUNT_RULE,
  isCount,
  isName,
  isRecord,
  isSpan,
  LONGEST_NAME,
  NAME_RULE,
  OBJECT_RULE,
  SPAN_RULE,
} from "../value-rules.ts";
import { MAX_DEPENDENCIES } from "./queue-policy.ts";
import type { JobChange } from "./task-queue.ts";

const FIELDS = [
  "id",
  "task",
  "body",
  "headers",
  "priority",
  "delayMs",
  "expiresInMs",
  "key",
  "unique",
  "dependsOn",
  "barrier",
  "notifies",
  "maxRecoveries",
  "resultTtlMs",
] as const satisfies readonly (keyof NewJob)[];
const KNOWN: ReadonlySet<string> = new Set(FIELDS);

const UNIQUE_FIELDS = ["key", "until", "onConflict"];
const CONFLICTS = ["reject", "existing", "replace"];
const CHANGES = ["runAt", "priority", "body"] as const satisfies readonly (keyof JobChange)[];

const BODY_RULE = "must have data, a text or bytes, and the name of its encoding";
const PRIORITY_RULE = "must be a whole number from 0 to 20";

/** Whether a value is the body of a job. */
export function isBody(value: unknown): value is Body {
  if (typeof value !== "object" || value === null) return false;
  const { data, encoding } = value as Partial<Body>;
  return (typeof data === "string" || data instanceof Uint8Array) && typeof encoding === "string";
}

/** @throws TaskValidationError when the value is no list of jobs; what the jobs in it are is judged one by one, by {@link jobIssues}. */
export function checkJobs(jobs: readonly NewJob[]): void {
  if (Array.isArray(jobs)) return;
  const issues = new Issues();
  issues.add("jobs", ARRAY_RULE);
  issues.refuse("enqueueMany");
}

/** What is wrong with the routing fields of a new job; `undefined` when nothing is. */
export function jobIssues(job: NewJob): readonly ValidationIssue[] | undefined {
  if (!isRecord(job)) return [{ path: "", message: OBJECT_RULE }];
  const issues = new Issues();
  for (const field in job)
    if (!KNOWN.has(field) && Object.hasOwn(job, field)) issues.unknown(field, field, FIELDS);
  if (!isName(job.id)) issues.add("id", NAME_RULE);
  if (!isName(job.task)) issues.add("task", NAME_RULE);
  if (!isBody(job.body)) issues.add("body", BODY_RULE);
  if (!isPriority(job.priority)) issues.add("priority", PRIORITY_RULE);
  checkHeaders(job, issues);
  if (job.delayMs !== undefined && !isSpan(job.delayMs)) issues.add("delayMs", SPAN_RULE);
  if (job.expiresInMs !== undefined && !isSpan(job.expiresInMs)) issues.add("expiresInMs", SPAN_RULE);
  if (job.key !== undefined && !isName(job.key)) issues.add("key", NAME_RULE);
  if (job.notifies !== undefined && !isName(job.notifies)) issues.add("notifies", NAME_RULE);
  if (job.maxRecoveries !== undefined && !isCount(job.maxRecoveries)) issues.add("maxRecoveries", COUNT_RULE);
  if (job.resultTtlMs != null && !isSpan(job.resultTtlMs)) issues.add("resultTtlMs", `${SPAN_RULE}, or null`);
  if (job.unique !== undefined) checkUnique(job.unique, issues);
  if (job.dependsOn !== undefined) checkDependencies(job.dependsOn, issues);
  if (job.barrier !== undefined) checkBarrier(job.barrier, issues);
  return issues.found;
}

function checkHeaders(job: NewJob, issues: Issues): void {
  const { headers } = job;
  if (typeof headers !== "object" || headers === null) {
    issues.add("headers", "must be an object of texts");
    return;
  }
  for (const name in headers)
    if (typeof headers[name] !== "string") issues.add(`headers.${name}`, "must be a text");
}

function checkUnique(unique: NonNullable<NewJob["unique"]>, issues: Issues): void {
  if (!isRecord(unique)) {
    issues.add("unique", OBJECT_RULE);
    return;
  }
  issues.unknownIn(unique, UNIQUE_FIELDS, "unique.");
  if (!isName(unique.key)) issues.add("unique.key", NAME_RULE);
  const { until } = unique;
  if (until !== "started" && until !== "settled" && !(isSpan(until?.ttlMs) && until.ttlMs > 0))
    issues.add("unique.until", 'must be "started", "settled", or { ttlMs } above 0');
  issues.word("unique.onConflict", unique.onConflict, CONFLICTS);
}

function checkDependencies(dependsOn: unknown, issues: Issues): void {
  if (!Array.isArray(dependsOn) || !dependsOn.every(isName))
    issues.add("dependsOn", `must be an array of ids, each of 1 to ${LONGEST_NAME} characters`);
  else if (dependsOn.length > MAX_DEPENDENCIES)
    issues.add("dependsOn", `names ${dependsOn.length} jobs; at most ${MAX_DEPENDENCIES} are allowed`);
}

function checkBarrier(barrier: NonNullable<NewJob["barrier"]>, issues: Issues): void {
  if (typeof barrier !== "object" || barrier === null || !isCount(barrier.size))
    issues.add("barrier.size", COUNT_RULE);
}

/** What is wrong with a change of an unstarted job; `undefined` when nothing is. */
export function changeIssues(change: JobChange): readonly ValidationIssue[] | undefined {
  const isObject: boolean = isRecord(change);
  if (!isObject) return [{ path: "", message: OBJECT_RULE }];
  const issues = new Issues();
  issues.unknownIn(change, CHANGES);
  const { runAt, priority, body } = change;
  if (runAt !== undefined && !Number.isFinite(runAt))
    issues.add("runAt", "must be an instant in epoch milliseconds");
  if (priority !== undefined && !isPriority(priority)) issues.add("priority", PRIORITY_RULE);
  if (body !== undefined && !isBody(body)) issues.add("body", BODY_RULE);
  return issues.found;
}
