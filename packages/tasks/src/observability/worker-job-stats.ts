import { type Clock, requireOptions, serviceOption, systemClock } from "@lexigram/contracts";

/** What {@link WorkerJobStats} says at one moment. */
export interface WorkerJobFigures {
  readonly workerId: string;
  readonly jobsProcessed: number;
  readonly jobsSucceeded: number;
  readonly jobsFailed: number;
  /** Milliseconds in handlers. */
  readonly totalProcessingTime: number;
  /** Milliseconds; 0 when nothing was processed. */
  readonly averageProcessingTime: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds; absent when nothing was processed. */
  readonly lastActivity?: number;
  /** Milliseconds. */
  readonly uptime: number;
}

/** Counts what one worker did since it was made. */
export class WorkerJobStats {
  readonly workerId: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly #clock: Clock;
  /** Monotonic milliseconds of the start. */
  readonly #origin: number;
  #succeeded = 0;
  #failed = 0;
  #totalMs = 0;
  #lastActivity: number | undefined;

  constructor(workerId: string, clock: Clock = systemClock) {
    this.workerId = workerId;
    this.#clock = serviceOption("WorkerJobStats", "clock", "clock", clock);
    this.startedAt = clock.now();
    this.#origin = clock.monotonic();
  }

  get jobsProcessed(): number {
    return this.#succeeded + this.#failed;
  }

  get jobsSucceeded(): number {
    return this.#succeeded;
  }

  get jobsFailed(): number {
    return this.#failed;
  }

  /** Milliseconds in handlers. */
  get totalProcessingTime(): number {
    return this.#totalMs;
  }

  /** Milliseconds; 0 when nothing was processed. */
  get averageProcessingTime(): number {
    return this.jobsProcessed === 0 ? 0 : this.#totalMs / this.jobsProcessed;
  }

  /** Epoch milliseconds; `undefined` when nothing was processed. */
  get lastActivity(): number | undefined {
    return this.#lastActivity;
  }

  /** Milliseconds since the start. */
  get uptime(): number {
    return this.#clock.monotonic() - this.#origin;
  }

  /** Counts one attempt, such as a `JobResult`. @param at epoch milliseconds. Default: now. */
  recordJob(
    result: { readonly success: boolean; readonly durationMs: number },
    at: number = this.#clock.now(),
  ): void {
    requireOptions("recordJob", result);
    if (result.success) this.#succeeded++;
    else this.#failed++;
    this.#totalMs += result.durationMs;
    this.#lastActivity = at;
  }

  toJSON(): WorkerJobFigures {
    const { workerId, jobsProcessed, jobsSucceeded, jobsFailed, totalProcessingTime, averageProcessingTime } =
      this;
    const { startedAt, uptime, lastActivity } = this;
    return {
      workerId,
      jobsProcessed,
      jobsSucceeded,
      jobsFailed,
      totalProcessingTime,
      averageProcessingTime,
      startedAt,
      uptime,
      ...(lastActivity === undefined ? {} : { lastActivity }),
    };
  }
}
