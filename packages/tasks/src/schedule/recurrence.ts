/** Instants that come again and again, in epoch milliseconds. */
export interface Recurrence {
  /** The first one after an instant; `undefined` when there is none within a hundred years. */
  next(after: number): number | undefined;
  /** The last one before an instant; `undefined` when there was none within a hundred years. */
  previous(before: number): number | undefined;
}

/** Several as one: what any of them says. */
export class AnyOf implements Recurrence {
  readonly #all: readonly Recurrence[];

  constructor(all: readonly Recurrence[]) {
    this.#all = all;
  }

  next(after: number): number | undefined {
    return this.#pick((one) => one.next(after), Math.min);
  }

  previous(before: number): number | undefined {
    return this.#pick((one) => one.previous(before), Math.max);
  }

  #pick(
    ask: (one: Recurrence) => number | undefined,
    better: (a: number, b: number) => number,
  ): number | undefined {
    let best: number | undefined;
    for (const one of this.#all) {
      const found = ask(one);
      if (found !== undefined) best = best === undefined ? found : better(best, found);
    }
    return best;
  }
}
