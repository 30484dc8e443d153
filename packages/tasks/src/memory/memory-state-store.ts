import {
  checkAcquire,
  checkBuckets,
  checkRelease,
  checkStateKey,
  checkStateListing,
  checkStateOptions,
  checkSubscribe,
  checkSummand,
  type Clock,
  ClosedError,
  frozenJson,
  type JsonValue,
  type Page,
  type PutOptions,
  type PutOutcome,
  refuseStateCall,
  refuseUnknownOptions,
  serviceOption,
  type StateBucket,
  type StateEntry,
  type StateStoreProtocol,
  type TakeTokensOutcome,
  type TopicSubscription,
} from "@lexigram/contracts";
import { StateBuckets } from "./state-buckets.ts";
import { StateEntries } from "./state-entries.ts";
import { StatePermits } from "./state-permits.ts";
import { StateTopics } from "./state-topics.ts";

const DEFAULT_PAGE = 100;

const PUT = ["ttlMs", "ifAbsent", "ifVersion"] as const;
const TOUCH = ["ttlMs", "ifVersion"] as const;
const DELETE = ["ifVersion"] as const;
const INCREMENT = ["ttlMs"] as const;

/** Ended things that one call forgets at most, beyond those it meets itself: more than it can add. */
const SWEEP = 8;

/** What a {@link MemoryStateStore} holds. Several stores over one of these are like several processes on one server. */
export class MemoryState {
  readonly entries = new StateEntries();
  readonly buckets = new StateBuckets();
  readonly permits = new StatePermits();
  readonly topics = new StateTopics();
}

export interface MemoryStateStoreOptions {
  /** The store's time: deadlines and refills go by its monotonic side. */
  readonly clock: Clock;
  /** What to work on; by default something empty of its own. */
  readonly data?: MemoryState;
}

/**
 * The state store in this process: the reference model of the others. Values go in as frozen copies, so nobody
 * shares an object that can change. What has ended is forgotten when a call meets it, and a few at each call besides;
 * there are no timers.
 *
 * All methods may be called concurrently; each is one atomic step. After `close` they reject with `ClosedError`.
 *
 * @throws TaskConfigError from the constructor, for an unknown option.
 */
export class MemoryStateStore implements StateStoreProtocol {
  readonly data: MemoryState;
  readonly #clock: Clock;
  readonly #subscriptions = new Set<TopicSubscription>();
  #closed = false;

  constructor(options: MemoryStateStoreOptions) {
    refuseUnknownOptions("MemoryStateStore", options, ["clock", "data"]);
    this.#clock = serviceOption("MemoryStateStore", "clock", "clock", options.clock);
    this.data = options.data ?? new MemoryState();
  }

  async get(key: string): Promise<StateEntry | undefined> {
    const now = this.#beginOn(key);
    return this.data.entries.get(key, now);
  }

  async put(key: string, value: JsonValue, options?: PutOptions): Promise<PutOutcome> {
    const now = this.#beginOn(key);
    checkStateOptions(options, PUT);
    const deadline = options?.ttlMs === undefined ? Infinity : now + options.ttlMs;
    const kept = frozenJson(value, "value");
    if (options?.ifAbsent === true || options?.ifVersion !== undefined) {
      const current = this.data.entries.get(key, now);
      if (options.ifAbsent === true && current !== undefined) return { stored: false, current };
      if (options.ifVersion !== undefined && current?.version !== options.ifVersion)
        return current === undefined ? { stored: false } : { stored: false, current };
    }
    return { stored: true, version: this.data.entries.write(key, kept, deadline, now) };
  }

  async touch(
    key: string,
    options: { readonly ttlMs: number; readonly ifVersion?: number },
  ): Promise<boolean> {
    const now = this.#beginOn(key);
    checkStateOptions(options, TOUCH, "ttlMs");
    return this.data.entries.touch(key, now + options.ttlMs, options.ifVersion, now);
  }

  async delete(key: string, options?: { readonly ifVersion?: number }): Promise<boolean> {
    const now = this.#beginOn(key);
    checkStateOptions(options, DELETE);
    return this.data.entries.delete(key, options?.ifVersion, now);
  }

  async list(
    prefix: string,
    page?: { readonly cursor?: string; readonly limit?: number },
  ): Promise<Page<StateEntry>> {
    const now = this.#begin();
    checkStateListing(prefix, page);
    const limit = page?.limit ?? DEFAULT_PAGE;
    const items = this.data.entries.list(prefix, page?.cursor, limit + 1, now);
    if (items.length <= limit) return { items };
    items.pop();
    return { items, cursor: (items[limit - 1] as StateEntry).key };
  }

  async increment(key: string, by: number, options?: { readonly ttlMs?: number }): Promise<number> {
    const now = this.#beginOn(key);
    checkSummand(by);
    checkStateOptions(options, INCREMENT);
    const deadline = options?.ttlMs === undefined ? Infinity : now + options.ttlMs;
    const current = this.data.entries.get(key, now);
    const before = current === undefined ? 0 : current.value;
    if (typeof before !== "number") refuseStateCall("key", "holds a value that is not a number");
    const sum = before + by;
    if (!Number.isFinite(sum)) refuseStateCall("by", "takes the sum out of range");
    this.data.entries.write(key, sum === 0 ? 0 : sum, current === undefined ? deadline : undefined, now);
    return sum;
  }

  async takeTokens(buckets: readonly StateBucket[], n: number): Promise<TakeTokensOutcome> {
    const now = this.#begin();
    checkBuckets(buckets, n);
    return this.data.buckets.take(buckets, n, now);
  }

  async acquire(
    key: string,
    request: { readonly holder: string; readonly limit: number; readonly n: number; readonly ttlMs: number },
  ): Promise<number> {
    const now = this.#beginOn(key);
    checkAcquire(request);
    return this.data.permits.acquire(key, request, now);
  }

  async release(key: string, request: { readonly holder: string; readonly n?: number }): Promise<number> {
    const now = this.#beginOn(key);
    checkRelease(request);
    return this.data.permits.release(key, request, now);
  }

  async publish(topic: string, message: JsonValue): Promise<void> {
    this.#begin();
    checkStateKey(topic, "topic");
    this.data.topics.publish(topic, frozenJson(message, "message"));
  }

  async subscribe(topic: string, signal: AbortSignal): Promise<AsyncIterable<JsonValue>> {
    this.#begin();
    checkSubscribe(topic, signal);
    let ended = false;
    const subscription = this.data.topics.subscribe(topic, signal, (own) => {
      ended = true;
      this.#subscriptions.delete(own);
    });
    if (!ended) this.#subscriptions.add(subscription);
    return subscription;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.end();
  }

  /** What every call on a key does first. @returns the store's time. */
  #beginOn(key: string): number {
    const now = this.#begin();
    checkStateKey(key);
    return now;
  }

  /** What every call does first. @returns the store's time. */
  #begin(): number {
    if (this.#closed) throw new ClosedError({ resource: "the memory state store" });
    const now = this.#clock.monotonic();
    this.data.entries.sweep(now, SWEEP);
    this.data.buckets.sweep(now, SWEEP);
    this.data.permits.sweep(now, SWEEP);
    return now;
  }
}
