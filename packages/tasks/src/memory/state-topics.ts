import { type JsonValue, TopicSubscription } from "@lexigram/contracts";

/** Who listens to what. A topic without readers is not remembered. */
export class StateTopics {
  readonly #topics = new Map<string, Set<TopicSubscription>>();

  get size(): number {
    return this.#topics.size;
  }

  /** @param message is given to every reader as it is, so it must be frozen. */
  publish(topic: string, message: JsonValue): void {
    const readers = this.#topics.get(topic);
    if (readers !== undefined) for (const reader of readers) reader.push(message);
  }

  /** @param ended is told when the subscription ends. */
  subscribe(
    topic: string,
    signal: AbortSignal,
    ended: (subscription: TopicSubscription) => void,
  ): TopicSubscription {
    let readers = this.#topics.get(topic);
    if (readers === undefined) {
      readers = new Set();
      this.#topics.set(topic, readers);
    }
    const all = readers;
    const subscription = new TopicSubscription(signal, (own) => {
      all.delete(own);
      if (all.size === 0 && this.#topics.get(topic) === all) this.#topics.delete(topic);
      ended(own);
    });
    all.add(subscription);
    if (signal.aborted) subscription.end();
    return subscription;
  }
}
