import type { Duration } from "./duration.ts";

/** How long to wait for a lock. Each is a matter of its own, and none of them says how long the lock is held. */
export interface LockWaitOptions {
  /** The longest time to wait; 0: try once. Default: without limit. */
  readonly waitTimeout?: Duration;
  /** Ends the wait with its reason. It does not end the hold. */
  readonly signal?: AbortSignal;
}

/**
 * A lock on one key over all processes that share a state store, as one holder sees it. At most one holder's fencing
 * number is the highest; time is the store's, and the holder's own deadline is never later than the store's.
 *
 * One object is one holder: it holds the lock or not, and does not hold it twice. All methods may run concurrently.
 */
export interface DistributedLockProtocol extends AsyncDisposable {
  readonly key: string;
  /** Rises with every hold of the key, whoever has it; 0 before the first hold of this object. Give it to whatever refuses older ones. */
  readonly fencing: number;
  /** Whether it is held, by this process's own reckoning and without a call: never true after the store let it go. */
  readonly held: boolean;
  /** Aborted, with a `LockLostError`, when the present hold ends without its holder's doing. A hold that is over, or not begun, has the signal of its own. */
  readonly signal: AbortSignal;
  /**
   * Waits until the lock is held: in the order of arrival, as far as the store allows.
   *
   * @throws LockTimeoutError after `waitTimeout`; the reason of `signal` when that is aborted; TaskValidationError when
   *   this object holds it already; UnsupportedError where no store is shared; ClosedError.
   */
  acquire(options?: LockWaitOptions): Promise<void>;
  /** Takes the lock if nobody holds it. @returns whether it is held now. Throws as `acquire` does, and QueueUnavailableError. */
  tryAcquire(): Promise<boolean>;
  /** Asks the store whether this object holds it. */
  isHeld(): Promise<boolean>;
  /**
   * Makes the hold last from now on for `ttl`, which renewals keep to.
   *
   * @param ttl default: as long as before.
   * @returns whether it was held; if not, `signal` is aborted.
   */
  extend(ttl?: Duration): Promise<boolean>;
  /**
   * Gives it back, to who waits longest. When the store cannot be reached it rejects, and the hold ends with its time.
   *
   * @returns whether it was held until now.
   */
  release(): Promise<boolean>;
  /** @throws LockLostError when the hold was lost. */
  throwIfLost(): void;
}
