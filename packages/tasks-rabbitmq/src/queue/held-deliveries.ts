import type { Clock, Receipt, Timer } from "@lexigram/contracts";
import type { LeaseRecord } from "../early-ack/lease-records.ts";
import type { Indexed } from "../job-index/indexed-job.ts";
import type { ReadyMessage } from "./ready-message.ts";

/** A delivery that somebody works on. */
export interface Held {
  readonly receipt: Receipt;
  readonly message: ReadyMessage;
  /** On the monotonic clock. */
  deadline: number;
  /** Its job in the index, as it was read last; absent without one. */
  indexed?: Indexed | undefined;
  /** Since when it is held, on the monotonic clock; set when it is added first. */
  since?: number;
  /** That it was acknowledged early, and is no channel's. */
  lease?: LeaseRecord;
  /** Resolves when it is decided whether its record holds it. */
  recording?: Promise<void> | undefined;
  /** Its outcome is on the way. */
  isSettling?: boolean;
}

export interface HeldParts {
  readonly clock: Clock;
  /** Its lease has ended. */
  readonly ended: (held: Held) => void;
}

/**
 * What was handed out and is not settled, with its lease. The server knows no leases: a delivery is this process's while
 * its channel lasts. So they are kept here, and a delivery goes back when its lease ends.
 */
export class HeldDeliveries {
  readonly #parts: HeldParts;
  readonly #held = new Map<Receipt, Held>();
  #timer: Timer | undefined;
  /** When the timer fires; never later than the first deadline. */
  #lookAt = Infinity;
  #added: (() => void) | undefined;

  constructor(parts: HeldParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Those that the server waits for. */
  get unacknowledged(): number {
    let n = 0;
    for (const { lease } of this.#held.values()) if (lease === undefined) n++;
    return n;
  }

  /** Calls whenever a delivery is added. */
  onAdded(added: () => void): void {
    this.#added = added;
  }

  add(held: Held): void {
    held.since ??= this.#parts.clock.monotonic();
    this.#held.set(held.receipt, held);
    this.#watch(held.deadline);
    this.#added?.();
  }

  all(): Iterable<Held> {
    return this.#held.values();
  }

  get(receipt: Receipt): Held | undefined {
    return this.#held.get(receipt);
  }

  remove(receipt: Receipt): void {
    this.#held.delete(receipt);
    if (this.#held.size > 0) return;
    this.#timer?.cancel();
    this.#lookAt = Infinity;
  }

  /** @returns whether it is held. */
  extend(receipt: Receipt, deadline: number): boolean {
    const held = this.#held.get(receipt);
    if (held === undefined) return false;
    held.deadline = deadline;
    this.#watch(deadline);
    return true;
  }

  /** Ends every lease whose time is over. */
  expire(): void {
    if (this.#parts.clock.monotonic() >= this.#lookAt) this.#sweep();
  }

  #sweep(): void {
    const now = this.#parts.clock.monotonic();
    this.#timer?.cancel();
    this.#lookAt = Infinity;
    let next = Infinity;
    for (const held of this.#held.values())
      if (held.deadline > now) next = Math.min(next, held.deadline);
      else {
        this.#held.delete(held.receipt);
        this.#parts.ended(held);
      }
    if (next < Infinity) this.#watch(next);
  }

  /** Milliseconds until a lease may end, not later than the first does. */
  nextEndInMs(): number | undefined {
    return this.#lookAt === Infinity ? undefined : Math.max(0, this.#lookAt - this.#parts.clock.monotonic());
  }

  /** Forgets those that are the server's again: all but what was acknowledged early, or is about to be. */
  lost(): void {
    for (const { receipt, lease, recording } of this.#held.values())
      if (lease === undefined && recording === undefined) this.remove(receipt);
  }

  /** Forgets all. */
  drop(): void {
    this.#held.clear();
    this.#timer?.cancel();
    this.#lookAt = Infinity;
  }

  #watch(deadline: number): void {
    if (deadline >= this.#lookAt) return;
    const { clock } = this.#parts;
    this.#timer?.cancel();
    this.#lookAt = deadline;
    // It may come a fraction of a millisecond early.
    this.#timer = clock.setTimer(() => this.#sweep(), deadline - clock.monotonic(), { keepAlive: false });
  }
}
