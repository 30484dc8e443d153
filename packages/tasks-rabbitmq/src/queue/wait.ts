import type { Clock, Timer } from "@lexigram/contracts";

/** One wait: over when it is woken, aborted, or has lasted long enough. */
export class Wait {
  readonly over: Promise<void>;
  readonly wake: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: Timer;

  constructor(clock: Clock, maxMs: number, signal?: AbortSignal) {
    let finish = (): void => {};
    this.over = new Promise((resolve) => (finish = resolve));
    this.wake = finish;
    this.#signal = signal;
    this.#timer = clock.setTimer(finish, maxMs);
    signal?.addEventListener("abort", this.wake);
  }

  end(): void {
    this.#timer.cancel();
    this.#signal?.removeEventListener("abort", this.wake);
  }
}
