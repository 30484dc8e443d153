import { SlotHeap } from "./slot-heap.ts";

class Consumer {
  readonly session: string;
  until = 0;
  slot = -1;

  constructor(session: string) {
    this.session = session;
  }
}

class UntilHeap extends SlotHeap<Consumer> {
  protected override slotOf(consumer: Consumer): number {
    return consumer.slot;
  }
  protected override place(consumer: Consumer, slot: number): void {
    consumer.slot = slot;
  }
}

/** Which sessions exchanged within their lease. Instants are of the monotonic clock. */
export class Consumers {
  readonly #bySession = new Map<string, Consumer>();
  readonly #ends = new UntilHeap();

  seen(session: string, now: number, leaseMs: number): void {
    this.sweep(now, 8);
    let consumer = this.#bySession.get(session);
    if (consumer === undefined) {
      consumer = new Consumer(session);
      this.#bySession.set(session, consumer);
    }
    consumer.until = Math.max(consumer.until, now + leaseMs);
    this.#ends.set(consumer, consumer.until);
  }

  count(now: number): number {
    this.sweep(now, Number.POSITIVE_INFINITY);
    return this.#bySession.size;
  }

  sweep(now: number, budget: number): void {
    for (let n = budget; n > 0 && this.#ends.topKey <= now; n--) {
      const consumer = this.#ends.shift();
      if (consumer !== undefined) this.#bySession.delete(consumer.session);
    }
  }
}
