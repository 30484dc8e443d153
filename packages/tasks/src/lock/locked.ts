import {
  type DistributedLockProtocol,
  functionOption,
  type LockWaitOptions,
  refuseUnknownOptions,
  TaskConfigError,
  told,
} from "@lexigram/contracts";
import { LockManager, type LockOptions } from "./lock-manager.ts";
import { runningLocks } from "./running-locks.ts";

export interface LockedOptions<A extends readonly unknown[] = readonly unknown[], Self = unknown>
  extends LockOptions, LockWaitOptions {
  /** A fixed text, or one computed from the arguments of each call. */
  readonly key: string | ((...args: A) => string);
  /**
   * Whose locks to take, or what gives them from the object that a method is called on. Default: those of the one
   * application that runs in this process.
   */
  readonly lockManager?: LockManager | ((self: Self) => LockManager);
}

type Method = (...args: never[]) => Promise<unknown>;

/** Makes each call of a method wait for a lock. */
export type LockedMethodDecorator = (
  target: object,
  method: string,
  descriptor: { value?: Method | undefined },
) => void;

const OPTION_KEYS = ["key", "lockManager", "ttl", "renew", "waitTimeout", "signal"] as const;

/**
 * Makes a function whose calls have a lock while they run: one at a time over all processes that share the store. As a
 * decorator, without a function, it does so with a method that gives a promise.
 *
 * @param work gets the lock first, then the arguments of the call; it is to stop on `lock.signal`. A decorated method
 *   gets the lock last, after the arguments of its call.
 * @returns a function that waits for the lock. It rejects, and nothing was run, with LockTimeoutError after
 *   `waitTimeout` and with the reason of `signal`; and with LockLostError when the lock was lost before the work was over.
 * @throws TaskConfigError for a wrong option; on each call, when no `lockManager` is given and not exactly one
 *   application runs here.
 */
export function distributedLock<A extends unknown[], R>(
  options: LockedOptions<A>,
  work: (lock: DistributedLockProtocol, ...args: A) => R | Promise<R>,
): (...args: A) => Promise<R>;
export function distributedLock<A extends unknown[], Self = unknown>(
  options: LockedOptions<A, Self>,
): LockedMethodDecorator;
export function distributedLock(
  options: LockedOptions<unknown[]>,
  work?: (lock: DistributedLockProtocol, ...args: unknown[]) => unknown,
): unknown {
  const owner = "distributedLock";
  refuseUnknownOptions(owner, options, OPTION_KEYS);
  const { key, lockManager, ...hold } = options;
  if (typeof key !== "string") functionOption(owner, "key", key);
  if (lockManager !== undefined && !(lockManager instanceof LockManager))
    functionOption(owner, "lockManager", lockManager);
  const locked = (self: unknown, args: unknown[], run: (lock: DistributedLockProtocol) => unknown) => {
    const locks = typeof lockManager === "function" ? lockManager(self) : (lockManager ?? runningLocks());
    return locks.withLock(typeof key === "string" ? key : key(...args), run, hold);
  };
  if (work !== undefined) {
    functionOption(owner, "work", work);
    return async (...args: unknown[]) => locked(undefined, args, (lock) => work(lock, ...args));
  }
  return (_target: object, method: string, descriptor?: { value?: unknown }): void => {
    const inner = descriptor?.value;
    if (descriptor === undefined || typeof inner !== "function")
      throw new TaskConfigError(
        `@distributedLock stands on "${method}", which is no method but ${told(inner)}`,
        { path: method },
        { hint: "put it on a method of a class, or pass a function as its second argument" },
      );
    descriptor.value = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
      return locked(this, args, (lock) => inner.call(this, ...args, lock) as unknown);
    };
  };
}
