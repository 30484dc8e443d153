import type { Clock, Timer } from "../clock.ts";

/** One wait of a backend for what it is told of: over when it is woken or its signal is aborted. */
export class InterruptibleWait {
  readonly over: Promise<undefined>;
  readonly wake: () => void;
  isOver = false;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #timer: Timer | undefined;
  #finish: () => void = () => {};

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    this.over = new Promise((resolve) => (this.#finish = () => resolve(undefined)));
    this.wake = () => {
      this.isOver = true;
      this.#finish();
    };
    if (signal.aborted) this.wake();
    else signal.addEventListener("abort", this.wake);
  }

  /** Resolves when it is over, and after `ms` in any case. */
  async atMost(ms: number): Promise<void> {
    await Promise.race([
      this.over,
      new Promise<void>((resolve) => (this.#timer = this.#clock.setTimer(resolve, ms))),
    ]);
    this.#timer?.cancel();
  }

  /** Lets go of timer and signal. */
  end(): void {
    this.#timer?.cancel();
    this.#signal.removeEventListener("abort", this.wake);
  }
}
