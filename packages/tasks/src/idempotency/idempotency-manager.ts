import {
  type Clock,
  type Duration,
  functionOption,
  type JsonValue,
  LockTimeoutError,
  type LockWaitOptions,
  type Logger,
  type Random,
  refuseUnknownOptions,
  refuseUnless,
  RemoteTaskError,
  type SerializedError,
  serializeError,
  serviceOption,
  shown,
  signalOption,
  silentLogger,
  spanOption,
  type StateStoreProtocol,
  systemClock,
  systemRandom,
} from "@lexigram/contracts";
import { JobIds } from "../job/job-id.ts";
import { LockHold } from "../lock/lock-hold.ts";
import { ttlOption } from "../lock/state-lock.ts";
import { dateOf } from "../schedule/instant.ts";
import { digestOf } from "./canonical-json.ts";
import {
  type FoundIdempotency,
  IdempotencyStore,
  type IdempotencyStatus,
  LONGEST_IDEMPOTENCY_KEY,
  type StoredIdempotency,
} from "./idempotency-store.ts";
import { untilTold } from "./until-told.ts";

export interface IdempotencyManagerOptions {
  /** Where records are kept; who shares it shares them. */
  readonly state: StateStoreProtocol;
  /** How long a record is kept once its work is over. Default `"1d"`. */
  readonly ttl?: Duration;
  /** How long a record of work that nobody renews stands in the way of others. Default `"60s"`, renewed at a third. */
  readonly lease?: Duration;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}

/** How a key is acquired. */
export interface IdempotencyOptions {
  /** Default: the manager's. */
  readonly ttl?: Duration;
  /** Default: the manager's. 100 ms at least. */
  readonly lease?: Duration;
  /** Whether work that failed may be begun again (default), or stays failed until its record ends. */
  readonly onFailed?: "retry" | "keep";
}

/** What is known of a key. */
export interface IdempotencyRecord {
  readonly key: string;
  readonly status: IdempotencyStatus;
  readonly createdAt: Date;
  /** Of what is completed. */
  readonly result?: unknown;
  /** Of what has failed. */
  readonly error?: SerializedError;
  /** Of a task that was submitted: its job. */
  readonly job?: { readonly queue: string; readonly id: string };
}

/** The right to do the work of a key, and to say how it ended. It is renewed until then. */
export interface IdempotencyClaim {
  readonly key: string;
  /** Rises with every claim of the key. */
  readonly fencing: number;
  /** Whether it is held, by this process's own reckoning. */
  readonly held: boolean;
  /** Aborted, with a `LockLostError`, when somebody else may have the key. */
  readonly signal: AbortSignal;
}

export type IdempotencyAcquisition =
  | { readonly acquired: true; readonly claim: IdempotencyClaim }
  | { readonly acquired: false; readonly record: IdempotencyRecord };

class Claim implements IdempotencyClaim {
  readonly key: string;
  readonly begun: StoredIdempotency;
  readonly hold: LockHold;

  constructor(key: string, begun: StoredIdempotency, hold: LockHold) {
    this.key = key;
    this.begun = begun;
    this.hold = hold;
  }

  get fencing(): number {
    return this.hold.fencing;
  }

  get held(): boolean {
    return this.hold.isHeld;
  }

  get signal(): AbortSignal {
    return this.hold.signal;
  }
}

const OPTION_KEYS = ["state", "ttl", "lease", "clock", "random", "logger"];
const ACQUIRE_KEYS = ["ttl", "lease", "onFailed"] as const;
const RUN_KEYS = [...ACQUIRE_KEYS, "waitTimeout", "signal"] as const;
const DEFAULT_TTL_MS = 86_400_000;
const DEFAULT_LEASE_MS = 60_000;

/**
 * Does work once for each key, over all processes that share a state store: whoever acquires a key does the work, all
 * others are told that it is in progress, completed with its result, or failed. Injected by its class; all methods may
 * run concurrently. While the store cannot be reached they reject, and nothing is begun.
 *
 * Of a process that died at its work nobody knows how far it came: the key is free after its lease, and the work is done
 * again. What must not happen twice even then belongs into one transaction with its mark.
 */
export class IdempotencyManager {
  readonly #store: IdempotencyStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ids: JobIds;
  readonly #ttlMs: number;
  readonly #leaseMs: number;

  /** @throws TaskConfigError for an option that is unknown, missing or out of range. */
  constructor(options: IdempotencyManagerOptions) {
    const owner = "IdempotencyManager";
    refuseUnknownOptions(owner, options, OPTION_KEYS);
    this.#store = new IdempotencyStore(serviceOption(owner, "state", "state store", options.state));
    this.#clock = serviceOption(owner, "clock", "clock", options.clock ?? systemClock);
    this.#logger = serviceOption(owner, "logger", "logger", options.logger ?? silentLogger);
    this.#ids = new JobIds(functionOption(owner, "random", options.random ?? systemRandom));
    this.#ttlMs = spanOption(owner, "ttl", options.ttl ?? DEFAULT_TTL_MS, { above: 0 });
    this.#leaseMs = ttlOption(owner, "lease", options.lease ?? DEFAULT_LEASE_MS);
  }

  /**
   * The key of a task and an input: that which the client gave, or one that is the same for equal inputs.
   *
   * @throws TaskValidationError when the client's is no text of 1 to 450 characters with the task's name.
   */
  generateKey(taskName: string, input?: unknown, clientKey?: string): string {
    return checkIdempotencyKey(
      clientKey === undefined ? `${taskName}:#${digestOf(input)}` : `${taskName}:${clientKey}`,
    );
  }

  /**
   * Takes a key in one step, when nobody has it.
   *
   * @returns the claim, or the record of who has or had it.
   * @throws TaskValidationError for a key that is none; TaskConfigError for a wrong option; what the store rejects with.
   */
  async acquire(key: string, options: IdempotencyOptions = {}): Promise<IdempotencyAcquisition> {
    refuseUnknownOptions("IdempotencyManager.acquire", options, ACQUIRE_KEYS);
    return this.#acquire(checkIdempotencyKey(key), options);
  }

  /**
   * Says that the work of a claim is done.
   *
   * @param result what duplicates get; must be data that JSON holds.
   * @returns whether it counts: false when the claim was lost and the key taken by another.
   */
  async complete(claim: IdempotencyClaim, result?: unknown): Promise<boolean> {
    const { begun } = claimOf(claim);
    return this.#end(claim, {
      ...begun,
      status: "completed",
      ...(result === undefined ? {} : { result: result as JsonValue }),
    });
  }

  /** Says that the work of a claim has failed. @returns as `complete` does. */
  async fail(claim: IdempotencyClaim, error: unknown): Promise<boolean> {
    const { begun } = claimOf(claim);
    return this.#end(claim, { ...begun, status: "failed", error: serializeError(error) });
  }

  /** Gives a key back as if nothing had been begun. @returns whether the claim was still there. */
  async release(claim: IdempotencyClaim): Promise<boolean> {
    const { key, hold, fencing } = claimOf(claim);
    if (!hold.finish()) return false;
    const isGone = await this.#store.delete(key, fencing);
    this.#store.tell(key);
    return isGone;
  }

  /** What is known of a key; `undefined` when nothing is. */
  async checkDuplicate(key: string): Promise<IdempotencyRecord | undefined> {
    const found = await this.#store.get(checkIdempotencyKey(key));
    return found && recordOf(key, found.stored);
  }

  /** Forgets a key, so that its work is done again. @returns whether there was a record. */
  async forget(key: string): Promise<boolean> {
    const isGone = await this.#store.delete(checkIdempotencyKey(key));
    if (isGone) this.#store.tell(key);
    return isGone;
  }

  /**
   * Does work once for a key. A duplicate waits for the one that is at it and gets its result.
   *
   * @param work is to stop on `claim.signal`. What it gives is stored, so it must be data that JSON holds.
   * @param options `waitTimeout` bounds the wait of a duplicate.
   * @returns the result of the one who did the work.
   * @throws what `work` throws, which is noted as failed; RemoteTaskError for a duplicate of work that has failed, with
   *   `onFailed: "keep"`; LockLostError when the claim was lost before the work was over; LockTimeoutError after
   *   `waitTimeout`; the reason of `signal`.
   */
  async run<T>(
    key: string,
    work: (claim: IdempotencyClaim) => T | Promise<T>,
    options: IdempotencyOptions & LockWaitOptions = {},
  ): Promise<T> {
    const owner = "IdempotencyManager.run";
    refuseUnknownOptions(owner, options, RUN_KEYS);
    functionOption(owner, "work", work);
    signalOption(owner, options.signal);
    const { waitTimeout, signal } = options;
    const waitMs = waitTimeout === undefined ? Infinity : spanOption(owner, "waitTimeout", waitTimeout);
    checkIdempotencyKey(key);
    const deadline = this.#clock.monotonic() + waitMs;
    for (;;) {
      signal?.throwIfAborted();
      const acquired = await this.#acquire(key, options);
      if (acquired.acquired) return this.#work(acquired.claim, work);
      const { status, result, error } = acquired.record;
      if (status === "completed") return result as T;
      if (status === "failed")
        throw new RemoteTaskError({
          jobId: key,
          error: error ?? { name: "Error", message: "it left no error" },
        });
      const leftMs = deadline - this.#clock.monotonic();
      if (leftMs <= 0) throw new LockTimeoutError({ key: `idempotency:${key}`, waitedMs: waitMs });
      await untilTold(this.#store, key, { clock: this.#clock, atMostMs: leftMs, signal });
    }
  }

  async #work<T>(claim: IdempotencyClaim, work: (claim: IdempotencyClaim) => T | Promise<T>): Promise<T> {
    let value: T;
    try {
      value = await work(claim);
    } catch (error) {
      await this.fail(claim, error).catch((cause: unknown) => this.#unsaid(claim.key, cause));
      throw error;
    }
    if (!(await this.complete(claim, value))) throw claimOf(claim).hold.lost;
    return value;
  }

  #unsaid(key: string, cause: unknown): void {
    this.#logger.warn("a failure could not be noted; its key is free after its lease", {
      key,
      error: serializeError(cause),
    });
  }

  async #acquire(key: string, options: IdempotencyOptions): Promise<IdempotencyAcquisition> {
    const owner = `idempotency key "${key}"`;
    const { ttl, lease, onFailed = "retry" } = options;
    refuseUnless(["retry", "keep"].includes(onFailed), owner, "onFailed", 'must be "retry" or "keep"');
    const leaseMs = lease === undefined ? this.#leaseMs : ttlOption(owner, "lease", lease);
    const stored: StoredIdempotency = {
      v: 1,
      status: "in_progress",
      owner: this.#ids.next(),
      createdAt: this.#clock.now(),
      ttlMs: ttl === undefined ? this.#ttlMs : spanOption(owner, "ttl", ttl, { above: 0 }),
    };
    let condition: { readonly ifAbsent: true } | { readonly ifVersion: number } = { ifAbsent: true };
    for (;;) {
      const sentAt = this.#clock.monotonic();
      const outcome = await this.#store.put(key, stored, leaseMs, condition);
      if (outcome.version !== undefined)
        return {
          acquired: true,
          claim: this.#claim(key, stored, { fencing: outcome.version, sentAt }, leaseMs),
        };
      const { current } = outcome;
      if (current !== undefined && !mayBeginAgain(current, onFailed))
        return { acquired: false, record: recordOf(key, current.stored) };
      // It ended, or failed, between two looks.
      condition = current === undefined ? { ifAbsent: true } : { ifVersion: current.version };
    }
  }

  #claim(
    key: string,
    begun: StoredIdempotency,
    grant: { readonly fencing: number; readonly sentAt: number },
    leaseMs: number,
  ): Claim {
    const hold = new LockHold(
      {
        store: this.#store,
        clock: this.#clock,
        logger: this.#logger,
        key,
        renew: true,
        onOver: () => undefined,
      },
      grant,
      leaseMs,
    );
    return new Claim(key, begun, hold);
  }

  async #end(given: IdempotencyClaim, stored: StoredIdempotency): Promise<boolean> {
    const { key, hold, fencing, begun } = claimOf(given);
    const outcome = await this.#store.put(key, stored, begun.ttlMs, { ifVersion: fencing });
    hold.finish();
    if (outcome.version !== undefined) {
      this.#store.tell(key);
      return true;
    }
    // A call whose answer was lost may have said it already.
    const { current } = outcome;
    return current?.stored.owner === begun.owner && current.stored.status === stored.status;
  }
}

function mayBeginAgain({ stored }: FoundIdempotency, onFailed: "retry" | "keep"): boolean {
  return stored.status === "failed" && onFailed === "retry" && stored.job === undefined;
}

function claimOf(claim: IdempotencyClaim): Claim {
  refuseUnless(claim instanceof Claim, "IdempotencyManager", "claim", "must be one that acquire() gave");
  return claim as Claim;
}

/** @throws TaskValidationError */
export function checkIdempotencyKey(key: string): string {
  const isKey = typeof key === "string" && key !== "" && key.length <= LONGEST_IDEMPOTENCY_KEY;
  const given = typeof key === "string" ? `one of ${key.length}` : shown(key);
  const rule = `is a text of 1 to ${LONGEST_IDEMPOTENCY_KEY} characters, not ${given}`;
  refuseUnless(isKey, "idempotency", "key", rule);
  return key;
}

function recordOf(key: string, stored: StoredIdempotency): IdempotencyRecord {
  const { status, createdAt, result, error, job } = stored;
  return {
    key,
    status,
    createdAt: dateOf(createdAt),
    ...(result === undefined ? {} : { result }),
    ...(error === undefined ? {} : { error }),
    ...(job === undefined ? {} : { job: { queue: job.queue, id: job.id } }),
  };
}
