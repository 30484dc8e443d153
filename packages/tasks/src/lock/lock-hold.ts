import { type Clock, LockLostError, type Logger, serializeError, type Timer } from "@lexigram/contracts";
import type { Grant, LockStore } from "./lock-store.ts";

/** A hold is renewed at a third of its time, so that two renewals may fail. */
const RENEWALS = 3;

export interface HoldParts {
  /** Where the hold is renewed. */
  readonly store: Pick<LockStore, "keep">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly key: string;
  readonly renew: boolean;
  /** Is called once, when the hold is over, for whatever reason. */
  readonly onOver: () => void;
}

/**
 * One hold of a lock, from its grant to its end. Its own deadline counts from when the latest call that gave it time was
 * sent, so it is over here before it is over in the store, whatever the store will say.
 */
export class LockHold {
  readonly fencing: number;
  readonly #parts: HoldParts;
  readonly #abort = new AbortController();
  #ttlMs: number;
  #deadline: number;
  #state: "held" | "lost" | "over" = "held";
  #renewal: Timer | undefined;
  #end: Timer | undefined;

  constructor(parts: HoldParts, grant: Grant, ttlMs: number) {
    this.#parts = parts;
    this.fencing = grant.fencing;
    this.#ttlMs = ttlMs;
    this.#deadline = grant.sentAt + ttlMs;
    this.#arm();
  }

  /** A process that stood still finds out here, before any timer has fired. */
  get isHeld(): boolean {
    if (this.#state === "held" && this.#parts.clock.monotonic() >= this.#deadline) this.lose();
    return this.#state === "held";
  }

  get isLost(): boolean {
    return !this.isHeld && this.#state === "lost";
  }

  get signal(): AbortSignal {
    void this.isHeld;
    return this.#abort.signal;
  }

  get lost(): LockLostError {
    return new LockLostError({ key: this.#parts.key, fencing: this.fencing });
  }

  /** Gives the hold `ttlMs` from now on. @returns whether it was there. */
  async extend(ttlMs: number = this.#ttlMs): Promise<boolean> {
    const { store, clock, key } = this.#parts;
    if (!this.isHeld) return false;
    const sentAt = clock.monotonic();
    const isKept = await store.keep(key, this.fencing, ttlMs);
    if (!this.isHeld) return false;
    if (!isKept) this.lose();
    else {
      this.#ttlMs = ttlMs;
      this.#deadline = sentAt + ttlMs;
      this.#arm();
    }
    return isKept;
  }

  /** Somebody else may hold the lock. */
  lose(): void {
    if (this.#state !== "held") return;
    this.#finish("lost");
    const { logger, key } = this.#parts;
    logger.warn("a lock was lost", { key, fencing: this.fencing });
    this.#abort.abort(this.lost);
  }

  /** The holder gives it back, or stops caring. @returns whether it was held. */
  finish(): boolean {
    const wasHeld = this.isHeld;
    if (wasHeld) this.#finish("over");
    return wasHeld;
  }

  #finish(state: "lost" | "over"): void {
    this.#state = state;
    this.#renewal?.cancel();
    this.#end?.cancel();
    this.#parts.onOver();
  }

  #arm(): void {
    const { clock, renew } = this.#parts;
    const leftMs = this.#deadline - clock.monotonic();
    this.#renewal?.cancel();
    this.#end?.cancel();
    // A lock that nobody gives back keeps no process alive.
    this.#end = clock.setTimer(() => void this.isHeld, leftMs, { keepAlive: false });
    if (renew) this.#renewIn(Math.min(this.#ttlMs / RENEWALS, leftMs));
  }

  #renewIn(ms: number): void {
    this.#renewal = this.#parts.clock.setTimer(() => void this.#renew(), ms, { keepAlive: false });
  }

  async #renew(): Promise<void> {
    try {
      await this.extend();
    } catch (error) {
      const { logger, key } = this.#parts;
      logger.warn("a lock could not be renewed; it is tried again", { key, error: serializeError(error) });
      if (this.isHeld) this.#renewIn(this.#ttlMs / RENEWALS / RENEWALS);
    }
  }
}
