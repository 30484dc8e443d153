import type { Taker } from "./ready-buffer.ts";
import type { ReadyMessage } from "./ready-message.ts";

/** What a claim has taken so far. */
export class Taken implements Taker {
  readonly messages: ReadyMessage[] = [];
  readonly #most: number;
  readonly #maxBytes: number;
  #bytes = 0;
  #largest = 0;

  constructor(most: number, maxBytes: number) {
    this.#most = most;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.messages.length;
  }

  get wantsMore(): boolean {
    return this.count < this.#most && (this.count === 0 || this.#bytes < this.#maxBytes);
  }

  /** Messages that there is room for, if the next are as large as the largest so far. */
  room(): number {
    const left = this.#most - this.count;
    if (this.#largest === 0) return left;
    return Math.max(1, Math.min(left, Math.floor((this.#maxBytes - this.#bytes) / this.#largest)));
  }

  add(message: ReadyMessage): void {
    const bytes = message.content.length;
    this.messages.push(message);
    this.#bytes += bytes;
    this.#largest = Math.max(this.#largest, bytes);
  }
}
