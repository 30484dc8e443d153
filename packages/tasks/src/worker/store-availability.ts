import { ClosedError, type Logger, QueueUnavailableError, serializeError } from "@lexigram/contracts";
import type { TaskEmitter } from "../events/task-emitter.ts";

/** Whether a queue's store answers, announced when it changes. One that was closed answers no more. */
export class StoreAvailability {
  readonly #queueName: string;
  readonly #emitter: TaskEmitter;
  readonly #logger: Logger;
  #available = true;

  constructor(queueName: string, emitter: TaskEmitter, logger: Logger) {
    this.#queueName = queueName;
    this.#emitter = emitter;
    this.#logger = logger;
  }

  get available(): boolean {
    return this.#available;
  }

  answered(): void {
    if (this.#available) return;
    this.#available = true;
    this.#logger.info("a queue's store answers again", { queue: this.#queueName });
    this.#emitter.emit("queue.availability", { queueName: this.#queueName, available: true });
  }

  failed(thrown: unknown): void {
    const error = serializeError(thrown);
    if (!(thrown instanceof QueueUnavailableError || thrown instanceof ClosedError)) {
      this.#logger.error("a queue answered with an unexpected error", { queue: this.#queueName, error });
      return;
    }
    if (!this.#available) return;
    this.#available = false;
    this.#logger.warn("a queue's store does not answer", { queue: this.#queueName, error });
    this.#emitter.emit("queue.availability", { queueName: this.#queueName, available: false, error });
  }
}
