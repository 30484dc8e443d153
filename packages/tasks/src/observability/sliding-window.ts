const SLOTS = 60;

/** Counts events of the last while, in a fixed number of slots; exact to a sixtieth of it. */
export class SlidingWindow {
  readonly #slotMs: number;
  readonly #counts = new Float64Array(SLOTS);
  /** The number of the slot that is being filled, counted from time zero. */
  #latest = 0;

  /** @param windowMs its length in milliseconds. */
  constructor(windowMs: number) {
    this.#slotMs = windowMs / SLOTS;
  }

  /** @param now monotonic milliseconds. */
  add(now: number): void {
    const slot = this.#advance(now);
    this.#counts[slot] = (this.#counts[slot] as number) + 1;
  }

  /** Events from one window ago until now. */
  count(now: number): number {
    this.#advance(now);
    let sum = 0;
    for (const count of this.#counts) sum += count;
    return sum;
  }

  clear(): void {
    this.#counts.fill(0);
  }

  /** Empties the slots whose time has come again. */
  #advance(now: number): number {
    const slot = Math.floor(now / this.#slotMs);
    if (slot - this.#latest >= SLOTS) this.#counts.fill(0);
    else for (let i = this.#latest + 1; i <= slot; i++) this.#counts[i % SLOTS] = 0;
    if (slot > this.#latest) this.#latest = slot;
    return slot % SLOTS;
  }
}
