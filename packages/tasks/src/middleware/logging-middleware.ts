import {
  ClosedError,
  type LogFields,
  type Logger,
  serializeError,
  serviceOption,
  silentLogger,
  TaskCancelledError,
} from "@lexigram/contracts";
import { DiscardTask, RejectTask, RetryTask } from "../retry/control-flow.ts";
import type { TaskExecutionContext, TaskMiddleware } from "./middleware.ts";

/**
 * Writes a line when an attempt begins and one when it ends, with its duration.
 *
 * - `debug`: it begins, and it succeeds. A line for each job that went well is more than most logs can bear.
 * - `info`: it ends as somebody wanted: cancelled, discarded by its handler, or interrupted by a shutdown. With the
 *   reason, whatever the handler threw then.
 * - `warn`: it failed, with the error and its stack, whether or not it will be repeated; or its handler rejected the
 *   job or asked for another attempt, with the reason.
 *
 * Lines of success are not put together for a logger whose `debug` is that of `silentLogger`, as under
 * `config: { logLevel: "info" }`.
 */
export class LoggingMiddleware implements TaskMiddleware {
  readonly #logger: Logger;
  readonly #debugs: boolean;

  constructor(logger: Logger) {
    this.#logger = serviceOption("LoggingMiddleware", "logger", "logger", logger);
    this.#debugs = logger.debug !== silentLogger.debug;
  }

  beforeExecute({ taskName, jobId, queueName, attempt }: TaskExecutionContext): void {
    if (this.#debugs)
      this.#logger.debug("task started", { task: taskName, job: jobId, queue: queueName, attempt });
  }

  afterExecute(context: TaskExecutionContext): void {
    if (this.#debugs) this.#logger.debug("task succeeded", ended(context));
  }

  onError(context: TaskExecutionContext, thrown: unknown): void {
    const logger = this.#logger;
    const stopped: unknown = context.context?.signal.reason;
    const reason = cancellation(context.jobId, thrown) ?? cancellation(context.jobId, stopped);
    if (reason !== undefined) logger.info("task cancelled", { ...ended(context), reason });
    else if (stopped instanceof ClosedError)
      logger.info("task interrupted", { ...ended(context), reason: stopped.message });
    else if (thrown instanceof DiscardTask)
      logger.info("task discarded", { ...ended(context), reason: thrown.reason });
    else if (thrown instanceof RejectTask)
      logger.warn("task rejected", { ...ended(context), requeue: thrown.requeue, reason: thrown.reason });
    else if (thrown instanceof RetryTask)
      logger.warn("task asked for another attempt", { ...ended(context), reason: thrown.reason });
    else logger.warn("task failed", { ...ended(context), error: serializeError(thrown) });
  }
}

function ended({ taskName, jobId, queueName, attempt, durationMs }: TaskExecutionContext): LogFields {
  return { task: taskName, job: jobId, queue: queueName, attempt, durationMs };
}

/** Why this job was cancelled. The cancellation of another job, that it waited for, is a failure here. */
function cancellation(jobId: string, cause: unknown): string | undefined {
  return cause instanceof TaskCancelledError && cause.fields.jobId === jobId
    ? cause.fields.reason
    : undefined;
}
