import { type Token, token } from "./token.ts";

/** A timer that has been set and can be taken back. */
export interface Timer {
  /** Takes the timer back. A no-op once it has fired or was cancelled. */
  cancel(): void;
}

export interface TimerOptions {
  /** Whether the timer alone keeps the process alive. Default true. */
  readonly keepAlive?: boolean;
}

/**
 * The only source of time. Production code takes it by injection, tests put their own in its place, so nothing has
 * to sleep in a test.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since the epoch. May jump; use it for what is shown or stored. */
  now(): number;
  /** Milliseconds of a clock that never goes back, from an unnamed origin; use it for spans. */
  monotonic(): number;
  /**
   * Calls `callback` once, no sooner than `delayMs` from now.
   *
   * @param delayMs milliseconds; below zero counts as zero. Any length is kept, also beyond 2^31 - 1 ms, where
   *   Node's own timers fire at once.
   */
  setTimer(callback: () => void, delayMs: number, options?: TimerOptions): Timer;
}

export const Clock: Token<Clock> = token("Clock");

/** Node clamps longer delays to 1 ms. */
const LONGEST_NATIVE_DELAY = 2 ** 31 - 1;

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | undefined;
  readonly #callback: () => void;
  readonly #deadline: number;
  readonly #keepAlive: boolean;

  constructor(callback: () => void, delayMs: number, keepAlive: boolean) {
    this.#callback = callback;
    this.#keepAlive = keepAlive;
    this.#deadline = performance.now() + delayMs;
    this.#arm(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #arm(delayMs: number): void {
    this.#handle = setTimeout(
      () => {
        const rest = this.#deadline - performance.now();
        // Far timers are re-armed; a rest below a millisecond is the granularity of Node's timers, not earliness.
        if (rest >= 1) this.#arm(rest);
        else this.#callback();
      },
      Math.min(Math.max(delayMs, 0), LONGEST_NATIVE_DELAY),
    );
    if (!this.#keepAlive) this.#handle.unref();
  }
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: (callback, delayMs, options) => new SystemTimer(callback, delayMs, options?.keepAlive ?? true),
};
