import { type Clock, type Duration, milliseconds, ResultUnavailableError } from "@lexigram/contracts";
import type { ResultOptions } from "./task-handle.ts";

/** So long may a job be on its way after its enqueue before nobody believes in it any more. */
const ARRIVES_WITHIN_MS = 10_000;
const LOOK_AGAIN_MS = 50;

/** A job that its queue will be given later, unless the transaction that it was enqueued in is rolled back. */
export class Arrival {
  readonly #clock: Clock;
  readonly #byMs: number;

  /** @param clock counts from now. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#byMs = clock.monotonic() + ARRIVES_WITHIN_MS;
  }

  /**
   * Waits for a result, also while the queue does not know the job yet.
   *
   * @param wait waits for the result of a job that is there.
   * @throws as `wait` does: ResultUnavailableError when the job has not arrived in time.
   */
  async resultOf<T>(options: ResultOptions, wait: (options: ResultOptions) => Promise<T>): Promise<T> {
    const deadline = this.#deadlineOf(options.timeout);
    for (;;) {
      const left = deadline - this.#clock.monotonic();
      try {
        return await wait(
          left === Infinity ? options : { ...options, timeout: Math.max(0, Math.ceil(left)) },
        );
      } catch (error) {
        if (!(error instanceof ResultUnavailableError)) throw error;
        if (this.#clock.monotonic() >= Math.min(this.#byMs, deadline)) throw error;
      }
      options.signal?.throwIfAborted();
      await new Promise<void>((resolve) => this.#clock.setTimer(resolve, LOOK_AGAIN_MS));
    }
  }

  #deadlineOf(timeout: Duration | undefined): number {
    return timeout === undefined ? Infinity : this.#clock.monotonic() + milliseconds(timeout);
  }
}
