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
  type NewJob,
  ok,
  type Page,
  type Result,
  type SerializedError,
  type TaskQueueError,
  TaskValidationError,
  TransitionNotAllowedError,
} from "@lexigram/contracts";
import { fromOrderedText, toOrderedText } from "../connection/ordered-text.ts";
import { offersOf } from "./enqueue-call.ts";
import { pageOf } from "./job-listing.ts";
import { letterOf, statusOf, viewRowOf } from "./job-view.ts";
import type { QueueCalls } from "./queue-calls.ts";

/** Dead letters that are dealt with in one step. */
const STEP = 500;

/** The failed jobs of a PostgreSQL queue. */
export class PostgresDeadLetters implements DeadLetterQueueProtocol {
  readonly #name: string;
  readonly #calls: QueueCalls;
  #retried = 0;
  #removed = 0;

  constructor(name: string, calls: QueueCalls) {
    this.#name = name;
    this.#calls = calls;
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
    const { id } = job;
    const row = await this.#calls.row("bury", offersOf([job]), JSON.stringify(error), reason);
    const answer = String(row["answer"]);
    if (answer === "d") return err(new DuplicateTaskError({ queue: this.#name, jobId: id, existingId: id }));
    if (answer.startsWith("n"))
      return err(new JobNotFoundError({ queue: this.#name, jobId: fromOrderedText(answer.slice(1)) }));
    return ok(id);
  }

  async get(id: JobId): Promise<DeadLetter | undefined> {
    checkJobId(id);
    const row = viewRowOf(await this.#calls.value("get", toOrderedText(id)));
    return row?.status === "f" ? letterOf(row) : undefined;
  }

  async list(query: { task?: string; cursor?: string; limit?: number } = {}): Promise<Page<DeadLetter>> {
    checkLetterQuery(query);
    const page = await pageOf(this.#calls, { limit: 50, ...query, status: "failed" }, "backwards");
    const items = page.items.map(letterOf);
    return page.cursor === undefined ? { items } : { items, cursor: page.cursor };
  }

  async retry(id: JobId): Promise<Result<JobId, JobNotFoundError | TransitionNotAllowedError>> {
    checkJobId(id);
    const { answer } = await this.#calls.row("redrive", toOrderedText(id));
    if (answer === "missing") return err(new JobNotFoundError({ queue: this.#name, jobId: id }));
    if (answer !== "f")
      return err(new TransitionNotAllowedError({ jobId: id, from: statusOf(String(answer)), to: "pending" }));
    this.#retried++;
    return ok(id);
  }

  async retryAll(query: { task?: string } = {}): Promise<number> {
    checkRedriveQuery(query);
    const n = await this.#each("redrive", query.task ?? null, null);
    this.#retried += n;
    return n;
  }

  async remove(id: JobId): Promise<boolean> {
    checkJobId(id);
    const was = (await this.#calls.row("unbury", toOrderedText(id)))["answer"] === true;
    if (was) this.#removed++;
    return was;
  }

  async purge(olderThanMs: number): Promise<number> {
    checkPurge(olderThanMs);
    const n = await this.#each("remove", null, Math.ceil(olderThanMs));
    this.#removed += n;
    return n;
  }

  async clear(): Promise<number> {
    const n = await this.#each("remove", null, null);
    this.#removed += n;
    return n;
  }

  async size(): Promise<number> {
    return Number((await this.#calls.row("letters"))["size"]);
  }

  async stats(): Promise<DeadLetterStats> {
    const { size, most, by_task: stored } = await this.#calls.row("letters");
    const counts = Object.entries(JSON.parse(String(stored)) as Record<string, number>);
    return {
      size: Number(size),
      maxSize: Number(most),
      retried: this.#retried,
      removed: this.#removed,
      byTask: Object.fromEntries(counts.map(([task, n]) => [fromOrderedText(task), n])),
    };
  }

  /** Goes over what is there when the call starts, oldest first, in steps between which other calls may come. */
  async #each(what: "redrive" | "remove", task: string | null, olderThanMs: number | null): Promise<number> {
    const of = task === null ? null : toOrderedText(task);
    let after: unknown = 0;
    let until: unknown = null;
    for (let n = 0; ;) {
      const row = await this.#calls.row("each", what, of, olderThanMs, after, until, STEP);
      n += Number(row["done"]);
      if (row["next"] === null) return n;
      after = row["next"];
      until = row["till"];
    }
  }
}
