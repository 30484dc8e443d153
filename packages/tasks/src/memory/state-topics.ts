import type { JsonValue } from "@lexigram/contracts";

/** Messages that a slow reader may fall behind by. */
const MAX_BUFFERED = 1_000;

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** One reader of a topic. Reading, `return`, an aborted signal and `end` may come in any order. */
export class Subscription implements AsyncIterableIterator<JsonValue> {
  /** Messages from `#first` on are unread. */
  #buffer: JsonValue[] = [];
  #first = 0;
  #readers: ((result: IteratorResult<JsonValue, undefined>) => void)[] = [];
  #ended = false;
  readonly #signal: AbortSignal;
  readonly #detach: (subscription: Subscription) => void;
  readonly #onAbort = (): void => this.end();

  constructor(signal: AbortSignal, detach: (subscription: Subscription) => void) {
    this.#signal = signal;
    this.#detach = detach;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

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

/** Who listens to what. A topic without readers is not remembered. */
export class StateTopics {
  readonly #topics = new Map<string, Set<Subscription>>();

  get size(): number {
    return this.#topics.size;
  }

  /** @param message is given to every reader as it is, so it must be frozen. */
  publish(topic: string, message: JsonValue): void {
    const readers = this.#topics.get(topic);
    if (readers !== undefined) for (const reader of readers) reader.push(message);
  }

  /** @param ended is told when the subscription ends. */
  subscribe(topic: string, signal: AbortSignal, ended: (subscription: Subscription) => void): Subscription {
    let readers = this.#topics.get(topic);
    if (readers === undefined) {
      readers = new Set();
      this.#topics.set(topic, readers);
    }
    const all = readers;
    const subscription = new Subscription(signal, (own) => {
      all.delete(own);
      if (all.size === 0 && this.#topics.get(topic) === all) this.#topics.delete(topic);
      ended(own);
    });
    all.add(subscription);
    if (signal.aborted) subscription.end();
    return subscription;
  }
}
