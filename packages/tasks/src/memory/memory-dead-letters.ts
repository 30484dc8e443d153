import {
  checkJobId,
  checkLetter,
  checkLetterQuery,
  checkPurge,
  checkRedriveQuery,
  DEFAULT_KEEP_FAILED,
  type DeadLetter,
  type DeadLetterQueueProtocol,
  type DeadLetterReason,
  type DeadLetterStats,
  DuplicateTaskError,
  err,
  type JobId,
  jobIssues,
  JobNotFoundError,
  type NewJob,
  ok,
  type Page,
  type Result,
  type SerializedError,
  type TaskQueueError,
  TaskValidationError,
  TransitionNotAllowedError,
} from "@lexigram/contracts";
import { newEntry } from "./accept-jobs.ts";
import { type JobEntry, NEVER, viewOf } from "./job-entry.ts";
import { JobLinks } from "./job-links.ts";
import type { QueueStore } from "./queue-store.ts";
import { pageOf } from "./read-jobs.ts";
import { FAILED, statusName } from "./status-code.ts";

/** Dead letters that are moved in one step. */
const STEP = 500;

const UNKNOWN_ERROR: SerializedError = { name: "Error", message: "unknown" };

/** Applies a call, or refuses it when the queue is closed or a fault says so. */
export type Gate = <T>(name: string, apply: () => T) => Promise<T>;

/** The failed jobs of a memory queue. */
export class MemoryDeadLetters implements DeadLetterQueueProtocol {
  readonly #store: QueueStore;
  readonly #gate: Gate;
  #retried = 0;
  #removed = 0;

  constructor(store: QueueStore, gate: Gate) {
    this.#store = store;
    this.#gate = gate;
  }

  add(
    job: NewJob,
    error: SerializedError,
    reason: DeadLetterReason = "manual",
  ): Promise<Result<JobId, TaskQueueError>> {
    return this.#step("deadLetters.add", () => {
      const store = this.#store;
      checkLetter(error, reason);
      const issues = [...(jobIssues(job) ?? [])];
      for (const path of ["dependsOn", "barrier"] as const)
        if (job?.[path] !== undefined)
          issues.push({ path, message: "is not for a dead letter, which waits for nothing" });
      if (issues.length > 0) return err(new TaskValidationError({ subject: "job", issues }));
      const { id } = job;
      if (store.jobs.has(id))
        return err(new DuplicateTaskError({ queue: store.name, jobId: id, existingId: id }));
      const callback = job.notifies === undefined ? null : store.jobs.get(job.notifies);
      if (callback === undefined)
        return err(new JobNotFoundError({ queue: store.name, jobId: job.notifies ?? "" }));
      const entry = newEntry(store, job);
      entry.error = error;
      entry.reason = reason;
      entry.begun = true;
      if (callback !== null) {
        entry.links = new JobLinks([], job.notifies);
        entry.links.callback = callback;
      }
      store.admitFailed(entry);
      return ok(id);
    });
  }

  get(id: JobId): Promise<DeadLetter | undefined> {
    return this.#step("deadLetters.get", () => {
      checkJobId(id);
      const entry = this.#store.jobs.get(id);
      return entry?.code === FAILED ? letterOf(entry, this.#store.origin) : undefined;
    });
  }

  list(query: { task?: string; cursor?: string; limit?: number } = {}): Promise<Page<DeadLetter>> {
    return this.#step("deadLetters.list", () => {
      checkLetterQuery(query);
      const { task, cursor, limit = 50 } = query;
      return pageOf(
        this.#store.statuses.of(FAILED),
        cursor === undefined ? { limit } : { limit, cursor },
        task === undefined ? undefined : (entry) => entry.task === task,
        true,
        (entry) => letterOf(entry, this.#store.origin),
      );
    });
  }

  retry(id: JobId): Promise<Result<JobId, JobNotFoundError | TransitionNotAllowedError>> {
    return this.#step("deadLetters.retry", () => {
      checkJobId(id);
      const entry = this.#store.jobs.get(id);
      if (entry === undefined) return err(new JobNotFoundError({ queue: this.#store.name, jobId: id }));
      if (entry.code !== FAILED)
        return err(new TransitionNotAllowedError({ jobId: id, from: statusName(entry.code), to: "pending" }));
      this.#redrive(entry);
      return ok(id);
    });
  }

  async retryAll(query: { task?: string } = {}): Promise<number> {
    checkRedriveQuery(query);
    return this.#each(
      "deadLetters.retryAll",
      query.task,
      () => true,
      (entry) => this.#redrive(entry),
    );
  }

  remove(id: JobId): Promise<boolean> {
    return this.#step("deadLetters.remove", () => {
      checkJobId(id);
      const entry = this.#store.jobs.get(id);
      if (entry?.code !== FAILED) return false;
      this.#remove(entry);
      return true;
    });
  }

  async purge(olderThanMs: number): Promise<number> {
    checkPurge(olderThanMs);
    return this.#each(
      "deadLetters.purge",
      undefined,
      (entry) => entry.finishedAt <= this.#store.now - olderThanMs,
      (entry) => this.#remove(entry),
    );
  }

  clear(): Promise<number> {
    return this.#each(
      "deadLetters.clear",
      undefined,
      () => true,
      (entry) => this.#remove(entry),
    );
  }

  size(): Promise<number> {
    return this.#step("deadLetters.size", () => this.#store.statuses.of(FAILED).size);
  }

  stats(): Promise<DeadLetterStats> {
    return this.#step("deadLetters.stats", () => {
      const { policy, statuses } = this.#store;
      const keep = policy.keepFailed ?? DEFAULT_KEEP_FAILED;
      return {
        size: this.#store.statuses.of(FAILED).size,
        maxSize: keep === 0 ? 0 : keep.count,
        retried: this.#retried,
        removed: this.#removed,
        byTask: Object.fromEntries(statuses.failedByTask),
      };
    });
  }

  #step<T>(name: string, apply: () => T): Promise<T> {
    return this.#gate(name, () => this.#store.step(apply));
  }

  /** Goes over what is there when the call starts, oldest first, in steps between which other calls may come. */
  async #each(
    name: string,
    task: string | undefined,
    matches: (entry: JobEntry) => boolean,
    act: (entry: JobEntry) => void,
  ): Promise<number> {
    const until = this.#store.statuses.latestStamp;
    let after: number | undefined = -1;
    let n = 0;
    while (after !== undefined) {
      const from: number = after;
      after = await this.#step(name, () => {
        const failed = this.#store.statuses.of(FAILED);
        const page = failed.page(from, STEP, STEP, undefined);
        for (const entry of page.entries) {
          if (failed.stampOf(entry) > until) return undefined;
          if ((task !== undefined && entry.task !== task) || !matches(entry)) continue;
          act(entry);
          n++;
        }
        return page.next;
      });
    }
    return n;
  }

  #redrive(entry: JobEntry): void {
    entry.replayOf = {
      id: entry.id,
      failedAt: this.#store.origin + entry.finishedAt,
      reason: entry.reason ?? "failed",
      attempt: entry.attempt,
    };
    entry.redrives++;
    entry.attempt = entry.recoveries = entry.deferrals = 0;
    entry.finishedAt = NEVER;
    entry.result = entry.error = entry.reason = undefined;
    entry.begun = true;
    // Its wait begins anew.
    entry.runAt = this.#store.now;
    this.#store.redrive(entry);
    this.#retried++;
  }

  #remove(entry: JobEntry): void {
    this.#store.remove(entry);
    this.#removed++;
  }
}

function letterOf(entry: JobEntry, origin: number): DeadLetter {
  return {
    job: viewOf(entry, origin),
    error: entry.error ?? UNKNOWN_ERROR,
    reason: entry.reason ?? "failed",
    failedAt: origin + entry.finishedAt,
  };
}
