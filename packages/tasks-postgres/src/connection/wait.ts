import type { Clock, Timer } from "@lexigram/contracts";

/** One wait: over when woken, aborted, or ended. */
export class Wait {
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
    signal.addEventListener("abort", this.wake);
  }

  /** Resolves when it is over, and after `ms` in any case. */
  async atMost(ms: number): Promise<void> {
    await Promise.race([
      this.over,
      new Promise<void>((resolve) => (this.#timer = this.#clock.setTimer(resolve, ms))),
    ]);
    this.#timer?.cancel();
  }

  end(): void {
    this.#timer?.cancel();
    this.#signal.removeEventListener("abort", this.wake);
  }
}
