import {
  JOB_STATES,
  type JobId,
  type JobOutcome,
  type JobQuery,
  type JobState,
  type JobStatus,
  type JobView,
  type Page,
  type QueueStats,
  TaskValidationError,
} from "@lexigram/contracts";
import { type JobEntry, outcomeOf, viewOf } from "./job-entry.ts";
import type { QueueStore } from "./queue-store.ts";
import { PENDING, RETRYING, SCHEDULED, statusCode } from "./status-code.ts";
import type { StatusIndex } from "./status-index.ts";

/** Places that one page of a filtered listing looks at; a page may be shorter than asked for, and yet have a cursor. */
const LOOK = 5_000;

/** Does what is due first, so that no reader sees a moment that has passed. */
function bringUpToDate(store: QueueStore): void {
  store.step(() => {});
}

export function listJobs(store: QueueStore, query: JobQuery): Page<JobView> {
  bringUpToDate(store);
  const { task, key } = query;
  const matches =
    task === undefined && key === undefined
      ? undefined
      : (entry: JobEntry): boolean =>
          (task === undefined || entry.task === task) && (key === undefined || entry.key === key);
  return pageOf(store.statuses.of(statusCode(query.status)), query, matches, false, (entry) =>
    viewOf(entry, store.origin),
  );
}

/** Reads a page of an index. @throws TaskValidationError for a cursor that is none. */
export function pageOf<T>(
  index: StatusIndex,
  query: { readonly cursor?: string; readonly limit: number },
  matches: ((entry: JobEntry) => boolean) | undefined,
  backwards: boolean,
  show: (entry: JobEntry) => T,
): Page<T> {
  const { limit, cursor } = query;
  const after = cursor === undefined ? undefined : Number(cursor);
  if (after !== undefined && !(cursor !== "" && Number.isSafeInteger(after)))
    throw new TaskValidationError({
      subject: "job query",
      issues: [{ path: "cursor", message: "was not given out by this queue" }],
    });
  const page = index.page(after, limit, LOOK, matches, backwards);
  const items = page.entries.map(show);
  return page.next === undefined ? { items } : { items, cursor: String(page.next) };
}

export function countJobs(store: QueueStore, status: JobStatus | undefined): number {
  bringUpToDate(store);
  return status === undefined ? store.statuses.unfinished : store.statuses.of(statusCode(status)).size;
}

export function statsOf(store: QueueStore): QueueStats {
  bringUpToDate(store);
  const retrying = store.statuses.of(RETRYING).size;
  const counts = Object.fromEntries(
    JOB_STATES.map((state) => [state, store.statuses.of(statusCode(state)).size]),
  ) as Record<JobState, number>;
  counts.scheduled = store.statuses.of(SCHEDULED).size + retrying;
  const oldest = store.statuses.of(PENDING).first;
  const { maxSize } = store.policy;
  return {
    counts,
    retrying,
    paused: store.paused,
    workers: store.consumers.count(store.mono),
    ...(maxSize === undefined ? {} : { capacity: maxSize }),
    ...(oldest === undefined
      ? {}
      : { oldestPendingMs: Math.max(0, store.now - Math.max(oldest.createdAt, oldest.runAt)) }),
  };
}

export function resultsOf(store: QueueStore, ids: readonly JobId[]): readonly JobOutcome[] {
  bringUpToDate(store);
  return ids.map((id) => outcomeOf(id, store.jobs.get(id)));
}

export function viewJob(store: QueueStore, id: JobId): JobView | undefined {
  bringUpToDate(store);
  const entry = store.jobs.get(id);
  return entry === undefined ? undefined : viewOf(entry, store.origin);
}
