/** Counts handler starts and tells when each job has started. Never throws in a handler, where systems catch it. */
export class Tally {
  readonly #seen: Uint8Array;
  readonly #all: Promise<void>;
  #resolve: () => void = () => {};
  #wrong: number[] = [];
  count = 0;
  firstAt = 0;
  lastAt = 0;
  onJob: ((n: number) => void) | undefined;

  constructor(n: number) {
    this.#seen = new Uint8Array(n);
    this.#all = new Promise((resolve) => (this.#resolve = resolve));
  }

  readonly started = (n: number): void => {
    if (this.#seen[n] !== 0) {
      this.#wrong.push(n);
      return;
    }
    this.#seen[n] = 1;
    if (this.count++ === 0) this.firstAt = performance.now();
    this.onJob?.(n);
    if (this.count === this.#seen.length) {
      this.lastAt = performance.now();
      this.#resolve();
    }
  };

  /**
   * Resolves when all have started.
   *
   * @throws Error as {@link check} does.
   */
  async all(): Promise<void> {
    await this.#all;
    this.check();
  }

  /** @throws Error when a job ran twice, or one that was never enqueued ran. */
  check(): void {
    const [first] = this.#wrong;
    if (first === undefined) return;
    throw new Error(`${this.#wrong.length} starts too many: job ${first} ran twice, or was never enqueued`);
  }
}
