import {
  type Body,
  isPriority,
  MAX_DEPENDENCIES,
  nearest,
  type NewJob,
  type ValidationIssue,
} from "@lexigram/contracts";

/** Ids, names and keys are no longer than this. */
const LONGEST_NAME = 512;

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

/** Made for each job that is checked, so it holds nothing until there is something. */
class Issues {
  found: ValidationIssue[] | undefined = undefined;

  add(path: string, message: string): void {
    (this.found ??= []).push({ path, message });
  }

  unknown(path: string, key: string, known: readonly string[]): void {
    const near = nearest(key, known);
    this.add(path, near === undefined ? "is unknown" : `is unknown; did you mean "${near}"?`);
  }
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= LONGEST_NAME;
}

function isSpan(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY;
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

export function isBody(value: unknown): value is Body {
  if (typeof value !== "object" || value === null) return false;
  const { data, encoding } = value as Partial<Body>;
  return (typeof data === "string" || data instanceof Uint8Array) && typeof encoding === "string";
}

const NAME_RULE = `must be a text of 1 to ${LONGEST_NAME} characters`;
const SPAN_RULE = "must be a number of milliseconds, 0 or more";

/** What is wrong with the routing fields of a new job; `undefined` when nothing is. */
export function jobIssues(job: NewJob): readonly ValidationIssue[] | undefined {
  if (typeof job !== "object" || job === null) return [{ path: "", message: "must be an object" }];
  const issues = new Issues();
  for (const field in job)
    if (!KNOWN.has(field) && Object.hasOwn(job, field)) issues.unknown(field, field, FIELDS);
  if (!isName(job.id)) issues.add("id", NAME_RULE);
  if (!isName(job.task)) issues.add("task", NAME_RULE);
  if (!isBody(job.body)) issues.add("body", "must have data, a text or bytes, and the name of its encoding");
  if (!isPriority(job.priority)) issues.add("priority", "must be a whole number from 0 to 20");
  checkHeaders(job, issues);
  if (job.delayMs !== undefined && !isSpan(job.delayMs)) issues.add("delayMs", SPAN_RULE);
  if (job.expiresInMs !== undefined && !isSpan(job.expiresInMs)) issues.add("expiresInMs", SPAN_RULE);
  if (job.key !== undefined && !isName(job.key)) issues.add("key", NAME_RULE);
  if (job.notifies !== undefined && !isName(job.notifies)) issues.add("notifies", NAME_RULE);
  if (job.maxRecoveries !== undefined && !isCount(job.maxRecoveries))
    issues.add("maxRecoveries", "must be a whole number, 0 or more");
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
  if (typeof unique !== "object" || unique === null) {
    issues.add("unique", "must be an object");
    return;
  }
  const known = ["key", "until", "onConflict"];
  for (const field of Object.keys(unique))
    if (!known.includes(field)) issues.unknown(`unique.${field}`, field, known);
  if (!isName(unique.key)) issues.add("unique.key", NAME_RULE);
  const { until } = unique;
  if (until !== "started" && until !== "settled" && !(isSpan(until?.ttlMs) && until.ttlMs > 0))
    issues.add("unique.until", 'must be "started", "settled", or { ttlMs } above 0');
  if (!["reject", "existing", "replace"].includes(unique.onConflict))
    issues.add("unique.onConflict", 'must be "reject", "existing" or "replace"');
}

function checkDependencies(dependsOn: unknown, issues: Issues): void {
  if (!Array.isArray(dependsOn) || !dependsOn.every(isName))
    issues.add("dependsOn", `must be an array of ids, each of 1 to ${LONGEST_NAME} characters`);
  else if (dependsOn.length > MAX_DEPENDENCIES)
    issues.add("dependsOn", `names ${dependsOn.length} jobs; at most ${MAX_DEPENDENCIES} are allowed`);
}

function checkBarrier(barrier: NonNullable<NewJob["barrier"]>, issues: Issues): void {
  if (typeof barrier !== "object" || barrier === null || !isCount(barrier.size))
    issues.add("barrier.size", "must be a whole number, 0 or more");
}
