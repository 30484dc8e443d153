import {
  type Logger,
  refuseUnless,
  serializeError,
  serviceOption,
  type TaskEventName,
  type TaskEvents,
} from "@lexigram/contracts";

type Listener<E extends TaskEventName> = (payload: TaskEvents[E]) => unknown;

/** `task.enqueued` is another name of `task.queued`; both are heard under one. */
const heardAs = (event: TaskEventName): TaskEventName => (event === "task.enqueued" ? "task.queued" : event);

/** Somebody who hands facts on, and who has listeners of his own that come and go. */
export interface TaskRelay {
  /** Whether anybody listens there; asked for every fact, so it must be cheap. */
  wants(event: TaskEventName): boolean;
  tell<E extends TaskEventName>(event: E, payload: TaskEvents[E]): unknown;
}

/**
 * The one place where facts about jobs are announced; hooks, domain events, metrics and the dashboard listen here.
 * Listeners run after the fact is stored, in the order they were added, and are not waited for: what they throw or
 * reject with is logged and never touches a job.
 */
export class TaskEmitter {
  readonly #listeners = new Map<TaskEventName, Listener<never>[]>();
  readonly #logger: Logger;
  #relays: readonly TaskRelay[] = [];

  constructor(logger: Logger) {
    this.#logger = serviceOption("TaskEmitter", "logger", "logger", logger);
  }

  on<E extends TaskEventName>(event: E, listener: Listener<E>): Disposable {
    refuseUnless(typeof event === "string", "on", "event", "must be the name of an event");
    refuseUnless(typeof listener === "function", "on", "listener", "must be a function");
    const name = heardAs(event);
    // Copied on change, so that a listener may add or remove others while an event is being told.
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
    return {
      [Symbol.dispose]: () => {
        const rest = (this.#listeners.get(name) ?? []).filter(
          (other) => other !== (listener as Listener<never>),
        );
        if (rest.length > 0) this.#listeners.set(name, rest);
        else this.#listeners.delete(name);
      },
    };
  }

  /** Adds somebody who is told what he wants at the moment it happens, after the listeners. */
  relay(relay: TaskRelay): Disposable {
    this.#relays = [...this.#relays, relay];
    return { [Symbol.dispose]: () => void (this.#relays = this.#relays.filter((other) => other !== relay)) };
  }

  /** Whether anybody listens; ask before making a payload on a hot path. */
  has(event: TaskEventName): boolean {
    const name = heardAs(event);
    if (this.#listeners.has(name)) return true;
    for (const relay of this.#relays) if (relay.wants(name)) return true;
    return false;
  }

  emit<E extends TaskEventName>(event: E, payload: TaskEvents[E]): void {
    const name = heardAs(event) as E;
    const listeners = this.#listeners.get(name) as Listener<E>[] | undefined;
    if (listeners !== undefined)
      for (const listener of listeners) {
        try {
          this.#attend(name, listener(payload));
        } catch (error) {
          this.#failed(name, error);
        }
      }
    for (const relay of this.#relays) {
      try {
        if (relay.wants(name)) this.#attend(name, relay.tell(name, payload));
      } catch (error) {
        this.#failed(name, error);
      }
    }
  }

  #attend(event: TaskEventName, result: unknown): void {
    if (result instanceof Promise) result.catch((error: unknown) => this.#failed(event, error));
  }

  #failed(event: TaskEventName, error: unknown): void {
    this.#logger.error("a listener failed", { event, error: serializeError(error) });
  }
}
