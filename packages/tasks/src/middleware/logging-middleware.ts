import { type Logger, serializeError } from "@lexigram/contracts";
import type { TaskExecutionContext, TaskMiddleware } from "./middleware.ts";

/** One line when an attempt begins (debug), one when it succeeds (info) or fails (warn), with its duration. */
export class LoggingMiddleware implements TaskMiddleware {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  beforeExecute(context: TaskExecutionContext): void {
    this.#logger.debug("task started", facts(context));
  }

  afterExecute(context: TaskExecutionContext): void {
    this.#logger.info("task succeeded", { ...facts(context), durationMs: context.durationMs });
  }

  onError(context: TaskExecutionContext, error: unknown): void {
    const { durationMs } = context;
    this.#logger.warn("task failed", { ...facts(context), durationMs, error: serializeError(error) });
  }
}

function facts(context: TaskExecutionContext): Record<string, unknown> {
  return { task: context.taskName, job: context.jobId, queue: context.queueName, attempt: context.attempt };
}
