import type { Clock, Timer } from "@lexigram/contracts";

/** What a look at a limit says: it lets one pass, or not before a time. */
export interface Passage {
  readonly passed: boolean;
  /** Milliseconds until it is worth looking again, when it did not. */
  readonly retryInMs?: number;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
}

/** A look is repeated after this at least, and at most. Milliseconds. */
const LEAST_WAIT_MS = 1;
const MOST_WAIT_MS = 60_000;

/** Those who wait for one limit in this process: first come, first served. No timer runs while nobody waits. */
export class WaitingLine {
  readonly #clock: Clock;
  readonly #look: () => Promise<Passage>;
  readonly #waiters = new Set<Waiter>();
  #timer: Timer | undefined;
  #looking = false;

  /** @param look takes for one, or says when to look again. */
  constructor(clock: Clock, look: () => Promise<Passage>) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Takes at once or not at all; nobody passes those who wait. */
  async tryPass(): Promise<boolean> {
    if (this.#waiters.size > 0) return false;
    return (await this.#look()).passed;
  }

  /** Resolves when it is the caller's turn. Rejects with the signal's reason, and with what a look throws. */
  pass(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject, signal, onAbort: () => this.#leave(waiter) };
      signal?.addEventListener("abort", waiter.onAbort, { once: true });
      this.#waiters.add(waiter);
      void this.#serve();
    });
  }

  #leave(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    waiter.reject(waiter.signal?.reason);
    if (this.#waiters.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #serve(): Promise<void> {
    if (this.#looking || this.#timer !== undefined) return;
    this.#looking = true;
    try {
      while (this.#waiters.size > 0) {
        const { passed, retryInMs = MOST_WAIT_MS } = await this.#look();
        // What was taken for one who left meanwhile serves the next.
        if (passed) this.#next((waiter) => waiter.resolve());
        else if (this.#waiters.size > 0) {
          this.#wait(retryInMs);
          break;
        }
      }
    } catch (error) {
      this.#next((waiter) => waiter.reject(error));
      if (this.#waiters.size > 0) this.#wait(LEAST_WAIT_MS);
    } finally {
      this.#looking = false;
    }
  }

  #next(then: (waiter: Waiter) => void): void {
    const [first] = this.#waiters;
    if (first === undefined) return;
    this.#waiters.delete(first);
    first.signal?.removeEventListener("abort", first.onAbort);
    then(first);
  }

  #wait(ms: number): void {
    this.#timer = this.#clock.setTimer(
      () => {
        this.#timer = undefined;
        void this.#serve();
      },
      Math.min(Math.max(Math.ceil(ms), LEAST_WAIT_MS), MOST_WAIT_MS),
    );
  }
}
