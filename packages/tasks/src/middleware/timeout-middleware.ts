import {
  type Clock,
  type Duration,
  holdsOptions,
  JobResult,
  refuseUnknownOptions,
  refuseUnless,
  serviceOption,
  spanOption,
  systemClock,
  TaskTimeoutError,
  type Timer,
} from "@lexigram/contracts";
import { JobExecutionContext } from "./execution-context.ts";
import type { TaskExecutionContext, TaskMiddleware } from "./middleware.ts";
import type { ExecutableJob } from "./pipeline.ts";

const DEFAULT_TIMEOUT: Duration = "300s";

/** The name under which the effective time limit stands in the metadata, in milliseconds. */
export const TIMEOUT_KEY = "timeoutMs";

/**
 * Tells the other middleware the time limit that holds for an attempt, as `metadata.timeoutMs`. The limit itself is
 * enforced in one place, the worker; `executeWithTimeout` is for handlers that are run without one.
 */
export class TimeoutMiddleware implements TaskMiddleware {
  readonly #defaultMs: number;
  readonly #maxMs: number;
  readonly #clock: Clock;

  /**
   * @param options `defaultTimeout`: where the worker names no limit, default 300 s; `maxTimeout`: none is longer, default none.
   * @throws TaskConfigError for a limit of 0.
   */
  constructor(
    options: {
      readonly defaultTimeout?: Duration;
      readonly maxTimeout?: Duration;
      readonly clock?: Clock;
    } = {},
  ) {
    refuseUnknownOptions("TimeoutMiddleware", options, ["defaultTimeout", "maxTimeout", "clock"]);
    this.#defaultMs = limit("defaultTimeout", options.defaultTimeout ?? DEFAULT_TIMEOUT);
    this.#maxMs = options.maxTimeout === undefined ? Infinity : limit("maxTimeout", options.maxTimeout);
    this.#clock = serviceOption("TimeoutMiddleware", "clock", "clock", options.clock ?? systemClock);
  }

  beforeExecute(context: TaskExecutionContext): void {
    context.metadata[TIMEOUT_KEY] = this.#effective(context);
  }

  /**
   * Runs a handler within the time limit of its context. A handler that is too slow goes on, but its result is not
   * waited for.
   *
   * @returns the outcome; a timeout and whatever the handler throws are failures in it, not exceptions.
   */
  async executeWithTimeout(
    handler: (input: unknown) => unknown,
    job: ExecutableJob,
    context?: TaskExecutionContext,
  ): Promise<JobResult> {
    refuseUnless(typeof handler === "function", "executeWithTimeout", "handler", "must be a function");
    refuseUnless(holdsOptions(job), "executeWithTimeout", "job", "must be an object with id and task");
    const startedAt = this.#clock.monotonic();
    const timeoutMs = this.#effective(context);
    let timer: Timer | undefined;
    const limit = new Promise<never>((_resolve, reject) => {
      const tooLate = (): void => reject(new TaskTimeoutError({ task: job.task, jobId: job.id, timeoutMs }));
      timer = this.#clock.setTimer(tooLate, timeoutMs);
    });
    try {
      const value = await Promise.race([limit, (async () => handler(job.input))()]);
      return JobResult.ok(value, this.#clock.monotonic() - startedAt);
    } catch (error) {
      return JobResult.fail(error, { durationMs: this.#clock.monotonic() - startedAt });
    } finally {
      timer?.cancel();
    }
  }

  #effective(context: TaskExecutionContext | undefined): number {
    const named = context instanceof JobExecutionContext ? context.timeoutMs : undefined;
    const told = context?.metadata[TIMEOUT_KEY];
    return Math.min(named ?? (typeof told === "number" ? told : this.#defaultMs), this.#maxMs);
  }
}

function limit(path: string, value: Duration): number {
  return spanOption("TimeoutMiddleware", path, value, { above: 0 });
}
