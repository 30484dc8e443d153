import type { Clock, JobId, JsonValue, StateStoreProtocol } from "@lexigram/contracts";
import type { IndexKeys } from "./index-keys.ts";
import { type Indexed, type IndexedJob, isOver, type Keeping, keptMs, standingOf } from "./indexed-job.ts";

export interface JobRecordsParts {
  readonly state: StateStoreProtocol;
  readonly keys: IndexKeys;
  readonly clock: Clock;
  readonly keeping: () => Keeping;
}

/** How long a record may outlive the message that it waits for, or tells to be dropped. Milliseconds. */
const LONG_MS = 30 * 24 * 60 * 60_000;
/** A record says at least so long that its job has ended, in case its message comes once more. Milliseconds. */
const SHORTEST_END_MS = 600_000;
const PAGE = 1_000;

/** The records of one queue's jobs. Each is written only over what was read. */
export class JobRecords {
  readonly #parts: JobRecordsParts;

  constructor(parts: JobRecordsParts) {
    this.#parts = parts;
  }

  async read(id: JobId): Promise<Indexed | undefined> {
    const { state, keys } = this.#parts;
    const entry = await state.get(keys.job(id));
    if (entry === undefined) return undefined;
    return { job: entry.value as unknown as IndexedJob, version: entry.version };
  }

  /**
   * @param over what was read; absent: there must be none.
   * @param ttlMs milliseconds; absent: as long as the record has something to say.
   * @returns the record as it is now; nothing when somebody else was first.
   */
  async write(
    job: IndexedJob,
    over?: Indexed,
    ttlMs: number | undefined = this.ttlMs(job),
  ): Promise<Indexed | undefined> {
    const { state, keys } = this.#parts;
    const put = await state.put(keys.job(job.id), job as unknown as JsonValue, {
      ...(over === undefined ? { ifAbsent: true } : { ifVersion: over.version }),
      ...(ttlMs === Infinity ? {} : { ttlMs }),
    });
    return put.stored ? { job, version: put.version } : undefined;
  }

  /** Lets a record stay that was written for a moment. */
  async confirm({ job, version }: Indexed): Promise<void> {
    const { state, keys } = this.#parts;
    await state.touch(keys.job(job.id), { ttlMs: this.ttlMs(job), ifVersion: version });
  }

  async remove({ job, version }: Indexed): Promise<void> {
    const { state, keys } = this.#parts;
    await state.delete(keys.job(job.id), { ifVersion: version });
  }

  /** Every record, a page at a time. */
  async *all(): AsyncIterable<Indexed> {
    const { state, keys } = this.#parts;
    let cursor: string | undefined;
    do {
      const page = await state.list(keys.jobs, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      for (const { value, version } of page.items) yield { job: value as unknown as IndexedJob, version };
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  /** How long the record of a job has something to say. Milliseconds; `Infinity`: always. */
  ttlMs(job: IndexedJob): number {
    const { clock, keeping } = this.#parts;
    const now = clock.now();
    const waitsMs = Math.max(0, (job.dueAt ?? 0) - now);
    const { expiresAt, begun } = job;
    if (!isOver(job)) {
      // There may be no message that it could be made anew from.
      if (job.kept !== undefined) return Infinity;
      if (begun || expiresAt === undefined || job.state === "running") return LONG_MS + waitsMs;
      return Math.max(SHORTEST_END_MS, expiresAt - now + keptMs(job, "expired", keeping()));
    }
    // Its message is on its way still.
    if (job.state === "cancelled" || job.state === "deleted")
      return Math.max(LONG_MS + waitsMs, keptMs(job, job.state, keeping()));
    return Math.max(SHORTEST_END_MS, keptMs(job, standingOf(job, now).state, keeping()));
  }
}
