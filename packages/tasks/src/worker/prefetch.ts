/** Weight of the newest batch in the running means. */
const NEWEST = 0.25;
/** Handlers that take this many times the round trip are long: nothing is claimed ahead of them. */
const LONG = 10;
const MOST = 256;
/** Jobs to see before anything is claimed ahead. */
const FIRST_LOOK = 4;

/**
 * How many jobs to hold ready beyond the free slots: enough that no slot waits for the store, none when handlers are
 * long. From running means of handler time and of the time an exchange takes.
 */
export class Prefetch {
  readonly #fixed: number | undefined;
  #handlerMs = 0;
  #tripMs = 0;
  #seen = 0;
  #allowed = false;

  /** @param setting a fixed number, or `"auto"`. */
  constructor(setting: "auto" | number) {
    this.#fixed = setting === "auto" ? undefined : setting;
  }

  /** Whether the queue's rules leave room for claiming ahead. Until it is said, none is. */
  allow(allowed: boolean): void {
    this.#allowed = allowed;
  }

  /** Jobs to hold ready for a number of slots. */
  target(slots: number): number {
    if (!this.#allowed || slots === 0) return 0;
    if (this.#fixed !== undefined) return this.#fixed;
    if (this.#seen < FIRST_LOOK || this.#tripMs === 0 || this.#handlerMs > LONG * this.#tripMs) return 0;
    const wanted = Math.ceil((slots * this.#tripMs) / Math.max(this.#handlerMs, this.#tripMs / MOST));
    return Math.min(wanted, 2 * slots + 96, MOST);
  }

  /** Takes in attempts that ended: how many, and how long they took together. */
  sawAttempts(count: number, totalMs: number): void {
    const mean = totalMs / count;
    this.#handlerMs = this.#seen === 0 ? mean : this.#handlerMs + NEWEST * (mean - this.#handlerMs);
    this.#seen += count;
  }

  /** Takes in one exchange, from the moment it was wanted to its answer. */
  sawExchange(ms: number): void {
    this.#tripMs = this.#tripMs === 0 ? ms : this.#tripMs + NEWEST * (ms - this.#tripMs);
  }

  /** Jobs that were held ready had to wait: forget what was seen of handlers. */
  slowDown(): void {
    this.#seen = 0;
  }
}
