import { createHash } from "node:crypto";
import type { Clock, JobId, Receipt, StateStoreProtocol } from "@lexigram/contracts";
import { recordAsJson } from "./result-record.ts";
import type { ResultRecord, StoredResult } from "./result-store.ts";

const PREFIX = "attempt-result:";
const LONGEST_TTL_MS = 86_400_000;
/** Attempts of one number that are looked at: more would mean as many workers that lost one lease each. */
const MOST = 100;
const TAG_LENGTH = 16;

/** One run of a job: an attempt as the store counts it, on one lease. */
export interface Run {
  readonly jobId: JobId;
  readonly attempt: number;
  readonly recoveries: number;
  readonly receipt: Receipt;
}

/**
 * What attempts left behind before their queue was told, in a state store. It becomes the result of the job only when
 * the queue accepted the settlement: an attempt that lost its lease writes here like any other, and is not heard.
 *
 * Attempts that follow a lost lease have the same number, so a run is told from others by its receipt, of which the
 * key holds a digest.
 */
export class AttemptResults {
  readonly #state: StateStoreProtocol;
  readonly #clock: Clock;

  constructor(state: StateStoreProtocol, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** Writes before the settle. Writing again changes nothing. @param ttlMs kept so long, and a day at most. */
  async keep(run: Run, result: StoredResult, ttlMs: number): Promise<void> {
    const record = recordAsJson(run.jobId, result, this.#clock.now());
    await this.#state.put(keyOf(run), record, { ttlMs: Math.min(ttlMs, LONGEST_TTL_MS), ifAbsent: true });
  }

  /** Forgets a run, whose end was accepted, or refused. */
  async drop(run: Run): Promise<void> {
    await this.#state.delete(keyOf(run));
  }

  /** What runs of one attempt left behind, or without a number those of all attempts of a job. */
  async of(jobId: JobId, which?: Pick<Run, "attempt" | "recoveries">): Promise<ResultRecord[]> {
    const prefix = which === undefined ? `${PREFIX}${jobId}:` : attemptPrefix({ jobId, ...which });
    const { items } = await this.#state.list(prefix, { limit: MOST });
    // The id of another job may go on where this one ends.
    return items.map(({ value }) => value as unknown as ResultRecord).filter((kept) => kept.jobId === jobId);
  }
}

function attemptPrefix({ jobId, attempt, recoveries }: Omit<Run, "receipt">): string {
  return `${PREFIX}${jobId}:${attempt}:${recoveries}:`;
}

function keyOf(run: Run): string {
  const tag = createHash("sha256").update(run.receipt).digest("base64url").slice(0, TAG_LENGTH);
  return attemptPrefix(run) + tag;
}
