import {
  checkJobId,
  checkLetter,
  checkLetterQuery,
  checkPurge,
  checkRedriveQuery,
  type Clock,
  type DeadLetter,
  type DeadLetterQueueProtocol,
  type DeadLetterReason,
  type DeadLetterStats,
  err,
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
import { nonceOf } from "../job-index/entering.ts";
import type { JobIndex } from "../job-index/job-index.ts";
import { bandOf } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
import { type Letter, redrivenFacts, redriveOptions } from "./letter.ts";
import type { LetterShelf } from "./letter-shelf.ts";
import { publishOptions } from "./message.ts";
import { judgedJob } from "./new-jobs.ts";
import type { Publisher } from "./publisher.ts";

export interface DeadLettersParts {
  readonly queue: string;
  readonly clock: Clock;
  readonly topology: Topology;
  readonly publisher: Publisher;
  readonly shelf: LetterShelf;
  /** @throws ClosedError */
  readonly checkOpen: () => void;
  /** Absent: nothing is kept of jobs but their messages. */
  readonly index: JobIndex | undefined;
  /** Names what is put here by hand, apart from what others put. */
  readonly mark: string;
}

const DEFAULT_LIMIT = 50;
const CURSOR = /^(\d+) ([\s\S]+)$/;

/** The dead letters of a queue. Every look at them costs as much as there are. */
export class AmqpDeadLetters implements DeadLetterQueueProtocol {
  readonly #parts: DeadLettersParts;
  #retried = 0;
  #removed = 0;
  #added = 0;

  constructor(parts: DeadLettersParts) {
    this.#parts = parts;
  }

  async add(
    job: NewJob,
    error: SerializedError,
    reason: DeadLetterReason = "manual",
  ): Promise<Result<JobId, TaskQueueError>> {
    const { queue, clock, topology, publisher, checkOpen, index, mark } = this.#parts;
    checkOpen();
    checkLetter(error, reason);
    const now = clock.now();
    const nonce =
      index === undefined ? undefined : nonceOf({ session: `${mark}.dead`, seq: ++this.#added }, 0);
    const judged = judgedJob(job, queue, now, nonce);
    if (!judged.ok) return judged;
    const { facts, content } = judged.value;
    await topology.ensure();
    const entered = await index?.entering.enter(job, judged.value);
    if (entered !== undefined && "ok" in entered) return entered.ok ? ok(entered.value.id) : entered;
    await publisher.publishOne({
      queue: topology.names.dead,
      content,
      options: publishOptions(facts, { reason, error, at: now, attempt: 0 }),
    });
    if (entered !== undefined) await index?.buried(entered.indexed, reason, error, now);
    return ok(job.id);
  }

  async get(id: JobId): Promise<DeadLetter | undefined> {
    this.#parts.checkOpen();
    checkJobId(id);
    return this.#parts.shelf.look(async ({ letters }) => latest(letters, id)?.letter);
  }

  async list(query: { task?: string; cursor?: string; limit?: number } = {}): Promise<Page<DeadLetter>> {
    this.#parts.checkOpen();
    checkLetterQuery(query);
    const { task, cursor, limit = DEFAULT_LIMIT } = query;
    const after = cursor === undefined ? undefined : placeOf(cursor);
    return this.#parts.shelf.look(async ({ letters }) => {
      const newest = letters.toReversed();
      const first = after === undefined ? 0 : positionAfter(newest, after);
      const found = newest
        .slice(first)
        .map(({ letter }) => letter)
        .filter(({ job }) => task === undefined || job.task === task);
      const items = found.slice(0, limit);
      const last = items.at(-1);
      if (last === undefined || found.length === items.length) return { items };
      return { items, cursor: `${last.failedAt} ${last.job.id}` };
    });
  }

  async retry(id: JobId): Promise<Result<JobId, JobNotFoundError | TransitionNotAllowedError>> {
    const { checkOpen, shelf } = this.#parts;
    checkOpen();
    checkJobId(id);
    return shelf.look(async ({ letters, take }) => {
      const letter = latest(letters, id);
      if (letter === undefined) return err(await this.#notDead(id));
      await this.#redrive(letter);
      await take(letter);
      return ok(id);
    });
  }

  async retryAll(query: { task?: string } = {}): Promise<number> {
    this.#parts.checkOpen();
    checkRedriveQuery(query);
    return this.#parts.shelf.look(async ({ letters, take }) => {
      let n = 0;
      for (const letter of letters) {
        if (query.task !== undefined && letter.letter.job.task !== query.task) continue;
        await this.#redrive(letter);
        await take(letter);
        n++;
      }
      return n;
    });
  }

  async remove(id: JobId): Promise<boolean> {
    this.#parts.checkOpen();
    checkJobId(id);
    return this.#parts.shelf.look(async ({ letters, take }) => {
      const letter = latest(letters, id);
      if (letter === undefined) return false;
      await take(letter);
      await this.#gone([letter]);
      this.#removed++;
      return true;
    });
  }

  async purge(olderThanMs: number): Promise<number> {
    this.#parts.checkOpen();
    checkPurge(olderThanMs);
    const until = this.#parts.clock.now() - olderThanMs;
    return this.#parts.shelf.look(async ({ letters, take }) => {
      const old = letters.filter(({ letter }) => letter.failedAt <= until);
      for (const letter of old) await take(letter);
      await this.#gone(old);
      this.#removed += old.length;
      return old.length;
    });
  }

  async clear(): Promise<number> {
    const { checkOpen, index, topology } = this.#parts;
    checkOpen();
    const n = await topology.purge(topology.names.dead);
    await index?.clear((status) => status === "failed");
    this.#removed += n;
    return n;
  }

  async size(): Promise<number> {
    this.#parts.checkOpen();
    return this.#parts.shelf.look(async ({ letters }) => letters.length);
  }

  async stats(): Promise<DeadLetterStats> {
    const { checkOpen, shelf, topology } = this.#parts;
    checkOpen();
    const byTask: Record<string, number> = {};
    const size = await shelf.look(async ({ letters }) => {
      for (const { letter } of letters) byTask[letter.job.task] = (byTask[letter.job.task] ?? 0) + 1;
      return letters.length;
    });
    return {
      size,
      maxSize: topology.rules.keepFailed.count,
      retried: this.#retried,
      removed: this.#removed,
      byTask,
    };
  }

  async #redrive(letter: Letter): Promise<void> {
    const { topology, publisher, index } = this.#parts;
    const facts = redrivenFacts(letter);
    const before = facts === undefined ? undefined : await index?.read(facts.id);
    const priority = letter.facts?.priority ?? letter.letter.job.priority;
    await publisher.publishOne({
      queue: topology.names.band(bandOf(priority)),
      content: letter.message.content,
      options: redriveOptions(letter),
    });
    if (facts !== undefined) await index?.redriven(facts, before);
    this.#retried++;
  }

  /** Why a job that is no dead letter cannot be redriven. */
  async #notDead(id: JobId): Promise<JobNotFoundError | TransitionNotAllowedError> {
    const { index, queue } = this.#parts;
    const job = await index?.getJob(id);
    if (job === undefined || job.status === "failed") return new JobNotFoundError({ queue, jobId: id });
    return new TransitionNotAllowedError({ jobId: id, from: job.status, to: "pending" });
  }

  async #gone(letters: readonly Letter[]): Promise<void> {
    await this.#parts.index?.lettersGone(letters.map(({ letter }) => letter.job.id));
  }
}

/** Ids are not unique here: the newest of that name is meant. */
function latest(letters: readonly Letter[], id: JobId): Letter | undefined {
  return letters.findLast(({ letter }) => letter.job.id === id);
}

interface Place {
  readonly failedAt: number;
  readonly id: JobId;
}

function placeOf(cursor: string): Place {
  const [, at, id] = CURSOR.exec(cursor) ?? [];
  if (at === undefined || id === undefined)
    throw new TaskValidationError({
      subject: "dead letter query",
      issues: [{ path: "cursor", message: "must be the cursor of a page before" }],
    });
  return { failedAt: Number(at), id };
}

/** Behind the letter that the page before ended with, or where it would be. */
function positionAfter(newest: readonly Letter[], { failedAt, id }: Place): number {
  const at = newest.findIndex(({ letter }) => letter.job.id === id && letter.failedAt === failedAt);
  if (at >= 0) return at + 1;
  const older = newest.findIndex(({ letter }) => letter.failedAt < failedAt);
  return older < 0 ? newest.length : older;
}
