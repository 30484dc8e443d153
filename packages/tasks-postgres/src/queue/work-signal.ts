import { type Clock, InterruptibleWait } from "@lexigram/contracts";
import type { Database } from "../connection/database.ts";
import type { QueueCalls } from "./queue-calls.ts";

/** A wake may be missed, and the lease of a job that somebody else took may end: so long is nobody idle without a look. */
const LOOK_AGAIN_MS = 1_000;

export interface WorkSignalParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly name: string;
  readonly calls: QueueCalls;
}

/** What an exchange found out: that nothing more can start, as of so many wakes. */
interface Nothing {
  readonly heard: number;
  /** On the monotonic clock; infinite when time alone makes no work. */
  readonly dueAt: number;
}

/**
 * Waits for work: asks, is woken by what changes, and asks again when time alone makes work. An exchange that brought less
 * than it asked for has asked already.
 */
export class WorkSignal {
  readonly #parts: WorkSignalParts;
  readonly #wakes = new Set<() => void>();
  #subscription: Promise<() => void> | undefined;
  #hears = false;
  #heard = 0;
  #nothing: Nothing | undefined;
  #closed = false;

  constructor(parts: WorkSignalParts) {
    this.#parts = parts;
  }

  /** Wakes that were heard until now; nothing as long as none would be heard. */
  get heard(): number | undefined {
    return this.#hears ? this.#heard : undefined;
  }

  /**
   * An exchange brought less than it asked for, and the store wakes who listens from then on.
   *
   * @param heard what {@link heard} was when it was sent: a wake since then may be about what it did not see.
   */
  foundNoMore(heard: number | undefined, nextDueInMs: number | undefined): void {
    if (heard === undefined) return;
    const dueAt = nextDueInMs === undefined ? Infinity : this.#parts.clock.monotonic() + nextDueInMs;
    this.#nothing = { heard, dueAt };
  }

  async wait(maxMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || maxMs <= 0) return;
    const { clock } = this.#parts;
    const deadline = clock.monotonic() + maxMs;
    const wait = new InterruptibleWait(clock, signal);
    this.#wakes.add(wait.wake);
    try {
      await Promise.race([this.#subscribe(), wait.over]);
      while (!wait.isOver) {
        const dueMs = await Promise.race([this.#dueIn(), wait.over]);
        const left = deadline - clock.monotonic();
        if (dueMs === undefined || dueMs <= 0 || left <= 0) return;
        await wait.atMost(Math.min(left, dueMs, LOOK_AGAIN_MS));
        if (clock.monotonic() >= deadline || dueMs <= LOOK_AGAIN_MS) return;
      }
    } finally {
      this.#wakes.delete(wait.wake);
      wait.end();
    }
  }

  /** Milliseconds until there is work, as far as time alone tells; 0 when there is. */
  async #dueIn(): Promise<number> {
    const nothing = this.#nothing;
    // It holds for one wait: whatever that does not hear of, the next look sees.
    this.#nothing = undefined;
    if (nothing !== undefined && this.#hears)
      return nothing.heard === this.#heard ? nothing.dueAt - this.#parts.clock.monotonic() : 0;
    const { has, due } = await this.#parts.calls.row("await");
    if (has === true) return 0;
    return due === null ? Infinity : Number(due);
  }

  close(): void {
    this.#closed = true;
    this.#hears = false;
    this.#wakeAll();
    this.#subscription?.then(
      (unsubscribe) => unsubscribe(),
      () => {},
    );
    this.#subscription = undefined;
  }

  #wakeAll(): void {
    this.#heard++;
    for (const wake of this.#wakes) wake();
  }

  async #subscribe(): Promise<void> {
    const { database, calls, name } = this.#parts;
    if (this.#closed) return;
    const wakeAll = (): void => this.#wakeAll();
    this.#subscription ??= database
      .listen(calls.wakeChannel, { message: wakeAll, missed: wakeAll }, name)
      .catch((error: unknown) => {
        this.#subscription = undefined;
        throw error;
      });
    await this.#subscription;
    this.#hears = !this.#closed;
  }
}
