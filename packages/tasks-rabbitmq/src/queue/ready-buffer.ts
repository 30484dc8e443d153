import { BANDS } from "../topology/names.ts";
import type { ReadyMessage } from "./ready-message.ts";

/** A place for messages that knows when it has enough. */
export interface Taker {
  readonly wantsMore: boolean;
  add(message: ReadyMessage): void;
}

/** Messages that lie ready in this process: the most urgent band first, first in, first out inside it. */
export class ReadyBuffer {
  readonly #lines = BANDS.map((band) => ({ band, messages: [] as ReadyMessage[], head: 0 }));
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(message: ReadyMessage): void {
    this.#lines.find(({ band }) => band === message.band)?.messages.push(message);
    this.#size++;
  }

  take(taker: Taker): void {
    for (const line of this.#lines) {
      while (taker.wantsMore && line.head < line.messages.length) {
        taker.add(line.messages[line.head++]!);
        this.#size--;
      }
      if (line.head < line.messages.length) continue;
      line.messages = [];
      line.head = 0;
    }
  }

  takeAll(): ReadyMessage[] {
    const all = this.#lines.flatMap(({ messages, head }) => messages.slice(head));
    this.clear();
    return all;
  }

  clear(): void {
    for (const line of this.#lines) {
      line.messages = [];
      line.head = 0;
    }
    this.#size = 0;
  }
}
