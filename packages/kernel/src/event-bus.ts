import type { Logger } from "@lexigram/contracts";
import type { AbstractConstructor } from "./injection.ts";

export type EventHandler<E> = (event: E) => unknown;

/**
 * Tells subscribers what has happened. A subscriber to a class also gets events of the classes that extend it; a
 * subscriber to a name gets events whose `type` it is, or, when they have none, whose class is called so.
 */
export class EventBus {
  readonly #subscribers = new Map<AbstractConstructor | string, readonly EventHandler<never>[]>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @returns takes the subscription back; a no-op the second time. */
  subscribe<E extends object>(type: AbstractConstructor<E> | string, handler: EventHandler<E>): () => void {
    // Wrapped, so that one function subscribed twice is two subscriptions.
    const own: EventHandler<never> = (event) => handler(event);
    this.#subscribers.set(type, [...(this.#subscribers.get(type) ?? []), own]);
    return () => {
      const rest = (this.#subscribers.get(type) ?? []).filter((other) => other !== own);
      if (rest.length > 0) this.#subscribers.set(type, rest);
      else this.#subscribers.delete(type);
    };
  }

  /** Whether anyone listens to the type; ask before building a costly event. */
  hasSubscribers(type: AbstractConstructor | string): boolean {
    return this.#subscribers.size > 0 && this.#subscribers.has(type);
  }

  /**
   * Hands the event to its subscribers, all at once, and resolves when every one has finished. What one throws is
   * logged and concerns nobody else. Never rejects.
   */
  async publish(event: object): Promise<void> {
    if (this.#subscribers.size === 0) return;
    const handlers = this.#typesOf(event).flatMap((type) => this.#subscribers.get(type) ?? []);
    await Promise.all(handlers.map((handler) => this.#deliver(event, handler)));
  }

  async #deliver(event: object, handler: EventHandler<never>): Promise<void> {
    try {
      await handler(event as never);
    } catch (error) {
      this.#logger.error("an event subscriber failed", { event: nameOf(event), error });
    }
  }

  #typesOf(event: object): (AbstractConstructor | string)[] {
    const types: (AbstractConstructor | string)[] = [nameOf(event)];
    let at = event.constructor as AbstractConstructor | undefined;
    for (; at !== undefined && at !== Function.prototype; at = Object.getPrototypeOf(at)) types.push(at);
    return types;
  }
}

function nameOf(event: object): string {
  const { type } = event as { readonly type?: unknown };
  return typeof type === "string"
    ? type
    : ((event.constructor as AbstractConstructor | undefined)?.name ?? "Object");
}
