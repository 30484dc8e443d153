import type { Clock, Timer } from "@lexigram/contracts";
import { unavailable } from "../connection/refusals.ts";
import type { JobIndex } from "../job-index/job-index.ts";
import type { Housekeeping } from "../queue/housekeeping.ts";
import type { Replier } from "../queue/replier.ts";
import type { KeptVerdict } from "./kept-jobs.ts";
import type { LeaseRecord } from "./lease-records.ts";

export interface LeaseSweepParts {
  readonly index: JobIndex;
  readonly clock: Clock;
  readonly subject: string;
  readonly housekeeping: Housekeeping;
  readonly replier: Replier;
  /** Puts a job that lost too many workers into the dead letters. */
  readonly bury: (verdict: Extract<KeptVerdict, { kind: "poison" }>) => Promise<void>;
}

/** Between two looks. Milliseconds. */
const LOOK_MS = 1_000;

/**
 * Looks after the leases of a queue's jobs that were acknowledged early: one that is over ends by its job's message being
 * published anew. Everybody who works on the queue looks, a bounded page at a time, once there were such jobs; of
 * those who find the same lease one takes it.
 */
export class LeaseSweep {
  readonly #parts: LeaseSweepParts;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #cursor: string | undefined;
  #closed = false;

  constructor(parts: LeaseSweepParts) {
    this.#parts = parts;
  }

  /** From now on, until it is closed. */
  start(): void {
    if (this.#timer !== undefined || this.#looking !== undefined || this.#closed) return;
    this.#timer = this.#parts.clock.setTimer(() => this.#turn(), LOOK_MS, { keepAlive: false });
  }

  /** Ends one lease, whether or not its time is over. @throws when its job could not be stored; the next look tries again. */
  async end(lease: LeaseRecord): Promise<void> {
    const { index, subject, housekeeping, replier, bury } = this.#parts;
    const taken = await index.leases.take(lease, index.leaseMs);
    if (taken === undefined) return;
    const verdict = await index.kept.lapse(lease.id, lease.receipt);
    if (verdict.kind === "poison") await bury(verdict);
    if (verdict.kind === "over" && verdict.facts !== undefined && verdict.end !== undefined)
      replier.tell(verdict.facts, verdict.end);
    if (verdict.kind === "back") {
      const [fate] = await housekeeping.store([await housekeeping.outgoing(verdict.message)]);
      if (fate !== "stored") throw unavailable(subject, new Error(`the message of a job was ${fate}`));
    }
    await index.leases.forget(taken);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #turn(): void {
    this.#timer = undefined;
    this.#looking = this.#look()
      .catch(() => {
        // The store or the server is away; a later look finds what this one has not.
      })
      .finally(() => {
        this.#looking = undefined;
        this.start();
      });
  }

  async #look(): Promise<void> {
    const { index } = this.#parts;
    const { ended, cursor } = await index.leases.look(this.#cursor);
    this.#cursor = cursor;
    await Promise.all(
      ended.map(async (lease) => {
        if (!(await index.kept.isUnkept(lease.id, lease.receipt))) await this.end(lease).catch(() => {});
      }),
    );
  }
}
