import type { Clock, Timer } from "@lexigram/contracts";

interface ManualTimer extends Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * Lets everything that can run without time passing run: promise jobs, and what they put on the event loop with
 * `setImmediate` or a ready socket.
 */
async function letRun(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/**
 * A clock that stands still until it is moved. Timers fire in the order of their times, ties in the order they were
 * set, each at exactly its own instant, also those that a callback sets on the way.
 */
export class ManualClock implements Clock {
  #now: number;
  readonly #origin: number;
  #order = 0;
  readonly #timers = new Set<ManualTimer>();

  /** @param startAt epoch milliseconds at which it stands first. */
  constructor(startAt = Date.UTC(2026, 0, 1)) {
    this.#now = startAt;
    this.#origin = startAt;
  }

  /** Timers that are set and have not fired. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#origin;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer: ManualTimer = {
      at: this.#now + Math.max(0, delayMs),
      order: this.#order++,
      callback,
      cancel: () => void this.#timers.delete(timer),
    };
    this.#timers.add(timer);
    return timer;
  }

  /**
   * Moves time forward by `spanMs`. After each timer, and before it returns, whatever became runnable has run up to
   * its next wait on something outside the process.
   *
   * @throws RangeError when the span is negative or not finite.
   */
  async advance(spanMs: number): Promise<void> {
    if (!(spanMs >= 0 && spanMs < Infinity)) throw new RangeError(`time cannot be moved by ${spanMs} ms`);
    const target = this.#now + spanMs;
    await letRun();
    while (this.fireNext(target)) await letRun();
    this.#now = Math.max(this.#now, target);
    await letRun();
  }

  /** Moves to the next timer and fires it, when it is due by `target`, in epoch milliseconds. @returns whether there was one. */
  protected fireNext(target: number = Infinity): boolean {
    const next = this.#nextUntil(target);
    if (next === undefined) return false;
    this.#timers.delete(next);
    this.#now = Math.max(this.#now, next.at);
    next.callback();
    return true;
  }

  #nextUntil(target: number): ManualTimer | undefined {
    let best: ManualTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > target) continue;
      if (best === undefined || timer.at < best.at || (timer.at === best.at && timer.order < best.order))
        best = timer;
    }
    return best;
  }
}
