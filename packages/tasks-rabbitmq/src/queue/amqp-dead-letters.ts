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
  type TransitionNotAllowedError,
} from "@lexigram/contracts";
import { bandOf } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
import { type Letter, redriveOptions } from "./letter.ts";
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
}

const DEFAULT_LIMIT = 50;
const CURSOR = /^(\d+) ([\s\S]+)$/;

/** The dead letters of a queue. Every look at them costs as much as there are. */
export class AmqpDeadLetters implements DeadLetterQueueProtocol {
  readonly #parts: DeadLettersParts;
  #retried = 0;
  #removed = 0;

  constructor(parts: DeadLettersParts) {
    this.#parts = parts;
  }

  async add(
    job: NewJob,
    error: SerializedError,
    reason: DeadLetterReason = "manual",
  ): Promise<Result<JobId, TaskQueueError>> {
    const { queue, clock, topology, publisher, checkOpen } = this.#parts;
    checkOpen();
    checkLetter(error, reason);
    const now = clock.now();
    const judged = judgedJob(job, queue, now);
    if (!judged.ok) return judged;
    const { facts, content } = judged.value;
    await topology.ensure();
    await publisher.publishOne({
      queue: topology.names.dead,
      content,
      options: publishOptions(facts, { reason, error, at: now, attempt: 0 }),
    });
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
    const { queue, checkOpen, shelf } = this.#parts;
    checkOpen();
    checkJobId(id);
    return shelf.look(async ({ letters, take }) => {
      const letter = latest(letters, id);
      if (letter === undefined) return err(new JobNotFoundError({ queue, jobId: id }));
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
      this.#removed++;
      return true;
    });
  }

  async purge(olderThanMs: number): Promise<number> {
    this.#parts.checkOpen();
    checkPurge(olderThanMs);
    const until = this.#parts.clock.now() - olderThanMs;
    return this.#parts.shelf.look(async ({ letters, take }) => {
      let n = 0;
      for (const letter of letters) {
        if (letter.letter.failedAt > until) continue;
        await take(letter);
        n++;
      }
      this.#removed += n;
      return n;
    });
  }

  async clear(): Promise<number> {
    const { checkOpen, topology } = this.#parts;
    checkOpen();
    const n = await topology.purge(topology.names.dead);
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
    const { topology, publisher } = this.#parts;
    const priority = letter.facts?.priority ?? letter.letter.job.priority;
    await publisher.publishOne({
      queue: topology.names.band(bandOf(priority)),
      content: letter.message.content,
      options: redriveOptions(letter),
    });
    this.#retried++;
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
