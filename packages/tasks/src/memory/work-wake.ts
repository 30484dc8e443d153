import type { Clock, Timer } from "@lexigram/contracts";

/** What a wake needs to know of the queue. */
export interface WorkSigns {
  /** Whether a claim would find a job. */
  hasWork(): boolean;
  /** Milliseconds until time alone makes work; infinite when it does not. */
  dueInMs(): number;
}

class Waiter {
  readonly resolve: () => void;
  readonly deadline: number;
  readonly owner: object;

  constructor(resolve: () => void, deadline: number, owner: object) {
    this.resolve = resolve;
    this.deadline = deadline;
    this.owner = owner;
  }
}

/** Those who wait for work. All of them share one timer, and none is set while nobody waits. */
export class WorkWake {
  readonly #clock: Clock;
  readonly #signs: WorkSigns;
  readonly #waiters = new Set<Waiter>();
  #timer: Timer | null = null;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, signs: WorkSigns) {
    this.#clock = clock;
    this.#signs = signs;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** @param owner whose waits `release` ends. */
  wait(maxMs: number, signal: AbortSignal, owner: object): Promise<void> {
    if (signal.aborted || maxMs <= 0 || this.#signs.hasWork() || this.#signs.dueInMs() <= 0)
      return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = (): void => {
        end();
        this.#rest();
      };
      const waiter = new Waiter(end, this.#clock.monotonic() + maxMs, owner);
      signal.addEventListener("abort", onAbort);
      this.#waiters.add(waiter);
      this.#arm();
    });
  }

  /** To be called when the queue changed: wakes everyone when there is work, and minds what is due earlier than before. */
  changed(): void {
    if (this.#waiters.size === 0) return;
    if (this.#signs.hasWork()) this.wakeAll();
    else this.#arm();
  }

  wakeAll(): void {
    for (const waiter of this.#waiters) waiter.resolve();
    this.#rest();
  }

  /** Ends the waits of one owner. */
  release(owner: object): void {
    for (const waiter of this.#waiters) if (waiter.owner === owner) waiter.resolve();
    this.#rest();
  }

  #rest(): void {
    if (this.#waiters.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    const now = this.#clock.monotonic();
    let at = now + Math.max(this.#signs.dueInMs(), 0);
    for (const waiter of this.#waiters) at = Math.min(at, waiter.deadline);
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.setTimer(() => this.#fire(), at - now);
  }

  #fire(): void {
    this.#timer = null;
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (this.#signs.dueInMs() <= 0 || this.#signs.hasWork()) {
      this.wakeAll();
      return;
    }
    const now = this.#clock.monotonic();
    for (const waiter of this.#waiters) if (waiter.deadline <= now) waiter.resolve();
    if (this.#waiters.size > 0) this.#arm();
  }
}
