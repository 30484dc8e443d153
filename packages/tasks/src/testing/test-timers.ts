import type { Timer } from "@lexigram/contracts";

/** A timer of a test's clock. */
export class TestTimer implements Timer {
  readonly #timers: TestTimers;
  readonly at: number;
  /** Timers of one moment fire in the order in which they were set. */
  readonly order: number;
  readonly fire: () => void;

  constructor(timers: TestTimers, at: number, order: number, fire: () => void) {
    this.#timers = timers;
    this.at = at;
    this.order = order;
    this.fire = fire;
  }

  cancel(): void {
    this.#timers.remove(this);
  }
}

/** The timers that are set, in the order in which they will fire. */
export class TestTimers {
  readonly #sorted: TestTimer[] = [];
  #made = 0;
  /** Rises whenever a timer is set, taken back or fired. */
  turn = 0;

  get size(): number {
    return this.#sorted.length;
  }

  get first(): TestTimer | undefined {
    return this.#sorted[0];
  }

  add(at: number, fire: () => void): TestTimer {
    const timer = new TestTimer(this, at, this.#made++, fire);
    this.#sorted.splice(this.#indexOf(timer), 0, timer);
    this.turn++;
    return timer;
  }

  /** @returns whether it was still set. */
  remove(timer: TestTimer): boolean {
    const index = this.#indexOf(timer);
    if (this.#sorted[index] !== timer) return false;
    this.#sorted.splice(index, 1);
    this.turn++;
    return true;
  }

  /** Where a timer stands, or would. */
  #indexOf(timer: TestTimer): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#sorted[middle]!;
      if (other.at < timer.at || (other.at === timer.at && other.order < timer.order)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
