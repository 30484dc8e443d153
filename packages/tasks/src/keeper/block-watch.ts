import type { ExtendReply, Receipt } from "@lexigram/contracts";
import type { SeenLease, SeenLeases } from "./seen-leases.ts";

/** Receipts of one renewal, at most. */
const MAX_BATCH = 500;

export interface KeeperTimes {
  readonly leaseMs: number;
  /** Between two signs of life of the loop, and two looks of the thread. */
  readonly beatMs: number;
  /** The limit of a block when no attempt runs: the default time limit and the grace. */
  readonly idleLimitMs: number;
}

/** Between two signs of life: a fifteenth of the lease, a second at most. */
export const beatOf = (leaseMs: number): number => Math.max(5, Math.min(1_000, leaseMs / 15));

export interface WatchParts extends KeeperTimes {
  readonly leases: SeenLeases;
  /** Milliseconds of the shared clock. */
  now(): number;
  /** Renews leases of a queue by its number. Nothing: nobody can. */
  extend(queue: number): ((receipts: readonly Receipt[]) => Promise<ExtendReply>) | undefined;
  /** The loop stands still, and the attempt that holds it is past its limit. Called once a block. */
  givenUp(blockedMs: number, culprit: SeenLease | undefined): void;
}

/**
 * What the keeper's thread does, look by look. While the loop gives signs of life: nothing. Once it has given none for a
 * sixth of the lease, leases that are due at a third are renewed from here, until the attempt that holds the loop is past
 * its time limit and grace: whoever runs that job then may begin.
 */
export class BlockWatch {
  readonly #parts: WatchParts;
  readonly #renewing = new Set<number>();
  #beats: number;
  /** When the loop was last seen to turn. */
  #aliveAt: number;
  #lookedAt: number;
  #blocked = false;
  #givenUp = false;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#beats = parts.leases.beats;
    this.#aliveAt = this.#lookedAt = parts.now();
  }

  /** To be called every `beatMs`. */
  look(): void {
    const { leases, leaseMs, beatMs } = this.#parts;
    const now = this.#parts.now();
    const { beats } = leases;
    // Where this thread did not run either, as in a process that was stopped, the loop is not to blame.
    const slept = now - this.#lookedAt > Math.max(3 * beatMs, leaseMs / 6);
    this.#lookedAt = now;
    if (beats !== this.#beats || slept) {
      this.#beats = beats;
      this.#aliveAt = now;
      this.#blocked = this.#givenUp = false;
      return;
    }
    if (now - this.#aliveAt <= leaseMs / 6) return;
    if (!this.#blocked) {
      this.#blocked = true;
      leases.mark("Blocked", true);
    }
    if (this.#givenUp) return;
    const culprit = leases.current(now);
    const left = this.#left(culprit, now);
    if (left > 0) return this.#renew(now);
    this.#givenUp = true;
    leases.mark("GivenUp", true);
    this.#parts.givenUp(now - this.#aliveAt, culprit);
  }

  /** Milliseconds for which leases are renewed. Nobody knows who blocks after an `await`: then the longest limit counts. */
  #left(culprit: SeenLease | undefined, now: number): number {
    if (culprit?.left !== undefined) return culprit.left;
    let most: number | undefined;
    for (const { left } of this.#parts.leases.all(now))
      if (left !== undefined && (most === undefined || left > most)) most = left;
    return most ?? this.#aliveAt + this.#parts.idleLimitMs - now;
  }

  #renew(now: number): void {
    const due = new Map<number, SeenLease[]>();
    for (const lease of this.#parts.leases.all(now)) {
      if (lease.age < this.#parts.leaseMs / 3 || this.#renewing.has(lease.queue)) continue;
      const batch = due.get(lease.queue);
      if (batch === undefined) due.set(lease.queue, [lease]);
      else batch.push(lease);
    }
    for (const [queue, batch] of due) {
      const extend = this.#parts.extend(queue);
      if (extend !== undefined) void this.#renewQueue(queue, batch, extend);
    }
  }

  async #renewQueue(
    queue: number,
    batch: readonly SeenLease[],
    extend: (receipts: readonly Receipt[]) => Promise<ExtendReply>,
  ): Promise<void> {
    const { leases } = this.#parts;
    this.#renewing.add(queue);
    try {
      for (let at = 0; at < batch.length; at += MAX_BATCH) {
        const part = batch.slice(at, at + MAX_BATCH);
        const sentAt = this.#parts.now();
        const reply = await extend(part.map(({ receipt }) => receipt as Receipt));
        const lost = new Set<string>(reply.lost);
        for (const lease of part) if (!lost.has(lease.receipt)) leases.kept(lease, sentAt);
      }
    } catch {
      // Why is the store's own story, which the loop will tell when it meets it; the next look tries again.
      leases.failed();
    } finally {
      this.#renewing.delete(queue);
    }
  }
}
