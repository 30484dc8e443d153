import { type Clock, systemClock, type Timer, type TimerOptions } from "@lexigram/contracts";

/** The machine's clock, and a wall clock beside it that is wrong by as much as it is told. */
export class SkewedClock implements Clock {
  /** Milliseconds that its wall clock is ahead. */
  skewMs = 0;

  now(): number {
    return systemClock.now() + this.skewMs;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  setTimer(callback: () => void, delayMs: number, options?: TimerOptions): Timer {
    return systemClock.setTimer(callback, delayMs, options);
  }
}
