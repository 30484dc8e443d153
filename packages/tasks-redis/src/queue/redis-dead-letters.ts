import {
  checkJobId,
  checkLetter,
  checkLetterQuery,
  checkPurge,
  checkRedriveQuery,
  type DeadLetter,
  type DeadLetterQueueProtocol,
  type DeadLetterReason,
  type DeadLetterStats,
  DuplicateTaskError,
  err,
  jobIssues,
  type JobId,
  JobNotFoundError,
  type JobStatus,
  type NewJob,
  ok,
  type Page,
  type Result,
  type SerializedError,
  type TaskQueueError,
  TaskValidationError,
  TransitionNotAllowedError,
} from "@lexigram/contracts";
import { contentOf } from "./job-content.ts";
import { pageOf } from "./job-listing.ts";
import { letterOf, present, type ViewTuple } from "./job-view.ts";
import type { QueueScripts } from "./queue-scripts.ts";

/** Dead letters that are dealt with in one step. */
const STEP = 500;

/** The failed jobs of a Redis queue. */
export class RedisDeadLetters implements DeadLetterQueueProtocol {
  readonly #name: string;
  readonly #scripts: QueueScripts;
  #retried = 0;
  #removed = 0;

  constructor(name: string, scripts: QueueScripts) {
    this.#name = name;
    this.#scripts = scripts;
  }

  async add(
    job: NewJob,
    error: SerializedError,
    reason: DeadLetterReason = "manual",
  ): Promise<Result<JobId, TaskQueueError>> {
    checkLetter(error, reason);
    const issues = [...(jobIssues(job) ?? [])];
    for (const path of ["dependsOn", "barrier"] as const)
      if (job?.[path] !== undefined)
        issues.push({ path, message: "is not for a dead letter, which waits for nothing" });
    if (issues.length > 0) return err(new TaskValidationError({ subject: "job", issues }));
    const { id, priority } = job;
    const answer = (await this.#scripts.control(
      "bury",
      id,
      priority,
      contentOf(job),
      JSON.stringify(error),
      reason,
    )) as string;
    if (answer === "d") return err(new DuplicateTaskError({ queue: this.#name, jobId: id, existingId: id }));
    if (answer.startsWith("n"))
      return err(new JobNotFoundError({ queue: this.#name, jobId: answer.slice(1) }));
    return ok(id);
  }

  async get(id: JobId): Promise<DeadLetter | undefined> {
    checkJobId(id);
    const tuple = present<ViewTuple>((await this.#scripts.look("get", id)) as ViewTuple | []);
    return tuple?.[2] === "failed" ? letterOf(tuple) : undefined;
  }

  async list(query: { task?: string; cursor?: string; limit?: number } = {}): Promise<Page<DeadLetter>> {
    checkLetterQuery(query);
    const page = await pageOf(this.#scripts, { limit: 50, ...query, status: "failed" }, "backwards");
    const items = page.items.map(letterOf);
    return page.cursor === undefined ? { items } : { items, cursor: page.cursor };
  }

  async retry(id: JobId): Promise<Result<JobId, JobNotFoundError | TransitionNotAllowedError>> {
    checkJobId(id);
    const [answer, status] = (await this.#scripts.control("redrive", id)) as [string, JobStatus?];
    if (answer === "missing") return err(new JobNotFoundError({ queue: this.#name, jobId: id }));
    if (status !== undefined)
      return err(new TransitionNotAllowedError({ jobId: id, from: status, to: "pending" }));
    this.#retried++;
    return ok(id);
  }

  async retryAll(query: { task?: string } = {}): Promise<number> {
    checkRedriveQuery(query);
    const n = await this.#each("redrive", query.task ?? "", -1);
    this.#retried += n;
    return n;
  }

  async remove(id: JobId): Promise<boolean> {
    checkJobId(id);
    const was = (await this.#scripts.control("unbury", id)) === 1;
    if (was) this.#removed++;
    return was;
  }

  async purge(olderThanMs: number): Promise<number> {
    checkPurge(olderThanMs);
    const n = await this.#each("remove", "", olderThanMs);
    this.#removed += n;
    return n;
  }

  async clear(): Promise<number> {
    const n = await this.#each("remove", "", -1);
    this.#removed += n;
    return n;
  }

  async size(): Promise<number> {
    return (await this.#scripts.look("count", "f")) as number;
  }

  async stats(): Promise<DeadLetterStats> {
    const [size, maxSize, flat] = (await this.#scripts.look("letters")) as [number, number, string[]];
    const byTask: Record<string, number> = {};
    for (let i = 0; i + 1 < flat.length; i += 2) byTask[flat[i] as string] = Number(flat[i + 1]);
    return { size, maxSize, retried: this.#retried, removed: this.#removed, byTask };
  }

  /** Goes over what is there when the call starts, oldest first, in steps between which other calls may come. */
  async #each(what: "redrive" | "remove", task: string, olderThanMs: number): Promise<number> {
    let after = "";
    let until = "";
    let n = 0;
    for (;;) {
      const [done, next, end] = (await this.#scripts.control(
        "each",
        what,
        task,
        olderThanMs,
        after,
        until,
        STEP,
      )) as [number, string, string];
      n += done;
      if (next === "") return n;
      after = next;
      until = end;
    }
  }
}
