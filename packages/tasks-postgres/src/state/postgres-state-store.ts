import { randomUUID } from "node:crypto";
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
  TopicSubscription,
  checkAcquire,
  checkBuckets,
  checkRelease,
  checkStateKey,
  checkStateListing,
  checkStateOptions,
  checkSubscribe,
  checkSummand,
  frozenJson,
  refuseStateCall,
} from "@lexigram/contracts";
import { fromOrderedText, toOrderedText } from "../connection/ordered-text.ts";
import type { Row } from "../connection/pg-clients.ts";
import type { Statement } from "../connection/statement.ts";
import type { StoredSchema } from "../migrations/stored-schema.ts";
import { toShortText } from "./short-text.ts";
import { readEntry } from "./stored-entry.ts";
import { TopicFeeds } from "./topic-feeds.ts";

const DEFAULT_PAGE = 100;
const SUBJECT = "state";
/** Of the tokens of a bucket, and of the microseconds that one takes: what a double still counts exactly. */
const MOST = 9e15;
const SHORTEST_MICROS = 1e-9;

/** Options of a {@link PostgresStateStore}. */
export interface PostgresStateStoreOptions {
  /** Where to store; whoever opened its database closes it. */
  readonly stored: StoredSchema;
  /** Spaces polls where nothing can be heard. What is stored goes by the server's time. */
  readonly clock: Clock;
}

/** The calls, as the functions that answer them. */
function callsOf(stored: StoredSchema) {
  return {
    get: stored.call("state_get", 1),
    put: stored.call("state_put", 5),
    touch: stored.call("state_touch", 3),
    delete: stored.call("state_delete", 2),
    list: stored.call("state_list", 3),
    increment: stored.call("state_increment", 3),
    takeTokens: stored.call("state_take_tokens", 4),
    acquire: stored.call("state_acquire", 5),
    release: stored.call("state_release", 3),
  };
}

/**
 * The state store on PostgreSQL. Each call is one function and one round trip, judged by the server's time; a page of
 * `list` is of one moment. What has ended is removed by later writes, a few at each. Messages of topics are
 * notifications; behind a pooler they are polled for, five times a second.
 *
 * A call that fails with `QueueUnavailableError` may have been applied unless it says `accepted: "no"`. All methods may
 * be called concurrently. Closing ends subscriptions and leaves the connections open.
 *
 * @throws TaskConfigError from the first call, and once a minute, when what is stored has a newer layout.
 */
export class PostgresStateStore implements StateStoreProtocol {
  readonly #stored: StoredSchema;
  readonly #calls: ReturnType<typeof callsOf>;
  readonly #feeds: TopicFeeds;
  readonly #subscriptions = new Set<TopicSubscription>();
  #closed = false;

  constructor({ stored, clock }: PostgresStateStoreOptions) {
    this.#stored = stored;
    this.#calls = callsOf(stored);
    this.#feeds = new TopicFeeds({ stored, clock, poller: randomUUID() });
  }

  async get(key: string): Promise<StateEntry | undefined> {
    const row = await this.#run(this.#calls.get, [this.#place(key)]);
    return row === undefined ? undefined : readEntry(key, row);
  }

  async put(key: string, value: JsonValue, options?: PutOptions): Promise<PutOutcome> {
    const place = this.#place(key);
    checkStateOptions(options, ["ttlMs", "ifAbsent", "ifVersion"]);
    const json = JSON.stringify(frozenJson(value, "value"));
    const { ttlMs = null, ifAbsent = false, ifVersion = null } = options ?? {};
    const row = await this.#answer(this.#calls.put, [place, json, ttlMs, ifAbsent, ifVersion]);
    if (row["stored"] === true) return { stored: true, version: row["version"] as number };
    return row["value"] === null ? { stored: false } : { stored: false, current: readEntry(key, row) };
  }

  async touch(
    key: string,
    options: { readonly ttlMs: number; readonly ifVersion?: number },
  ): Promise<boolean> {
    const place = this.#place(key);
    checkStateOptions(options, ["ttlMs", "ifVersion"], "ttlMs");
    const { ttlMs, ifVersion = null } = options;
    return (await this.#answer(this.#calls.touch, [place, ttlMs, ifVersion]))["done"] === true;
  }

  async delete(key: string, options?: { readonly ifVersion?: number }): Promise<boolean> {
    const place = this.#place(key);
    checkStateOptions(options, ["ifVersion"]);
    const { ifVersion = null } = options ?? {};
    return (await this.#answer(this.#calls.delete, [place, ifVersion]))["done"] === true;
  }

  async list(
    prefix: string,
    page?: { readonly cursor?: string; readonly limit?: number },
  ): Promise<Page<StateEntry>> {
    this.#begin();
    checkStateListing(prefix, page);
    const limit = page?.limit ?? DEFAULT_PAGE;
    const stored = toOrderedText(prefix);
    const items: StateEntry[] = [];
    let after = page?.cursor === undefined ? null : toOrderedText(page.cursor);
    // One more than the page holds tells whether there is another; what has ended may fill a whole stretch.
    for (let looking = true; looking;) {
      looking = false;
      const values = [stored, after, limit + 1 - items.length];
      for (const row of await this.#stored.run(this.#calls.list, values, { subject: SUBJECT })) {
        after = String(row["key"]);
        if (row["value"] === null) looking = true;
        else items.push(readEntry(fromOrderedText(after), row));
      }
    }
    if (items.length <= limit) return { items };
    items.pop();
    return { items, cursor: (items.at(-1) as StateEntry).key };
  }

  async increment(key: string, by: number, options?: { readonly ttlMs?: number }): Promise<number> {
    const place = this.#place(key);
    checkSummand(by);
    checkStateOptions(options, ["ttlMs"]);
    const { sum } = await this.#answer(this.#calls.increment, [place, by, options?.ttlMs ?? null]);
    if (sum === "type") refuseStateCall("key", "holds a value that is not a number");
    if (sum === "range") refuseStateCall("by", "takes the sum out of range");
    return Number(sum);
  }

  async takeTokens(buckets: readonly StateBucket[], n: number): Promise<TakeTokensOutcome> {
    this.#begin();
    checkBuckets(buckets, n);
    const row = await this.#answer(this.#calls.takeTokens, [
      buckets.map(({ key }) => toOrderedText(key)),
      buckets.map(({ rate, perMs }) => Math.max(SHORTEST_MICROS, Math.min(MOST, (perMs * 1_000) / rate))),
      buckets.map(({ burst }) => Math.min(MOST, burst)),
      n,
    ]);
    const granted = row["granted"] as number;
    return granted === n ? { granted } : { granted, retryInMs: Math.min(MOST, row["retry_ms"] as number) };
  }

  async acquire(
    key: string,
    request: { readonly holder: string; readonly limit: number; readonly n: number; readonly ttlMs: number },
  ): Promise<number> {
    this.#place(key);
    checkAcquire(request);
    const { holder, limit, n, ttlMs } = request;
    const values = [toShortText(key), toShortText(holder), limit, n, ttlMs];
    return (await this.#answer(this.#calls.acquire, values))["permits"] as number;
  }

  async release(key: string, request: { readonly holder: string; readonly n?: number }): Promise<number> {
    this.#place(key);
    checkRelease(request);
    const values = [toShortText(key), toShortText(request.holder), request.n ?? null];
    return (await this.#answer(this.#calls.release, values))["permits"] as number;
  }

  async publish(topic: string, message: JsonValue): Promise<void> {
    this.#begin();
    checkStateKey(topic, "topic");
    await this.#feeds.publish(toOrderedText(topic), JSON.stringify(frozenJson(message, "message")));
  }

  async subscribe(topic: string, signal: AbortSignal): Promise<AsyncIterable<JsonValue>> {
    this.#begin();
    checkSubscribe(topic, signal);
    const stored = toOrderedText(topic);
    const subscription = new TopicSubscription(signal, (own) => {
      this.#subscriptions.delete(own);
      this.#feeds.leave(stored, own);
    });
    if (signal.aborted) {
      subscription.end();
      return subscription;
    }
    this.#subscriptions.add(subscription);
    try {
      await this.#feeds.join(stored, subscription);
    } catch (error) {
      subscription.end();
      throw error;
    }
    return subscription;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.end();
  }

  #begin(): void {
    if (this.#closed) throw new ClosedError({ resource: "the PostgreSQL state store" });
  }

  /** What every call of a key does first. @returns the key as it is stored. */
  #place(key: string): string {
    this.#begin();
    checkStateKey(key);
    return toOrderedText(key);
  }

  async #run(statement: Statement, values: readonly unknown[]): Promise<Row | undefined> {
    const [row] = await this.#stored.run(statement, values, { subject: SUBJECT });
    return row;
  }

  async #answer(statement: Statement, values: readonly unknown[]): Promise<Row> {
    return (await this.#run(statement, values)) ?? {};
  }
}
