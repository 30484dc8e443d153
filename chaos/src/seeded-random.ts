/** Chance that can be had again: the same seed gives the same numbers. */
export class SeededRandom {
  #state: number;

  /** @param salt makes several independent sequences of one seed. */
  constructor(seed: number, salt = "") {
    let state = seed >>> 0;
    for (const letter of salt) state = Math.imul(state ^ (letter.codePointAt(0) ?? 0), 0x01_00_01_93) >>> 0;
    this.#state = state;
  }

  /** At least 0, below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d_2b_79_f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** @throws RangeError when there is nothing to pick from. */
  pick<T>(values: readonly T[]): T {
    if (values.length === 0) throw new RangeError("there is nothing to pick from");
    return values[this.between(0, values.length - 1)] as T;
  }
}
