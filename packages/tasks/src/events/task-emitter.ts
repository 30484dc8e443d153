import { type Logger, serializeError, type TaskEventName, type TaskEvents, type Token, token } from "@lexigram/contracts";

type Listener<E extends TaskEventName> = (payload: TaskEvents[E]) => unknown;

/** `task.enqueued` is another name of `task.queued`; both are heard under one. */
const ALIASES: Partial<Record<TaskEventName, TaskEventName>> = { "task.enqueued": "task.queued" };

/**
 * The one place where facts about jobs are announced; hooks, domain events, metrics and the dashboard listen here.
 * Listeners run after the fact is stored, in the order they were added, and are not waited for: what they throw or
 * reject with is logged and never touches a job.
 */
export class TaskEmitter {
  readonly #listeners = new Map<TaskEventName, Listener<never>[]>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  on<E extends TaskEventName>(event: E, listener: Listener<E>): Disposable {
    const name = ALIASES[event] ?? event;
    // Copied on change, so that a listener may add or remove others while an event is being told.
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener as Listener<never>]);
    return {
      [Symbol.dispose]: () => {
        const rest = (this.#listeners.get(name) ?? []).filter((other) => other !== (listener as Listener<never>));
        if (rest.length > 0) this.#listeners.set(name, rest);
        else this.#listeners.delete(name);
      },
    };
  }

  /** Whether anybody listens; ask before making a payload on a hot path. */
  has(event: TaskEventName): boolean {
    return this.#listeners.has(ALIASES[event] ?? event);
  }

  emit<E extends TaskEventName>(event: E, payload: TaskEvents[E]): void {
    const listeners = this.#listeners.get(ALIASES[event] ?? event);
    if (listeners === undefined) return;
    for (const listener of listeners as Listener<E>[]) {
      try {
        const result = listener(payload);
        if (result instanceof Promise) result.catch((error: unknown) => this.#failed(event, error));
      } catch (error) {
        this.#failed(event, error);
      }
    }
  }

  #failed(event: TaskEventName, error: unknown): void {
    this.#logger.error("a listener failed", { event, error: serializeError(error) });
  }
}

export const TaskEmitterToken: Token<TaskEmitter> = token("TaskEmitter");
