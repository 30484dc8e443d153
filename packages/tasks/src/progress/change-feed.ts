/** Changes that a slow reader may fall behind by; beyond, it loses the oldest. */
const MAX_BUFFERED = 1_000;

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Hands what is pushed to one reader, in order, until it ends. */
export class ChangeFeed<T> implements AsyncIterableIterator<T> {
  readonly #unread: T[] = [];
  #reader: ((result: IteratorResult<T, undefined>) => void) | undefined;
  #ended = false;
  readonly #signal: AbortSignal;
  readonly #left: (feed: ChangeFeed<T>) => void;
  readonly #onAbort = (): void => this.end();

  /** @param left is told once, when the feed ends, by whatever cause. */
  constructor(signal: AbortSignal, left: (feed: ChangeFeed<T>) => void) {
    this.#signal = signal;
    this.#left = left;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  push(change: T): void {
    if (this.#reader !== undefined) {
      this.#reader({ done: false, value: change });
      this.#reader = undefined;
      return;
    }
    this.#unread.push(change);
    if (this.#unread.length > MAX_BUFFERED) this.#unread.shift();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#left(this);
    this.#unread.length = 0;
    this.#reader?.(END);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#unread.length > 0) return Promise.resolve({ done: false, value: this.#unread.shift() as T });
    if (this.#ended) return Promise.resolve(END);
    return new Promise((resolve) => (this.#reader = resolve));
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.end();
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
