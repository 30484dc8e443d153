import {
  type DistributedLockProtocol,
  type Duration,
  LockTimeoutError,
  type LockWaitOptions,
  refuseUnknownOptions,
  refuseUnless,
  serializeError,
  signalOption,
  spanOption,
} from "@lexigram/contracts";
import { type HoldParts, LockHold } from "./lock-hold.ts";
import type { Grant, LockStore } from "./lock-store.ts";
import { waitForLock } from "./lock-wait.ts";

export interface StateLockParts extends Omit<HoldParts, "onOver" | "store"> {
  readonly store: LockStore;
  /** A name for one hold, which no other has. */
  readonly nextHolder: () => string;
  readonly ttlMs: number;
  /** Ends all waits. */
  readonly closing: AbortSignal;
  /** Is told of each hold, so that it can be given back when the application ends. */
  readonly onHeld: (lock: StateLock, held: boolean) => void;
}

const WAIT_KEYS = ["waitTimeout", "signal"] as const;
const SHORTEST_TTL_MS = 100;

/** @throws TaskConfigError for a time shorter than 100 ms. */
export function ttlOption(owner: string, path: string, ttl: Duration): number {
  return spanOption(owner, path, ttl, { above: SHORTEST_TTL_MS - 1 });
}

const NEVER = new AbortController().signal;

/** A lock in a state store, as `DistributedLockProtocol` describes it. Made by `LockManager.lock`. */
export class StateLock implements DistributedLockProtocol {
  readonly key: string;
  readonly #parts: StateLockParts;
  #hold: LockHold | undefined;
  #holder = "";
  /** Between the beginning of a try and its end. */
  #taking = false;

  constructor(parts: StateLockParts) {
    this.key = parts.key;
    this.#parts = parts;
  }

  get fencing(): number {
    return this.#hold?.fencing ?? 0;
  }

  get held(): boolean {
    return this.#hold?.isHeld === true;
  }

  get signal(): AbortSignal {
    return this.#hold?.signal ?? NEVER;
  }

  async acquire(options: LockWaitOptions = {}): Promise<void> {
    refuseUnknownOptions("lock.acquire", options, WAIT_KEYS);
    const { waitTimeout, signal } = options;
    signalOption("lock.acquire", signal);
    const waitMs =
      waitTimeout === undefined ? undefined : spanOption("lock.acquire", "waitTimeout", waitTimeout);
    await this.#taken(async (holder) => {
      const { store, clock, key, ttlMs, closing } = this.#parts;
      signal?.throwIfAborted();
      closing.throwIfAborted();
      const beganAt = clock.monotonic();
      const { grant } = await store.take(key, holder, ttlMs);
      if (grant !== undefined) return grant;
      const leftMs = waitMs === undefined ? undefined : waitMs - (clock.monotonic() - beganAt);
      if (leftMs !== undefined && leftMs <= 0) throw new LockTimeoutError({ key, waitedMs: waitMs ?? 0 });
      return waitForLock(store, clock, { key, holder, ttlMs, waitMs: leftMs, signal, closing });
    });
  }

  async tryAcquire(): Promise<boolean> {
    return this.#taken(async (holder) => {
      const { store, key, ttlMs, closing } = this.#parts;
      closing.throwIfAborted();
      return (await store.take(key, holder, ttlMs)).grant;
    });
  }

  async isHeld(): Promise<boolean> {
    const { store, key } = this.#parts;
    return this.held && (await store.isHeld(key, this.fencing)) && this.held;
  }

  async extend(ttl?: Duration): Promise<boolean> {
    const ttlMs = ttl === undefined ? undefined : ttlOption("lock.extend", "ttl", ttl);
    return (await this.#hold?.extend(ttlMs)) ?? false;
  }

  async release(): Promise<boolean> {
    const hold = this.#hold;
    if (hold === undefined || !hold.finish()) return false;
    const { store, key } = this.#parts;
    return store.release(key, this.#holder, hold.fencing);
  }

  throwIfLost(): void {
    if (this.#hold?.isLost === true) throw this.#hold.lost;
  }

  /** Gives it back if it is held. Never rejects: what the store did not hear ends with its time. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      const { logger, key } = this.#parts;
      logger.warn("a lock could not be given back; it ends with its time", {
        key,
        error: serializeError(error),
      });
    }
  }

  async #taken(take: (holder: string) => Promise<Grant | undefined>): Promise<boolean> {
    refuseUnless(
      !this.held && !this.#taking,
      `lock "${this.key}"`,
      "",
      "this object holds it already, or is about to; another holder needs an object of its own",
    );
    this.#taking = true;
    try {
      const { nextHolder, ttlMs, onHeld, closing, store, key } = this.#parts;
      // One hold, one name: a hold that was lost here and not yet there must not be taken up again under its old number.
      const holder = nextHolder();
      const grant = await take(holder);
      if (grant === undefined) return false;
      if (closing.aborted) {
        await store.release(key, holder, grant.fencing).catch(() => false);
        throw closing.reason;
      }
      this.#holder = holder;
      onHeld(this, true);
      this.#hold = new LockHold({ ...this.#parts, onOver: () => onHeld(this, false) }, grant, ttlMs);
      return true;
    } finally {
      this.#taking = false;
    }
  }
}
