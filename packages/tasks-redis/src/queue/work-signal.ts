import { type Clock, InterruptibleWait } from "@lexigram/contracts";
import type { RedisConnection } from "../connection/redis-connection.ts";
import { JOB_CAME } from "../lua/plain.ts";
import type { QueueScripts } from "./queue-scripts.ts";

/** A wake may be missed, and the lease of a job that somebody else took may end: so long is nobody idle without a look. */
const LOOK_AGAIN_MS = 1_000;

export interface WorkSignalParts {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly name: string;
  readonly scripts: QueueScripts;
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
  /** The place of the last job that was announced while nobody waited, as long as no exchange was sent since. */
  #announced = 0;
  /** The place of the last job that an exchange saw which brought less than it asked for. */
  #seen = 0;
  #nothing: Nothing | undefined;
  #closed = false;

  constructor(parts: WorkSignalParts) {
    this.#parts = parts;
  }

  /** An exchange is sent, and will see what was announced. @returns a mark of now; none while no wake would be heard. */
  asks(): number | undefined {
    this.#announced = 0;
    return this.#hears ? this.#heard : undefined;
  }

  /**
   * An exchange brought less than it asked for, and the store wakes who listens from then on.
   *
   * @param heard what {@link asks} answered: a wake since then may be about what it did not see.
   * @param place of the last job that it saw.
   */
  foundNoMore(heard: number | undefined, place: number, nextDueInMs: number | undefined): void {
    this.#seen = place;
    if (heard === undefined) return;
    const dueAt = nextDueInMs === undefined ? Infinity : this.#parts.clock.monotonic() + nextDueInMs;
    this.#nothing = { heard, dueAt };
  }

  /** Ends the waits of this process: there may be work. */
  wake(): void {
    this.#heard++;
    for (const wake of this.#wakes) wake();
  }

  /** @param place of the last job that came. */
  #came(place: number): void {
    // An exchange that went out behind the enqueue, in this process, has seen it.
    if (place <= this.#seen) return;
    if (this.#wakes.size > 0) this.wake();
    else this.#announced = place;
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
      return nothing.heard === this.#heard && this.#announced <= this.#seen
        ? nothing.dueAt - this.#parts.clock.monotonic()
        : 0;
    const [has, due] = await this.#parts.scripts.await();
    if (has === 1) return 0;
    return due < 0 ? Infinity : due;
  }

  close(): void {
    this.#closed = true;
    this.#hears = false;
    this.wake();
    this.#subscription?.then(
      (unsubscribe) => unsubscribe(),
      () => {},
    );
    this.#subscription = undefined;
  }

  async #subscribe(): Promise<void> {
    const { connection, scripts, name } = this.#parts;
    if (this.#closed) return;
    const wake = (): void => this.wake();
    const message = (text: string): void => {
      if (text.startsWith(JOB_CAME)) this.#came(Number(text.slice(JOB_CAME.length)));
      else this.wake();
    };
    this.#subscription ??= connection
      .subscribe(scripts.keys.wakeChannel, { message, resumed: wake }, name)
      .catch((error: unknown) => {
        this.#subscription = undefined;
        throw error;
      });
    await this.#subscription;
    this.#hears = !this.#closed;
  }
}
