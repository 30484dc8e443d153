import {
  DEFAULT_MAX_RECOVERIES,
  DuplicateTaskError,
  type Enqueued,
  err,
  type Headers,
  type JobId,
  jobIssues,
  JobNotFoundError,
  type NewJob,
  ok,
  QueueFullError,
  type Result,
  type TaskQueueError,
  TaskValidationError,
} from "@lexigram/contracts";
import { JobEntry } from "./job-entry.ts";
import { JobLinks } from "./job-links.ts";
import { cancelledBecause } from "./job-errors.ts";
import type { QueueStore } from "./queue-store.ts";
import { CANCELLED, COMPLETED, isTerminalCode, isUnstartedCode } from "./status-code.ts";
import type { UniqueHold } from "./unique-keys.ts";

const NO_HEADERS: Headers = Object.freeze({});

/** Stores jobs one after the other, each judged by itself. */
export function acceptJobs(
  store: QueueStore,
  jobs: readonly NewJob[],
): readonly Result<Enqueued, TaskQueueError>[] {
  const results = new Array<Result<Enqueued, TaskQueueError>>(jobs.length);
  for (let i = 0; i < jobs.length; i++) results[i] = acceptJob(store, jobs[i] as NewJob);
  return results;
}

function acceptJob(store: QueueStore, job: NewJob): Result<Enqueued, TaskQueueError> {
  const issues = jobIssues(job);
  if (issues !== undefined) return err(new TaskValidationError({ subject: "job", issues }));
  const hold = job.unique === undefined ? undefined : store.unique.holder(job.unique.key, store.mono);
  if (hold !== undefined && job.unique?.onConflict === "existing")
    return ok({ id: hold.id, outcome: "existing" });
  const replaced = hold === undefined ? undefined : replaceable(job, hold);
  const refusal = refusalOf(store, job, hold, replaced);
  if (refusal !== undefined) return err(refusal);
  if (replaced !== undefined) {
    replaced.error = cancelledBecause(replaced, `replaced by job "${job.id}"`);
    store.end(replaced, CANCELLED);
  }
  const entry = newEntry(store, job);
  if (job.delayMs !== undefined && job.delayMs > 0) entry.runAt = store.now + job.delayMs;
  store.ready.enroll(entry, store.rateNow);
  if (job.unique !== undefined) store.unique.take(entry, job.unique, store.monoUp);
  if (job.dependsOn === undefined && job.barrier === undefined && job.notifies === undefined)
    store.admit(entry, false);
  else admitLinked(store, entry, job);
  return ok({ id: job.id, outcome: replaced === undefined ? "accepted" : "replaced" });
}

/** An entry for a valid job, which shares nothing with it that its owner could change. */
export function newEntry(store: QueueStore, job: NewJob): JobEntry {
  const entry = new JobEntry(job, copyHeaders(job.headers), store.now, store.nextSeq());
  if (job.expiresInMs !== undefined) entry.expiresAt = store.now + job.expiresInMs;
  entry.maxRecoveries = job.maxRecoveries ?? DEFAULT_MAX_RECOVERIES;
  entry.resultTtlMs = job.resultTtlMs;
  return entry;
}

function copyHeaders(headers: Headers): Headers {
  for (const _ in headers) return Object.freeze({ ...headers });
  return NO_HEADERS;
}

/** The job whose place a newcomer may take, if that is what it asks for. */
function replaceable(job: NewJob, { entry }: UniqueHold): JobEntry | undefined {
  if (entry === null || job.unique?.onConflict !== "replace") return undefined;
  return isUnstartedCode(entry.code) && !entry.begun ? entry : undefined;
}

function refusalOf(
  store: QueueStore,
  job: NewJob,
  hold: UniqueHold | undefined,
  replaced: JobEntry | undefined,
): TaskQueueError | undefined {
  const queue = store.name;
  if (store.jobs.has(job.id)) return new DuplicateTaskError({ queue, jobId: job.id, existingId: job.id });
  if (job.dependsOn !== undefined) {
    const unknown = job.dependsOn.find((id) => !store.jobs.has(id));
    if (unknown !== undefined) return new JobNotFoundError({ queue, jobId: unknown });
  }
  if (job.notifies !== undefined && !store.jobs.has(job.notifies))
    return new JobNotFoundError({ queue, jobId: job.notifies });
  if (job.unique !== undefined && hold !== undefined && replaced === undefined)
    return new DuplicateTaskError({ queue, jobId: job.id, existingId: hold.id, key: job.unique.key });
  if (job.key !== undefined) {
    const required = store.ready.requiredPriority(job.key);
    const takesItsOwnPlace =
      replaced !== undefined && replaced.key === job.key && !store.ready.sharesOrder(replaced);
    if (required !== undefined && required !== job.priority && !takesItsOwnPlace)
      return mixedPriority(job.key, required);
  }
  const { maxSize } = store.policy;
  if (maxSize !== undefined && store.statuses.unfinished - (replaced === undefined ? 0 : 1) >= maxSize)
    return new QueueFullError({ queue, capacity: maxSize });
  return undefined;
}

export function mixedPriority(key: string, required: number): TaskValidationError {
  return new TaskValidationError({
    subject: "job",
    issues: [
      {
        path: "priority",
        message: `must be ${required}, as that of the unfinished jobs of key "${key}", which start in their order`,
      },
    ],
  });
}

function admitLinked(store: QueueStore, entry: JobEntry, job: NewJob): void {
  const dependsOn: readonly JobId[] = [...new Set(job.dependsOn)];
  const links = new JobLinks(dependsOn, job.notifies);
  entry.links = links;
  links.barrierLeft = job.barrier?.size ?? 0;
  if (job.notifies !== undefined) links.callback = store.jobs.get(job.notifies) ?? null;
  let isDoomed = false;
  for (const id of dependsOn) {
    const on = store.jobs.get(id) as JobEntry;
    store.releases.depend(entry, links, on);
    if (isTerminalCode(on.code) && on.code !== COMPLETED) isDoomed = true;
  }
  store.admit(entry, links.isHeld || isDoomed);
  if (isDoomed) store.cancel(entry);
}
