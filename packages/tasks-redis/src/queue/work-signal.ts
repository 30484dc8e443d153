import type { Clock, Timer } from "@lexigram/contracts";
import type { RedisConnection } from "../connection/redis-connection.ts";
import type { QueueScripts } from "./queue-scripts.ts";

/** A wake may be missed, and the lease of a job that somebody else took may end: so long is nobody idle without a look. */
const LOOK_AGAIN_MS = 1_000;

export interface WorkSignalParts {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly name: string;
  readonly scripts: QueueScripts;
}

/** Waits for work: asks, is woken by what changes, and asks again when time alone makes work. */
export class WorkSignal {
  readonly #parts: WorkSignalParts;
  readonly #wakes = new Set<() => void>();
  #subscription: Promise<() => void> | undefined;
  #closed = false;

  constructor(parts: WorkSignalParts) {
    this.#parts = parts;
  }

  async wait(maxMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || maxMs <= 0) return;
    const { clock, scripts } = this.#parts;
    const deadline = clock.monotonic() + maxMs;
    const wait = new Wait(clock, signal);
    this.#wakes.add(wait.wake);
    try {
      await Promise.race([this.#subscribe(), wait.over]);
      while (!wait.isOver) {
        const looked = scripts.control("await") as Promise<[number, number]>;
        // Who stops waiting does not hear whether the look succeeded.
        looked.catch(() => {});
        const answer = await Promise.race([looked, wait.over]);
        const left = deadline - clock.monotonic();
        if (answer === undefined || answer[0] === 1 || answer[1] === 0 || left <= 0) return;
        const dueMs = answer[1] < 0 ? Infinity : answer[1];
        await wait.atMost(Math.min(left, dueMs, LOOK_AGAIN_MS));
        if (clock.monotonic() >= deadline || dueMs <= LOOK_AGAIN_MS) return;
      }
    } finally {
      this.#wakes.delete(wait.wake);
      wait.end();
    }
  }

  close(): void {
    this.#closed = true;
    this.#wakeAll();
    this.#subscription?.then(
      (unsubscribe) => unsubscribe(),
      () => {},
    );
    this.#subscription = undefined;
  }

  #wakeAll(): void {
    for (const wake of this.#wakes) wake();
  }

  async #subscribe(): Promise<void> {
    const { connection, scripts, name } = this.#parts;
    if (this.#closed) return;
    const wakeAll = (): void => this.#wakeAll();
    this.#subscription ??= connection
      .subscribe(scripts.keys.wakeChannel, { message: wakeAll, resumed: wakeAll }, name)
      .catch((error: unknown) => {
        this.#subscription = undefined;
        throw error;
      });
    await this.#subscription;
  }
}

/** One wait: over when woken, aborted, or ended. */
class Wait {
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
