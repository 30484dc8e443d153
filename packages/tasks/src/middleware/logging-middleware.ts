import { type Logger, serializeError } from "@lexigram/contracts";
import type { TaskExecutionContext, TaskMiddleware } from "./middleware.ts";

/** One line when an attempt begins (debug), one when it succeeds (info) or fails (warn), with its duration. */
export class LoggingMiddleware implements TaskMiddleware {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  beforeExecute({ taskName, jobId, queueName, attempt }: TaskExecutionContext): void {
    this.#logger.debug("task started", { task: taskName, job: jobId, queue: queueName, attempt });
  }

  afterExecute({ taskName, jobId, queueName, attempt, durationMs }: TaskExecutionContext): void {
    this.#logger.info("task succeeded", {
      task: taskName,
      job: jobId,
      queue: queueName,
      attempt,
      durationMs,
    });
  }

  onError({ taskName, jobId, queueName, attempt, durationMs }: TaskExecutionContext, thrown: unknown): void {
    const error = serializeError(thrown);
    this.#logger.warn("task failed", {
      task: taskName,
      job: jobId,
      queue: queueName,
      attempt,
      durationMs,
      error,
    });
  }
}
