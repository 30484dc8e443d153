import type { Clock, Timer } from "@lexigram/contracts";

interface Pending {
  readonly at: number;
  readonly callback: () => void;
}

/** Lets everything that is ready to run do so. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Time that moves only when a test says so. Wall clock and monotonic clock start apart, so that mixing them shows. */
export class ManualClock implements Clock {
  #elapsed = 0;
  readonly #pending = new Set<Pending>();
  readonly epoch = 1_700_000_000_000;

  now(): number {
    return this.epoch + this.#elapsed;
  }

  monotonic(): number {
    return 5_000 + this.#elapsed;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const pending = { at: this.#elapsed + Math.max(0, delayMs), callback };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  get timers(): number {
    return this.#pending.size;
  }

  /** Moves time without letting anything else run between the timers. */
  jump(ms: number): void {
    const end = this.#elapsed + ms;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) this.#fire(next);
    this.#elapsed = end;
  }

  /** Moves time, and lets everything that a timer woke run before the next one fires. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settled();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#fire(next);
      await settled();
    }
    this.#elapsed = end;
    await settled();
  }

  #next(end: number): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending)
      if (pending.at <= end && (first === undefined || pending.at < first.at)) first = pending;
    return first;
  }

  #fire(pending: Pending): void {
    this.#pending.delete(pending);
    this.#elapsed = Math.max(this.#elapsed, pending.at);
    pending.callback();
  }
}
