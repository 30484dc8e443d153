import {
  ClosedError,
  type Clock,
  type JsonValue,
  type Page,
  type PutOptions,
  type PutOutcome,
  type StateBucket,
  type StateEntry,
  type StateStoreProtocol,
  type TakeTokensOutcome,
  TaskConfigError,
  unknownKeys,
} from "@lexigram/contracts";
import { StateBuckets } from "./state-buckets.ts";
import { StateEntries } from "./state-entries.ts";
import { StatePermits } from "./state-permits.ts";
import { StateTopics, type Subscription } from "./state-topics.ts";
import { frozenCopy, refuse } from "./state-values.ts";

const MAX_KEY = 512;
const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 100;

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
  readonly #subscriptions = new Set<Subscription>();
  #closed = false;

  constructor(options: MemoryStateStoreOptions) {
    for (const { key, nearest } of unknownKeys(options, ["clock", "data"]))
      throw new TaskConfigError(
        `MemoryStateStore has no option "${key}"`,
        { path: key },
        nearest === undefined ? {} : { hint: `did you mean "${nearest}"?` },
      );
    this.#clock = options.clock;
    this.data = options.data ?? new MemoryState();
  }

  async get(key: string): Promise<StateEntry | undefined> {
    const now = this.#begin(key);
    return this.data.entries.get(key, now);
  }

  async put(key: string, value: JsonValue, options?: PutOptions): Promise<PutOutcome> {
    const now = this.#begin(key);
    const deadline = options?.ttlMs === undefined ? Infinity : now + span(options.ttlMs, "ttlMs");
    const kept = frozenCopy(value, "value");
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
    const now = this.#begin(key);
    return this.data.entries.touch(key, now + span(options.ttlMs, "ttlMs"), options.ifVersion, now);
  }

  async delete(key: string, options?: { readonly ifVersion?: number }): Promise<boolean> {
    const now = this.#begin(key);
    return this.data.entries.delete(key, options?.ifVersion, now);
  }

  async list(
    prefix: string,
    page?: { readonly cursor?: string; readonly limit?: number },
  ): Promise<Page<StateEntry>> {
    const now = this.#begin();
    text(prefix, "prefix", 0);
    const limit = page?.limit ?? DEFAULT_PAGE;
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE)
      refuse("limit", `must be a whole number from 1 to ${MAX_PAGE}`);
    if (page?.cursor !== undefined) text(page.cursor, "cursor", 1);
    const items = this.data.entries.list(prefix, page?.cursor, limit + 1, now);
    if (items.length <= limit) return { items };
    items.pop();
    return { items, cursor: (items[limit - 1] as StateEntry).key };
  }

  async increment(key: string, by: number, options?: { readonly ttlMs?: number }): Promise<number> {
    const now = this.#begin(key);
    if (!Number.isFinite(by)) refuse("by", "must be a finite number");
    const deadline = options?.ttlMs === undefined ? Infinity : now + span(options.ttlMs, "ttlMs");
    const current = this.data.entries.get(key, now);
    const before = current === undefined ? 0 : current.value;
    if (typeof before !== "number") refuse("key", "holds a value that is not a number");
    const sum = before + by;
    if (!Number.isFinite(sum)) refuse("by", "takes the sum out of range");
    this.data.entries.write(key, sum === 0 ? 0 : sum, current === undefined ? deadline : undefined, now);
    return sum;
  }

  async takeTokens(buckets: readonly StateBucket[], n: number): Promise<TakeTokensOutcome> {
    const now = this.#begin();
    whole(n, "n", 0);
    const seen = new Set<string>();
    for (const [i, { key, rate, perMs, burst }] of buckets.entries()) {
      text(key, `buckets.${i}.key`, 1);
      if (seen.has(key)) refuse(`buckets.${i}.key`, "names a bucket twice");
      seen.add(key);
      span(rate, `buckets.${i}.rate`);
      span(perMs, `buckets.${i}.perMs`);
      if (!Number.isFinite(burst) || burst < 1) refuse(`buckets.${i}.burst`, "must be at least 1");
    }
    return this.data.buckets.take(buckets, n, now);
  }

  async acquire(
    key: string,
    request: { readonly holder: string; readonly limit: number; readonly n: number; readonly ttlMs: number },
  ): Promise<number> {
    const now = this.#begin(key);
    text(request.holder, "holder", 1);
    whole(request.limit, "limit", 0);
    whole(request.n, "n", 0);
    span(request.ttlMs, "ttlMs");
    return this.data.permits.acquire(key, request, now);
  }

  async release(key: string, request: { readonly holder: string; readonly n?: number }): Promise<number> {
    const now = this.#begin(key);
    text(request.holder, "holder", 1);
    if (request.n !== undefined) whole(request.n, "n", 0);
    return this.data.permits.release(key, request, now);
  }

  async publish(topic: string, message: JsonValue): Promise<void> {
    this.#begin(topic);
    this.data.topics.publish(topic, frozenCopy(message, "message"));
  }

  async subscribe(topic: string, signal: AbortSignal): Promise<AsyncIterable<JsonValue>> {
    this.#begin(topic);
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

  /** What every call does first. @returns the store's time. */
  #begin(key?: string): number {
    if (this.#closed) throw new ClosedError({ resource: "the memory state store" });
    if (key !== undefined) text(key, "key", 1);
    const now = this.#clock.monotonic();
    this.data.entries.sweep(now, SWEEP);
    this.data.buckets.sweep(now, SWEEP);
    this.data.permits.sweep(now, SWEEP);
    return now;
  }
}

function text(value: string, path: string, least: number): void {
  if (typeof value !== "string" || value.length < least || value.length > MAX_KEY)
    refuse(path, `must be a text of ${least} to ${MAX_KEY} characters`);
}

function whole(value: number, path: string, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    refuse(path, `must be a whole number of at least ${least}`);
}

function span(value: number, path: string): number {
  if (!Number.isFinite(value) || value <= 0) refuse(path, "must be a finite number above 0");
  return value;
}
