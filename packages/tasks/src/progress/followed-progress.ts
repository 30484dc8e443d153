import {
  type Clock,
  type JobId,
  type ProgressSnapshot,
  type ProgressTrackerProtocol,
  QueueUnavailableError,
  type Timer,
} from "@lexigram/contracts";
import { ChangeFeed } from "./change-feed.ts";
import { ProgressInfo } from "./progress-info.ts";

/** How a job ended. */
export interface JobEnd {
  readonly completed: boolean;
  /** Why it did not complete. */
  readonly error: string;
}

export interface FollowedJob {
  readonly id: JobId;
  readonly tracker: ProgressTrackerProtocol;
  readonly clock: Clock;
  /**
   * How it ended, once it has; `undefined` when it is gone and nobody knows. Rejects with what the iteration is to
   * reject with. Absent: nothing can tell, and the tracker's word is the last.
   */
  readonly ending: ((signal: AbortSignal) => Promise<JobEnd | undefined>) | undefined;
}

type News =
  | { readonly kind: "report"; readonly snapshot: ProgressSnapshot }
  /** The tracker ended its subscription. */
  | { readonly kind: "silence" }
  | { readonly kind: "look" }
  | { readonly kind: "end"; readonly end: JobEnd | undefined }
  | { readonly kind: "error"; readonly error: unknown };

const LOOK_AGAIN_MS = 1_000;

/**
 * A job's progress that ends with the job, whatever was reported of it: the last item is complete or failed as the
 * job is, made up when nobody reported it. What a tracker calls the end is the end only when the job's own store
 * agrees: a job that was redriven shows the end of its former run until it reports anew. Leaving the loop, or calling
 * `return`, ends everything that was begun for it.
 */
export function followProgress(job: FollowedJob): AsyncIterableIterator<ProgressSnapshot> {
  const stop = new AbortController();
  const items = follow(job, stop);
  return {
    next: () => items.next(),
    return: () => {
      // A generator that waits would see its `return` only after the next item.
      stop.abort();
      return items.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* follow(
  job: FollowedJob,
  stop: AbortController,
): AsyncGenerator<ProgressSnapshot, void, void> {
  const { id, tracker, clock } = job;
  const { signal } = stop;
  const news = new ChangeFeed<News>(signal, () => undefined);
  let seen: ProgressSnapshot | undefined;
  let timer: Timer | undefined;
  try {
    if (job.ending !== undefined) void tellEnd(job.ending(signal), signal, news);
    void relay(tracker, id, signal, news);
    for (;;) {
      const next = await news.next();
      if (next.done === true) return;
      const { value } = next;
      if (value.kind === "error") throw value.error;
      if (value.kind === "end") {
        const last = lastOf(job, value.end, seen, await stored(job, seen));
        if (last !== undefined) yield last;
        return;
      }
      if (value.kind === "report") {
        seen = value.snapshot;
        // A final one waits for the job's own end.
        if (!isFinal(seen) || job.ending === undefined) yield seen;
      } else if (job.ending === undefined) return;
      else if (value.kind === "look" && !same(await stored(job, seen), seen))
        void relay(tracker, id, signal, news);
      else
        timer = clock.setTimer(() => news.push({ kind: "look" }), LOOK_AGAIN_MS, {
          keepAlive: false,
        });
    }
  } finally {
    timer?.cancel();
    stop.abort();
  }
}

async function tellEnd(
  ending: Promise<JobEnd | undefined>,
  signal: AbortSignal,
  news: ChangeFeed<News>,
): Promise<void> {
  try {
    news.push({ kind: "end", end: await ending });
  } catch (error) {
    if (!signal.aborted) news.push({ kind: "error", error });
  }
}

async function relay(
  tracker: ProgressTrackerProtocol,
  id: JobId,
  signal: AbortSignal,
  news: ChangeFeed<News>,
): Promise<void> {
  try {
    for await (const snapshot of tracker.subscribe(id, signal)) {
      if (signal.aborted) return;
      news.push({ kind: "report", snapshot });
    }
    news.push({ kind: "silence" });
  } catch (error) {
    if (!signal.aborted) news.push({ kind: "error", error });
  }
}

/** What is stored, or `otherwise` while the store cannot be reached. */
async function stored(
  { tracker, id }: FollowedJob,
  otherwise: ProgressSnapshot | undefined,
): Promise<ProgressSnapshot | undefined> {
  try {
    return await tracker.get(id);
  } catch (error) {
    if (error instanceof QueueUnavailableError && error.fields.retryable) return otherwise;
    throw error;
  }
}

function lastOf(
  job: FollowedJob,
  end: JobEnd | undefined,
  seen: ProgressSnapshot | undefined,
  known: ProgressSnapshot | undefined,
): ProgressSnapshot | undefined {
  if (end === undefined)
    return known !== undefined && (isFinal(known) || !same(known, seen)) ? known : undefined;
  if (known !== undefined && tells(known, end)) return known;
  return madeUp(job, end, known === undefined || isFinal(known) ? undefined : known);
}

/** Whether a report is of this end, and not of a former run's. */
function tells(snapshot: ProgressSnapshot, { completed, error }: JobEnd): boolean {
  return completed
    ? snapshot.status === "complete"
    : snapshot.status === "failed" && snapshot.error === error;
}

/** What a tracker would have told of the end. */
function madeUp(
  { id, clock }: FollowedJob,
  { completed, error }: JobEnd,
  before: ProgressSnapshot | undefined,
): ProgressSnapshot {
  const now = clock.now();
  const { current, total, startedAt, metadata } = before ?? {
    current: 0,
    total: 0,
    startedAt: now,
    metadata: {},
  };
  return {
    ...new ProgressInfo({
      jobId: id,
      current: completed ? Math.max(current, total) : current,
      total,
      status: completed ? "complete" : "failed",
      message: completed ? "Complete" : `FAILED: ${error}`,
      error: completed ? "" : error,
      startedAt,
      updatedAt: now,
      elapsedMs: now - startedAt,
      metadata: {},
    }).toSnapshot(),
    metadata,
  };
}

function isFinal({ status }: ProgressSnapshot): boolean {
  return status === "complete" || status === "failed";
}

function same(one: ProgressSnapshot | undefined, other: ProgressSnapshot | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.startedAt === other.startedAt &&
    one.updatedAt === other.updatedAt &&
    one.current === other.current &&
    one.status === other.status
  );
}
