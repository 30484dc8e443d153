import {
  type Clock,
  ClosedError,
  LockTimeoutError,
  QueueUnavailableError,
  type Timer,
} from "@lexigram/contracts";
import { AbortLink } from "../results/abort-link.ts";
import type { Grant, LockStore, Waiter } from "./lock-store.ts";

export interface LockWait {
  readonly key: string;
  readonly holder: string;
  readonly ttlMs: number;
  /** Milliseconds; `undefined`: without limit. */
  readonly waitMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Ends all waits. */
  readonly closing: AbortSignal;
}

/** The shortest time between two looks that nothing hinted at, so that a lock that is about to expire is not asked for in a circle. */
const SHORTEST_MS = 5;

/**
 * Waits for a lock: lines up, hears when it was handed over, and looks again at each poll in any case. While the store
 * is out of reach it goes on waiting.
 *
 * @throws LockTimeoutError; the reason of `signal` or `closing`; what the store refuses.
 */
export function waitForLock(store: LockStore, clock: Clock, wait: LockWait): Promise<Grant> {
  const link = new AbortLink(wait.signal);
  const { key, waitMs } = wait;
  const timer =
    waitMs === undefined
      ? undefined
      : clock.setTimer(() => link.abort(new LockTimeoutError({ key, waitedMs: waitMs })), waitMs);
  const onClose = (): void => link.abort(wait.closing.reason);
  const line = new LockLine(store, clock, wait, link.signal);
  return new Promise<Grant>((resolve, reject) => {
    let isOver = false;
    const giveUp = (): void => {
      isOver = true;
      reject(link.signal.reason as Error);
    };
    link.signal.addEventListener("abort", giveUp, { once: true });
    wait.closing.addEventListener("abort", onClose, { once: true });
    if (link.signal.aborted) giveUp();
    line
      .run()
      .then((grant) => {
        if (!isOver) return resolve(grant);
        // It was given up in the moment in which it was had.
        return line.decline();
      }, reject)
      .finally(() => {
        timer?.cancel();
        wait.closing.removeEventListener("abort", onClose);
        link.unlink();
      });
  });
}

/** One waiter. */
class LockLine {
  readonly #store: LockStore;
  readonly #clock: Clock;
  readonly #wait: LockWait;
  readonly #signal: AbortSignal;
  readonly #over = new AbortController();
  #waiter: Waiter | undefined;
  #hinted = false;
  #wake: (() => void) | undefined;
  #timer: Timer | undefined;

  constructor(store: LockStore, clock: Clock, wait: LockWait, signal: AbortSignal) {
    this.#store = store;
    this.#clock = clock;
    this.#wait = wait;
    this.#signal = signal;
  }

  async run(): Promise<Grant> {
    const wake = (): void => this.#look();
    this.#signal.addEventListener("abort", wake);
    try {
      void this.#listen();
      for (;;) {
        const freeInMs = await this.#try();
        if (typeof freeInMs !== "number") return freeInMs;
        if (this.#signal.aborted) throw this.#signal.reason;
        await this.#pause(Math.min(this.#store.pollMs, Math.max(freeInMs, SHORTEST_MS)));
      }
    } catch (error) {
      await this.decline();
      throw error;
    } finally {
      this.#over.abort("the wait for a lock is over");
      this.#signal.removeEventListener("abort", wake);
    }
  }

  /** Gives up the place, and the lock if it came with it. What the store does not hear ends by itself. */
  async decline(): Promise<void> {
    if (this.#waiter !== undefined)
      await this.#store.decline(this.#wait.key, this.#waiter).catch(() => undefined);
  }

  /** @returns the hold, or in how many milliseconds it may be had. */
  async #try(): Promise<Grant | number> {
    const { key, holder, ttlMs } = this.#wait;
    try {
      if (this.#waiter === undefined || !(await this.#store.stay(this.#waiter)))
        this.#waiter = await this.#store.enlist(key, holder);
      const { grant, ...rest } = await this.#store.takeInTurn(key, this.#waiter, ttlMs);
      if (grant === undefined) return (rest as { freeInMs: number }).freeInMs;
      if (this.#signal.aborted) throw this.#signal.reason;
      await this.#store.leave(this.#waiter).catch(() => {});
      return grant;
    } catch (error) {
      if (error instanceof QueueUnavailableError && error.fields.retryable && !this.#signal.aborted)
        return this.#store.pollMs;
      throw error;
    }
  }

  async #listen(): Promise<void> {
    const { key, holder } = this.#wait;
    while (!this.#over.signal.aborted) {
      try {
        for await (const _ of this.#store.hints(key, holder, this.#over.signal)) this.#look();
      } catch (error) {
        if (error instanceof ClosedError) return;
      }
      if (this.#over.signal.aborted) return;
      // The subscription ended by itself, or could not be made: the poll goes on meanwhile.
      await new Promise<void>((resolve) =>
        this.#clock.setTimer(resolve, this.#store.pollMs, { keepAlive: false }),
      );
    }
  }

  #look(): void {
    this.#hinted = true;
    this.#wake?.();
  }

  /** Until something hints, and `ms` at most. */
  async #pause(ms: number): Promise<void> {
    if (!this.#hinted)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#timer = this.#clock.setTimer(resolve, ms);
      });
    this.#timer?.cancel();
    this.#wake = undefined;
    this.#hinted = false;
  }
}
