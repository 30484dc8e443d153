import { createHash } from "node:crypto";
import {
  type CallName,
  DEFAULT_MAX_RECOVERIES,
  DuplicateTaskError,
  type Enqueued,
  err,
  type JobId,
  type NewJob,
  ok,
  type Result,
  type TaskQueueError,
} from "@lexigram/contracts";
import type { JobMessage } from "../queue/message.ts";
import { enteredJob, type Indexed, type IndexedJob, isOver, type Keeping, viewOf } from "./indexed-job.ts";
import type { JobRecords } from "./job-records.ts";
import type { UniqueKeys } from "./unique-keys.ts";

export interface EnteringParts {
  readonly queue: string;
  readonly records: JobRecords;
  readonly unique: UniqueKeys;
  readonly now: () => number;
  readonly keeping: () => Keeping;
  /** How long what is not confirmed is kept. Milliseconds. */
  readonly leaseMs: number;
  /** Ends a job in whose place another was stored. */
  readonly replaced: (id: JobId) => Promise<void>;
}

/** A job that has its record, and is about to be published. */
export interface Entered {
  readonly answer: Enqueued;
  readonly indexed: Indexed;
  readonly key?: { readonly unique: NonNullable<NewJob["unique"]>; readonly version: number };
  readonly replaces?: JobId;
  /** The same call has stored it before, and it is under way or over. */
  readonly isThere: boolean;
}

/** Ids of which a message may be on its way, that are remembered for one record at most. */
const MOST_DEAD = 16;

/** Names one job of one call: a call that is sent again finds what it has written. */
export function nonceOf({ session, seq }: CallName, place: number): string {
  return createHash("sha256").update(`${seq} ${place} ${session}`).digest("base64url").slice(0, 22);
}

/**
 * Writes jobs into the index before they are published, for a lease. A process that dies before it has confirmed them
 * leaves nothing that outlives the lease.
 */
export class Entering {
  readonly #parts: EnteringParts;

  constructor(parts: EnteringParts) {
    this.#parts = parts;
  }

  /** @returns the job's record; or the answer to who enqueues it, when it is not to be published. */
  async enter(job: NewJob, message: JobMessage): Promise<Entered | Result<Enqueued, TaskQueueError>> {
    const { nonce = job.id } = message.facts;
    const { queue, unique } = this.#parts;
    const given = { unique: job.unique, keepMs: job.resultTtlMs };
    const fresh = enteredJob(message.facts, message.content, nonce, DEFAULT_MAX_RECOVERIES, given);
    const written = await this.#written(fresh);
    if (written === undefined)
      return err(new DuplicateTaskError({ queue, jobId: job.id, existingId: job.id }));
    const { indexed, isThere } = written;
    const entered = { answer: { id: job.id, outcome: "accepted" }, indexed, isThere } as const;
    if (job.unique === undefined || isThere) return entered;
    const taking = await unique.take(job.unique, job.id, nonce);
    if (taking.outcome === "taken") {
      const key = { unique: job.unique, version: taking.version };
      const { replaces } = taking;
      return replaces === undefined
        ? { ...entered, key }
        : { ...entered, key, replaces, answer: { id: job.id, outcome: "replaced" } };
    }
    await this.withdraw(entered);
    const { key, onConflict } = job.unique;
    if (onConflict === "existing") return ok({ id: taking.by, outcome: "existing" });
    return err(new DuplicateTaskError({ queue, jobId: job.id, existingId: taking.by, key }));
  }

  /** The server has it: what was written stays. */
  async confirm({ indexed, key, replaces }: Entered): Promise<void> {
    const { records, unique, replaced } = this.#parts;
    await Promise.all([
      records.confirm(indexed),
      ...(key === undefined ? [] : [unique.confirm(key.unique, key.version, records.ttlMs(indexed.job))]),
      ...(replaces === undefined ? [] : [replaced(replaces)]),
    ]);
  }

  /** The server does not have it, nor will it. */
  async withdraw({ indexed, key }: Entered): Promise<void> {
    const { records, unique } = this.#parts;
    const { job } = indexed;
    await Promise.all([
      job.dead === undefined ? records.remove(indexed) : records.write({ ...job, state: "deleted" }, indexed),
      ...(key === undefined ? [] : [unique.drop(key.unique, key.version)]),
    ]);
  }

  async #written(fresh: IndexedJob): Promise<{ indexed: Indexed; isThere: boolean } | undefined> {
    const { records, now, keeping, leaseMs } = this.#parts;
    for (;;) {
      const written = await records.write(fresh, undefined, leaseMs);
      if (written !== undefined) return { indexed: written, isThere: false };
      const there = await records.read(fresh.id);
      if (there === undefined) continue;
      const { job } = there;
      if (job.nonce === fresh.nonce) return { indexed: there, isThere: job.begun || isOver(job) };
      if (viewOf(job, now(), keeping()) !== undefined) return undefined;
      const dead = [...(job.dead ?? []), job.nonce].slice(-MOST_DEAD);
      const over = await records.write({ ...fresh, dead }, there, leaseMs);
      if (over !== undefined) return { indexed: over, isThere: false };
    }
  }
}
