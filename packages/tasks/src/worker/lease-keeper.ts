import type { Receipt } from "@lexigram/contracts";
import type { QueueLeases } from "../keeper/side-keeper.ts";
import { type Attempt, Stage } from "./attempt.ts";
import { type TimerWheel, WheelTimer } from "./timer-wheel.ts";

/** Receipts of one renewal, at most. */
const MAX_BATCH = 500;

/** What the keeper needs of its queue's consumer. */
export interface LeaseHost {
  readonly leaseMs: number;
  /** Renews while the event loop stands still. Absent: nobody does. */
  readonly side: QueueLeases | undefined;
  now(): number;
  /** Sends one renewal. `undefined`: the store could not be reached, or refused. */
  extend(
    receipts: readonly Receipt[],
  ): Promise<{ lost: readonly Receipt[]; cancelled: readonly Receipt[] } | undefined>;
  /** The store, or the lease's own deadline, says that the delivery is another's. */
  leaseLost(attempt: Attempt): void;
  cancelRequested(attempt: Attempt): void;
}

/**
 * The leases that this process holds in one queue, oldest renewal first: running attempts, deliveries claimed ahead,
 * handlers in their grace period, outcomes on their way. Renews each at a third of its length, up to 500 in a call,
 * one call at a time, and declares it lost at its own deadline, whatever the store will say.
 */
export class LeaseKeeper extends WheelTimer {
  readonly #wheel: TimerWheel;
  readonly #host: LeaseHost;
  #first: Attempt | undefined = undefined;
  #last: Attempt | undefined = undefined;
  #size = 0;
  #renewing = false;
  /** Monotonic milliseconds: no renewal before, after one that failed. */
  #notBefore = 0;

  constructor(wheel: TimerWheel, host: LeaseHost) {
    super();
    this.#wheel = wheel;
    this.#host = host;
  }

  get size(): number {
    return this.#size;
  }

  /** The leases, oldest renewal first. The attempt handed out may be removed before going on. */
  *[Symbol.iterator](): Generator<Attempt> {
    for (let attempt = this.#first; attempt !== undefined;) {
      const next: Attempt | undefined = attempt.leaseNext;
      yield attempt;
      attempt = next;
    }
  }

  add(attempt: Attempt): void {
    this.#host.side?.add(attempt);
    this.#link(attempt);
    if (this.wheelTick < 0) this.#schedule();
  }

  remove(attempt: Attempt): void {
    if (!attempt.leased) return;
    this.#host.side?.remove(attempt);
    this.#unlink(attempt);
  }

  /** Whether a lease is over, also by what was renewed while the event loop stood still. @param now the present. */
  isOver(attempt: Attempt, now: number): boolean {
    if (attempt.leaseDeadline > now) return false;
    const sentAt = this.#host.side?.latest(attempt, now) ?? attempt.leaseSentAt;
    if (sentAt <= attempt.leaseSentAt) return true;
    this.#touch(attempt, sentAt);
    return attempt.leaseDeadline <= now;
  }

  #link(attempt: Attempt): void {
    // Claims come in the order in which they were sent, but for resends and a second session.
    let before = this.#last;
    while (before !== undefined && before.leaseSentAt > attempt.leaseSentAt) before = before.leasePrevious;
    const after = before === undefined ? this.#first : before.leaseNext;
    attempt.leasePrevious = before;
    attempt.leaseNext = after;
    if (before === undefined) this.#first = attempt;
    else before.leaseNext = attempt;
    if (after === undefined) this.#last = attempt;
    else after.leasePrevious = attempt;
    attempt.leased = true;
    this.#size++;
  }

  #unlink(attempt: Attempt): void {
    const { leasePrevious: before, leaseNext: after } = attempt;
    if (before === undefined) this.#first = after;
    else before.leaseNext = after;
    if (after === undefined) this.#last = before;
    else after.leasePrevious = before;
    attempt.leasePrevious = undefined;
    attempt.leaseNext = undefined;
    attempt.leased = false;
    this.#size--;
  }

  /** Who holds a receipt here. Asked only for those that the store names, which are few. */
  find(receipt: Receipt): Attempt | undefined {
    for (const attempt of this) if (attempt.receipt === receipt) return attempt;
    return undefined;
  }

  /** Takes all leases out and sets no timer any more. */
  stop(): void {
    this.#wheel.remove(this);
    for (const attempt of this) this.remove(attempt);
  }

  fire(): void {
    const now = this.#host.now();
    this.#expire(now);
    if (!this.#renewing && now >= this.#notBefore) void this.#renewDue();
    this.#schedule();
  }

  /**
   * Renews one lease at once.
   *
   * @returns whether the store answered.
   */
  async renewNow(attempt: Attempt): Promise<boolean> {
    return this.#renew([attempt]);
  }

  /** A settlement on its way is judged by the store alone. */
  #expire(now: number): void {
    for (const attempt of this) {
      if (attempt.leaseDeadline > now) break;
      if (!this.isOver(attempt, now)) continue;
      if (attempt.stage !== Stage.Settling && !attempt.sent) this.#host.leaseLost(attempt);
    }
  }

  async #renewDue(): Promise<void> {
    this.#renewing = true;
    try {
      for (;;) {
        const batch = this.#due(this.#host.now());
        if (batch.length === 0) return;
        if (!(await this.#renew(batch))) {
          this.#notBefore = this.#host.now() + Math.min(this.#host.leaseMs / 15, 1_000);
          return;
        }
      }
    } finally {
      this.#renewing = false;
      if (this.#size > 0) this.#schedule();
    }
  }

  #due(now: number): Attempt[] {
    const due: Attempt[] = [];
    for (const attempt of this) {
      if (attempt.leaseSentAt + this.#host.leaseMs / 3 > now || due.length === MAX_BATCH) break;
      due.push(attempt);
    }
    return due;
  }

  async #renew(batch: readonly Attempt[]): Promise<boolean> {
    const sentAt = this.#host.now();
    const reply = await this.#host.extend(batch.map((attempt) => attempt.receipt));
    if (reply === undefined) return false;
    const lost = new Set(reply.lost);
    const cancelled = new Set(reply.cancelled);
    for (const attempt of batch) {
      // Settled, or declared lost, while the renewal was under way.
      if (!attempt.leased) continue;
      if (lost.has(attempt.receipt)) {
        // Its settlement may have overtaken the renewal; the store's answer to that is the truth.
        if (!attempt.sent) this.#host.leaseLost(attempt);
        else this.#touch(attempt, sentAt);
        continue;
      }
      this.#touch(attempt, sentAt);
      if (cancelled.has(attempt.receipt)) this.#host.cancelRequested(attempt);
    }
    return true;
  }

  #touch(attempt: Attempt, sentAt: number): void {
    this.#unlink(attempt);
    attempt.leaseSentAt = sentAt;
    this.#host.side?.renewed(attempt);
    this.#link(attempt);
  }

  #schedule(): void {
    const first = this.#first;
    if (first === undefined) return;
    const renewal = Math.max(first.leaseSentAt + this.#host.leaseMs / 3, this.#notBefore);
    const next = this.#renewing ? Infinity : renewal;
    this.#wheel.set(this, Math.min(next, first.leaseDeadline));
  }
}
