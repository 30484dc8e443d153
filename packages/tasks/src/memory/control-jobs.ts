import {
  type CancelOutcome,
  changeIssues,
  err,
  type JobChange,
  type JobId,
  JobNotFoundError,
  type JobStatus,
  type JobView,
  ok,
  type Result,
  type TaskQueueError,
  TaskValidationError,
  TransitionNotAllowedError,
} from "@lexigram/contracts";
import { mixedPriority } from "./accept-jobs.ts";
import { type JobEntry, viewOf } from "./job-entry.ts";
import { cancelledBecause } from "./job-errors.ts";
import type { QueueStore } from "./queue-store.ts";
import {
  CANCELLED,
  COMPLETED,
  EXPIRED,
  FAILED,
  isTerminalCode,
  isUnstartedCode,
  PENDING,
  RETRYING,
  RUNNING,
  SCHEDULED,
  type StatusCode,
  statusCode,
  statusName,
  WAITING,
} from "./status-code.ts";

/** Ends an unstarted job, or asks for the end of a running one. */
export function cancelJob(store: QueueStore, id: JobId): CancelOutcome {
  const outcome = store.step(() => cancelEntry(store, store.jobs.get(id)));
  // A worker that waits has running jobs perhaps; its next exchange tells it of the request.
  if (outcome === "requested") store.wake.wakeAll();
  return outcome;
}

function cancelEntry(store: QueueStore, entry: JobEntry | undefined): CancelOutcome {
  if (entry === undefined) return "unknown";
  if (isTerminalCode(entry.code)) return "finished";
  if (entry.code === RUNNING && entry.lease !== null) {
    store.requestCancel(entry.lease);
    return "requested";
  }
  entry.error = cancelledBecause(entry, "it was asked to before it started");
  store.end(entry, CANCELLED);
  return "cancelled";
}

/** Changes a job that has not started. */
export function updateJob(store: QueueStore, id: JobId, change: JobChange): Result<JobView, TaskQueueError> {
  const issues = changeIssues(change);
  if (issues !== undefined) return err(new TaskValidationError({ subject: "job change", issues }));
  return store.step(() => {
    const entry = store.jobs.get(id);
    if (entry === undefined) return err(new JobNotFoundError({ queue: store.name, jobId: id }));
    if (!isUnstartedCode(entry.code)) {
      const to =
        change.runAt !== undefined && change.runAt - store.origin > store.now ? "scheduled" : "pending";
      return err(new TransitionNotAllowedError({ jobId: id, from: statusName(entry.code), to }));
    }
    if (change.priority !== undefined && change.priority !== entry.priority && store.ready.sharesOrder(entry))
      return err(mixedPriority(entry.key ?? "", entry.priority));
    applyChange(store, entry, change);
    return ok(viewOf(entry, store.origin));
  });
}

function applyChange(store: QueueStore, entry: JobEntry, change: JobChange): void {
  const isWaiting = entry.code === WAITING;
  if (!isWaiting) store.detach(entry);
  if (change.priority !== undefined) entry.priority = change.priority;
  if (change.body !== undefined) entry.setBody(change.body);
  if (change.runAt !== undefined) entry.runAt = Math.max(change.runAt, 0) - store.origin;
  if (isWaiting) return;
  if (entry.runAt > store.now) store.makeScheduled(entry, entry.runAt);
  else store.makePending(entry);
}

/** Removes a record, whatever its status. */
export function deleteJob(store: QueueStore, id: JobId): boolean {
  return store.step(() => {
    const entry = store.jobs.get(id);
    if (entry !== undefined) store.remove(entry);
    return entry !== undefined;
  });
}

/** Those that wait for others come first, so that no deletion sets one of them going. */
const CLEARED: readonly StatusCode[] = [
  WAITING,
  SCHEDULED,
  RETRYING,
  PENDING,
  COMPLETED,
  FAILED,
  CANCELLED,
  EXPIRED,
];

/** Removes the records of a status, or all that are not running. */
export function clearJobs(store: QueueStore, status: JobStatus | undefined): number {
  return store.step(() => {
    let n = 0;
    for (const code of status === undefined ? CLEARED : [statusCode(status)]) {
      const index = store.statuses.of(code);
      for (let entry = index.first; entry !== undefined; entry = index.first) {
        store.remove(entry);
        n++;
      }
    }
    return n;
  });
}
