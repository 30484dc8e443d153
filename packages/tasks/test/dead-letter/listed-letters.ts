import {
  type DeadLetter,
  type DeadLetterQueueProtocol,
  type DeadLetterReason,
  type DeadLetterStats,
  type JobId,
  JobNotFoundError,
  type JobView,
  type NewJob,
  ok,
  err,
  type Page,
  type QueuePolicy,
  type Result,
  type SerializedError,
  type TaskQueueProtocol,
  TransitionNotAllowedError,
} from "@lexigram/contracts";
import type { ManualClock } from "../memory-state/manual-clock.ts";

/** Dead letters in a list, newest last, by the letter of their protocol. */
export class ListedLetters implements DeadLetterQueueProtocol {
  readonly letters: DeadLetter[] = [];
  readonly pending: JobId[] = [];
  /** Ids of jobs that are there and did not fail. */
  readonly healthy = new Set<JobId>();
  policy: QueuePolicy = { maxSize: 7 };
  policiesSet = 0;
  #retried = 0;
  #removed = 0;
  readonly name: string;
  readonly #clock: ManualClock;

  constructor(name: string, clock: ManualClock) {
    this.name = name;
    this.#clock = clock;
  }

  get queue(): TaskQueueProtocol {
    const queue: Pick<TaskQueueProtocol, "name" | "deadLetters" | "getPolicy" | "setPolicy"> = {
      name: this.name,
      deadLetters: this,
      getPolicy: async () => this.policy,
      setPolicy: async (policy) => {
        this.policy = policy;
        this.policiesSet++;
      },
    };
    return queue as TaskQueueProtocol;
  }

  async add(
    job: NewJob,
    error: SerializedError,
    reason: DeadLetterReason = "manual",
  ): Promise<Result<JobId, never>> {
    const failedAt = this.#clock.now();
    const view: JobView = {
      ...job,
      createdAt: failedAt,
      status: "failed",
      attempt: 0,
      recoveries: 0,
      deferrals: 0,
      finishedAt: failedAt,
      error,
      reason,
      maxRecoveries: 3,
      redrives: 0,
    };
    this.letters.push({ job: view, error, reason, failedAt });
    return ok(job.id);
  }

  async get(id: JobId): Promise<DeadLetter | undefined> {
    return this.letters.find((letter) => letter.job.id === id);
  }

  async list(query: { task?: string; cursor?: string; limit?: number } = {}): Promise<Page<DeadLetter>> {
    const newest = this.letters
      .toReversed()
      .filter((l) => query.task === undefined || l.job.task === query.task);
    const { cursor } = query;
    const rest = cursor === undefined ? newest : newest.filter((l) => l.failedAt < Number(cursor));
    const items = rest.slice(0, query.limit ?? 50);
    return rest.length > items.length ? { items, cursor: String(items.at(-1)?.failedAt) } : { items };
  }

  async retry(id: JobId): Promise<Result<JobId, JobNotFoundError | TransitionNotAllowedError>> {
    if (this.healthy.has(id))
      return err(new TransitionNotAllowedError({ jobId: id, from: "completed", to: "pending" }));
    if (!this.#take((letter) => letter.job.id === id))
      return err(new JobNotFoundError({ queue: this.name, jobId: id }));
    this.pending.push(id);
    this.#retried++;
    return ok(id);
  }

  async retryAll(query: { task?: string } = {}): Promise<number> {
    const ids = this.letters
      .filter((l) => query.task === undefined || l.job.task === query.task)
      .map((letter) => letter.job.id);
    for (const id of ids) await this.retry(id);
    return ids.length;
  }

  async remove(id: JobId): Promise<boolean> {
    const was = this.#take((letter) => letter.job.id === id) > 0;
    if (was) this.#removed++;
    return was;
  }

  async purge(olderThanMs: number): Promise<number> {
    const taken = this.#take((letter) => letter.failedAt <= this.#clock.now() - olderThanMs);
    this.#removed += taken;
    return taken;
  }

  clear(): Promise<number> {
    return this.purge(0);
  }

  async size(): Promise<number> {
    return this.letters.length;
  }

  async stats(): Promise<DeadLetterStats> {
    const byTask: Record<string, number> = {};
    for (const { job } of this.letters) byTask[job.task] = (byTask[job.task] ?? 0) + 1;
    return {
      size: this.letters.length,
      maxSize: 10_000,
      retried: this.#retried,
      removed: this.#removed,
      byTask,
    };
  }

  #take(which: (letter: DeadLetter) => boolean): number {
    const kept = this.letters.filter((letter) => !which(letter));
    const taken = this.letters.length - kept.length;
    this.letters.splice(0, this.letters.length, ...kept);
    return taken;
  }
}
