import { type Clock, ClosedError, type TaskQueueProtocol, type Timer } from "@lexigram/contracts";
import { LONGEST_POLL_MS } from "./worker-settings.ts";

/** Wakes in a row that brought nothing, after which the next look is put off a little. */
const IDLE_WAKES = 10;
const RETRY_MS = 250;

export interface WorkWaiterParts {
  readonly queue: TaskQueueProtocol;
  readonly clock: Clock;
  readonly pollIntervalMs: number;
  /** There may be work. */
  readonly onWork: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Whether a queue may have work, and the wait until it may. An empty queue is looked at again when it wakes us, when
 * time alone makes work, and at growing intervals in any case, since a wake may be missed.
 */
export class WorkWaiter {
  readonly #parts: WorkWaiterParts;
  #hungry = false;
  #waiting = false;
  #pollMs: number;
  #idleWakes = 0;
  #stop: AbortController | undefined = undefined;
  #timer: Timer | undefined = undefined;

  constructor(parts: WorkWaiterParts) {
    this.#parts = parts;
    this.#pollMs = parts.pollIntervalMs;
  }

  /** Whether a claim may find something. */
  get hungry(): boolean {
    return this.#hungry;
  }

  start(): void {
    this.#stop = new AbortController();
    this.#hungry = true;
    this.#pollMs = this.#parts.pollIntervalMs;
  }

  stop(): void {
    this.#hungry = false;
    this.#stop?.abort();
    this.#stop = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** A claim brought jobs. */
  foundWork(): void {
    this.#pollMs = this.#parts.pollIntervalMs;
    this.#idleWakes = 0;
  }

  /** A claim brought as much as was asked for: there may be more. */
  mayHaveMore(): void {
    this.#hungry = true;
  }

  /**
   * A claim brought less than was asked for.
   *
   * @param nextDueInMs milliseconds until time alone makes work.
   */
  ranDry(nextDueInMs: number | undefined): void {
    this.#hungry = false;
    const stop = this.#stop;
    if (this.#waiting || stop === undefined) return;
    this.#waiting = true;
    const dueMs = nextDueInMs === undefined ? Infinity : Math.max(1, Math.ceil(nextDueInMs));
    if (this.#idleWakes <= IDLE_WAKES) this.#wait(Math.min(this.#pollMs, dueMs), stop.signal);
    else
      this.#later(Math.min(this.#idleWakes, this.#pollMs, dueMs), () =>
        this.#wait(Math.min(this.#pollMs, dueMs), stop.signal),
      );
  }

  #wait(maxMs: number, signal: AbortSignal): void {
    if (signal.aborted) {
      this.#waiting = false;
      return;
    }
    const { clock, queue } = this.#parts;
    const since = clock.monotonic();
    let wait: Promise<void>;
    try {
      wait = queue.waitForWork(maxMs, signal);
    } catch (error) {
      wait = Promise.reject(error);
    }
    wait.then(
      () => {
        this.#waiting = false;
        if (signal.aborted) return;
        this.#woken(clock.monotonic() - since < maxMs, maxMs);
      },
      (error: unknown) => this.#failed(error, signal),
    );
  }

  #woken(early: boolean, maxMs: number): void {
    if (early) {
      this.#idleWakes++;
      this.#pollMs = this.#parts.pollIntervalMs;
    } else if (maxMs >= this.#pollMs) {
      this.#idleWakes = 0;
      this.#pollMs = Math.max(this.#pollMs, Math.min(this.#pollMs * 2, LONGEST_POLL_MS));
    }
    this.#hungry = true;
    this.#parts.onWork();
  }

  #failed(error: unknown, signal: AbortSignal): void {
    if (signal.aborted || error instanceof ClosedError) {
      this.#waiting = false;
      if (!signal.aborted) this.#parts.onError(error);
      return;
    }
    this.#parts.onError(error);
    this.#later(Math.max(this.#pollMs, RETRY_MS), () => {
      this.#waiting = false;
      this.#hungry = true;
      this.#parts.onWork();
    });
  }

  #later(delayMs: number, go: () => void): void {
    this.#timer = this.#parts.clock.setTimer(() => {
      this.#timer = undefined;
      go();
    }, delayMs);
  }
}
