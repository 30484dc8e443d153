import type { JsonValue } from "./json.ts";

/** Messages that a slow reader may fall behind by. */
const MAX_BUFFERED = 1_000;

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * One reader of a topic of a state store; of a slow one the latest 1,000 messages are kept. Reading, `return`, an
 * aborted signal and `end` may come in any order.
 */
export class TopicSubscription implements AsyncIterableIterator<JsonValue> {
  /** Messages from `#first` on are unread. */
  #buffer: JsonValue[] = [];
  #first = 0;
  #readers: ((result: IteratorResult<JsonValue, undefined>) => void)[] = [];
  #ended = false;
  readonly #signal: AbortSignal;
  readonly #detach: (subscription: TopicSubscription) => void;
  readonly #onAbort = (): void => this.end();

  /**
   * @param signal ends it when it is aborted from now on; one that is aborted already is the caller's to see.
   * @param detach is called once, when it ends.
   */
  constructor(signal: AbortSignal, detach: (subscription: TopicSubscription) => void) {
    this.#signal = signal;
    this.#detach = detach;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Gives the reader a message. It must not end up with an object that somebody else can change. */
  push(message: JsonValue): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value: message });
      return;
    }
    this.#buffer.push(message);
    if (this.#buffer.length - this.#first > MAX_BUFFERED) this.#first++;
    this.#forgetRead();
  }

  /** Ends the reader now; what it has not read is dropped. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#detach(this);
    this.#buffer = [];
    this.#first = 0;
    for (const reader of this.#readers.splice(0)) reader(END);
  }

  next(): Promise<IteratorResult<JsonValue, undefined>> {
    if (this.#ended) return Promise.resolve(END);
    if (this.#first === this.#buffer.length) return new Promise((resolve) => this.#readers.push(resolve));
    const value = this.#buffer[this.#first++] as JsonValue;
    this.#forgetRead();
    return Promise.resolve({ done: false, value });
  }

  return(): Promise<IteratorResult<JsonValue, undefined>> {
    this.end();
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #forgetRead(): void {
    if (this.#first === this.#buffer.length || this.#first > MAX_BUFFERED) {
      this.#buffer = this.#buffer.slice(this.#first);
      this.#first = 0;
    }
  }
}
