import type { Clock, Timer } from "@lexigram/contracts";

/**
 * A sign of life at fixed intervals, and with it a measure of the event loop: how much later than it should the sign
 * came.
 */
export class LoopWatch {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #onBeat: (lagMs: number) => void;
  #timer: Timer | undefined = undefined;

  constructor(clock: Clock, intervalMs: number, onBeat: (lagMs: number) => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#onBeat = onBeat;
  }

  start(): void {
    this.stop();
    const dueAt = this.#clock.monotonic() + this.#intervalMs;
    const beat = (): void => {
      this.start();
      this.#onBeat(Math.max(0, this.#clock.monotonic() - dueAt));
    };
    this.#timer = this.#clock.setTimer(beat, this.#intervalMs, { keepAlive: false });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
