import {
  type Clock,
  ClosedError,
  type DistributedLockProtocol,
  type Duration,
  functionOption,
  type Logger,
  type LockWaitOptions,
  type Random,
  refuseUnknownOptions,
  refuseUnless,
  serviceOption,
  shown,
  silentLogger,
  spanOption,
  type StateStoreProtocol,
  systemClock,
  systemRandom,
} from "@lexigram/contracts";
import { JobIds } from "../job/job-id.ts";
import { LockStore, LONGEST_LOCK_KEY } from "./lock-store.ts";
import { StateLock, ttlOption } from "./state-lock.ts";

/** How a lock is held. */
export interface LockOptions {
  /**
   * How long the store keeps a hold that nobody renews: after so long the lock of a holder that died is free. 100 ms at
   * least. Default: the manager's, `"60s"`.
   */
  readonly ttl?: Duration;
  /** Whether it is renewed, at a third of its time, until it is given back. Default true; without it the hold ends after `ttl`. */
  readonly renew?: boolean;
}

export interface LockManagerOptions {
  /** Where locks are kept; who shares it shares them. */
  readonly state: StateStoreProtocol;
  /** Of locks that name none. Default `"60s"`. */
  readonly ttl?: Duration;
  /** The longest time between two looks of who waits for a lock; mostly it is told sooner. Default `"1s"`. */
  readonly pollInterval?: Duration;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}

const OPTION_KEYS = ["state", "ttl", "pollInterval", "clock", "random", "logger"];
const DEFAULT_TTL_MS = 60_000;
const DEFAULT_POLL_MS = 1_000;
const HOLD_KEYS = ["ttl", "renew"] as const;
const ACQUIRE_KEYS = [...HOLD_KEYS, "waitTimeout", "signal"] as const;

/**
 * Locks over all processes that share a state store. Injected by its class. All methods may run concurrently.
 *
 * A lock says who may work now; it cannot stop a holder that stood still and goes on. That holder's `signal` is aborted
 * as soon as it looks, and its `fencing` number is lower than the next one's: let whatever is written to refuse it.
 */
export class LockManager {
  readonly #store: LockStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ttlMs: number;
  readonly #ids: JobIds;
  readonly #closing = new AbortController();
  readonly #held = new Set<StateLock>();

  /** @throws TaskConfigError for an option that is unknown, missing or out of range. */
  constructor(options: LockManagerOptions) {
    refuseUnknownOptions("LockManager", options, OPTION_KEYS);
    const { ttl = DEFAULT_TTL_MS, pollInterval = DEFAULT_POLL_MS } = options;
    const state = serviceOption("LockManager", "state", "state store", options.state);
    this.#clock = serviceOption("LockManager", "clock", "clock", options.clock ?? systemClock);
    this.#logger = serviceOption("LockManager", "logger", "logger", options.logger ?? silentLogger);
    this.#ids = new JobIds(functionOption("LockManager", "random", options.random ?? systemRandom));
    this.#ttlMs = ttlOption("LockManager", "ttl", ttl);
    const pollMs = spanOption("LockManager", "pollInterval", pollInterval, { above: 0 });
    this.#store = new LockStore(state, this.#clock, pollMs);
  }

  /**
   * A lock that is not held yet; each object is a holder of its own.
   *
   * @param key 1 to 450 characters.
   * @throws TaskValidationError for a key that is none; TaskConfigError for an option that is unknown or out of range.
   */
  lock(key: string, options: LockOptions = {}): DistributedLockProtocol {
    refuseUnknownOptions("LockManager.lock", options, HOLD_KEYS);
    return this.#lock(key, options);
  }

  /**
   * Waits until a lock is held.
   *
   * @returns the lock, to be given back with `release()` or `await using`.
   * @throws as `lock` does, and as `DistributedLockProtocol.acquire` does.
   */
  async acquire(key: string, options: LockOptions & LockWaitOptions = {}): Promise<DistributedLockProtocol> {
    refuseUnknownOptions("LockManager.acquire", options, ACQUIRE_KEYS);
    const { ttl: _ttl, renew: _renew, ...wait } = options;
    const lock = this.#lock(key, options);
    await lock.acquire(wait);
    return lock;
  }

  /** Takes a lock if nobody holds it. @returns the lock, or `undefined`. Throws as `acquire` does. */
  async tryAcquire(key: string, options: LockOptions = {}): Promise<DistributedLockProtocol | undefined> {
    const lock = this.lock(key, options);
    return (await lock.tryAcquire()) ? lock : undefined;
  }

  /**
   * Runs `work` while a lock is held, and gives it back.
   *
   * @param work is to stop on `lock.signal`.
   * @returns what it gives.
   * @throws as `acquire` does; what `work` throws; LockLostError when the lock was lost before `work` was over, for then
   *   somebody else may have worked beside it.
   */
  async withLock<T>(
    key: string,
    work: (lock: DistributedLockProtocol) => T | Promise<T>,
    options: LockOptions & LockWaitOptions = {},
  ): Promise<T> {
    functionOption("LockManager.withLock", "work", work);
    await using lock = await this.acquire(key, options);
    const value = await work(lock);
    lock.throwIfLost();
    return value;
  }

  /** Ends all waits with `ClosedError` and gives back what is held. Idempotent; never rejects. */
  async close(): Promise<void> {
    this.#closing.abort(new ClosedError({ resource: "the lock manager" }));
    await Promise.all([...this.#held].map((lock) => lock[Symbol.asyncDispose]()));
  }

  #lock(key: string, { ttl, renew = true }: LockOptions): StateLock {
    const isKey = typeof key === "string" && key !== "" && key.length <= LONGEST_LOCK_KEY;
    const given = typeof key === "string" ? `one of ${key.length}` : shown(key);
    refuseUnless(isKey, "lock", "key", `is a text of 1 to ${LONGEST_LOCK_KEY} characters, not ${given}`);
    return new StateLock({
      key,
      ttlMs: ttl === undefined ? this.#ttlMs : ttlOption(`lock "${key}"`, "ttl", ttl),
      renew,
      store: this.#store,
      clock: this.#clock,
      logger: this.#logger,
      closing: this.#closing.signal,
      nextHolder: () => this.#ids.next(),
      onHeld: (lock, isHeld) => void (isHeld ? this.#held.add(lock) : this.#held.delete(lock)),
    });
  }
}
