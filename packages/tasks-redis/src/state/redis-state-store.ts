import {
  ClosedError,
  type Clock,
  type JsonValue,
  type Page,
  type PutOptions,
  type PutOutcome,
  QUEUE_NAME,
  type StateBucket,
  type StateEntry,
  type StateStoreProtocol,
  type TakeTokensOutcome,
  TaskConfigError,
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
  refuseUnknownOptions,
} from "@lexigram/contracts";
import type { RedisConnection, ScriptArgument } from "../connection/redis-connection.ts";
import type { RedisScript } from "../connection/redis-script.ts";
import { LayoutCheck } from "./layout-check.ts";
import { acquirePermits } from "./lua/acquire-permits.ts";
import { deleteEntry } from "./lua/delete-entry.ts";
import { getEntry } from "./lua/get-entry.ts";
import { incrementEntry } from "./lua/increment-entry.ts";
import { listEntries } from "./lua/list-entries.ts";
import { publishMessage } from "./lua/publish-message.ts";
import { putEntry } from "./lua/put-entry.ts";
import { releasePermits } from "./lua/release-permits.ts";
import { takeTokens } from "./lua/take-tokens.ts";
import { touchEntry } from "./lua/touch-entry.ts";
import { mergedPage, type Stretch } from "./merged-listing.ts";
import { fromOrderedText, toOrderedText } from "./ordered-text.ts";
import { DEFAULT_SHARDS, MAX_SHARDS, StateLayout, type StateShard } from "./state-layout.ts";
import { type EntryReply, readEntries, readEntry } from "./stored-entry.ts";

const DEFAULT_PAGE = 100;

/** Options of a {@link RedisStateStore}. */
export interface RedisStateStoreOptions {
  /** Where to store; whoever opened it closes it. */
  readonly connection: RedisConnection;
  /** What all keys and channels begin with: 1 to 128 letters, digits, `.`, `_`, `-` and `:`, a letter or digit first. */
  readonly namespace: string;
  /** Times how long a look at the stored layout counts. What is stored goes by the server's time. */
  readonly clock: Clock;
  /**
   * Over how many shards keys are spread, 1 to 256; default 16. On a cluster a shard lies on one node. The number is part
   * of what is stored: every process of a namespace names the same.
   */
  readonly shards?: number;
}

const SUBJECT = "state";

/** What changes something is answered when as many replicas have it as the connection asks for. */
const DURABLE = { subject: SUBJECT, durable: true };
const FLEETING = { subject: SUBJECT };

/**
 * The state store on Redis. Each call is one script and one round trip, judged by the server's time; `list` asks every
 * shard at once, so that a page is of one moment in each shard and not over all of them. What has ended is removed by
 * later calls in the same shard, a few at each; there are no timers and no key is named at run time.
 *
 * A call that fails with `QueueUnavailableError` may have been applied unless it says `accepted: "no"`. All methods may
 * be called concurrently. Closing ends subscriptions and leaves the connection open.
 *
 * @throws TaskConfigError from the constructor for an unknown option, a namespace or a number of shards that cannot be;
 *   from the first call, and once a minute, when what is stored has another number of shards or a newer layout.
 */
export class RedisStateStore implements StateStoreProtocol {
  readonly #connection: RedisConnection;
  readonly #layout: StateLayout;
  readonly #check: LayoutCheck;
  readonly #subscriptions = new Set<TopicSubscription>();
  #closed = false;

  constructor(options: RedisStateStoreOptions) {
    refuseUnknownOptions("RedisStateStore", options, ["connection", "namespace", "clock", "shards"]);
    const { connection, namespace, clock, shards = DEFAULT_SHARDS } = options;
    if (typeof namespace !== "string" || !QUEUE_NAME.test(namespace))
      throw new TaskConfigError(
        `"${String(namespace)}" cannot be a namespace`,
        { path: "namespace" },
        { hint: "1 to 128 letters, digits, dots, underscores, hyphens and colons, a letter or digit first" },
      );
    if (!Number.isInteger(shards) || shards < 1 || shards > MAX_SHARDS)
      throw new TaskConfigError(
        `shards cannot be ${String(shards)}`,
        { path: "shards" },
        { hint: `a whole number from 1 to ${MAX_SHARDS}; ${DEFAULT_SHARDS} when it is left out` },
      );
    this.#connection = connection;
    this.#layout = new StateLayout(namespace, shards);
    this.#check = new LayoutCheck({ connection, clock, namespace, shards, record: this.#layout.record });
  }

  async get(key: string): Promise<StateEntry | undefined> {
    const { stored, shard } = this.#place(key);
    const reply = await this.#run(getEntry, shard.entries, [stored], FLEETING);
    return reply === null ? undefined : readEntry(key, reply as EntryReply);
  }

  async put(key: string, value: JsonValue, options?: PutOptions): Promise<PutOutcome> {
    const { stored, shard } = this.#place(key);
    checkStateOptions(options, ["ttlMs", "ifAbsent", "ifVersion"]);
    const json = JSON.stringify(frozenJson(value, "value"));
    const { ttlMs = "", ifAbsent, ifVersion = "" } = options ?? {};
    const args = [stored, json, ttlMs, ifAbsent === true ? 1 : 0, ifVersion];
    const reply = (await this.#run(putEntry, shard.entries, args)) as [1, number] | [0, EntryReply?];
    if (reply[0] === 1) return { stored: true, version: reply[1] };
    const current = reply[1];
    return current === undefined ? { stored: false } : { stored: false, current: readEntry(key, current) };
  }

  async touch(
    key: string,
    options: { readonly ttlMs: number; readonly ifVersion?: number },
  ): Promise<boolean> {
    const { stored, shard } = this.#place(key);
    checkStateOptions(options, ["ttlMs", "ifVersion"], "ttlMs");
    const args = [stored, options.ttlMs, options.ifVersion ?? ""];
    return (await this.#run(touchEntry, shard.entries, args)) === 1;
  }

  async delete(key: string, options?: { readonly ifVersion?: number }): Promise<boolean> {
    const { stored, shard } = this.#place(key);
    checkStateOptions(options, ["ifVersion"]);
    return (await this.#run(deleteEntry, shard.entries, [stored, options?.ifVersion ?? ""])) === 1;
  }

  async list(
    prefix: string,
    page?: { readonly cursor?: string; readonly limit?: number },
  ): Promise<Page<StateEntry>> {
    this.#begin();
    checkStateListing(prefix, page);
    const limit = page?.limit ?? DEFAULT_PAGE;
    const stored = toOrderedText(prefix);
    const cursor = page?.cursor;
    const after = cursor !== undefined && cursor >= prefix ? cursor : undefined;
    await this.#check.ensure();
    const { shards } = this.#layout;
    return mergedPage(shards.length, after, limit, (shard, above, most) => {
      const from = above === undefined ? `[${stored}` : `(${toOrderedText(above)}`;
      return this.#stretch(shards[shard] as StateShard, [from, stored, most]);
    });
  }

  async increment(key: string, by: number, options?: { readonly ttlMs?: number }): Promise<number> {
    const { stored, shard } = this.#place(key);
    checkSummand(by);
    checkStateOptions(options, ["ttlMs"]);
    const reply = await this.#run(incrementEntry, shard.entries, [stored, by, options?.ttlMs ?? ""]);
    if (reply === "type") refuseStateCall("key", "holds a value that is not a number");
    if (reply === "range") refuseStateCall("by", "takes the sum out of range");
    return Number(reply);
  }

  async takeTokens(buckets: readonly StateBucket[], n: number): Promise<TakeTokensOutcome> {
    this.#begin();
    checkBuckets(buckets, n);
    const args: ScriptArgument[] = [n];
    for (const { key, rate, perMs, burst } of buckets) args.push(toOrderedText(key), rate, perMs, burst);
    const reply = (await this.#run(takeTokens, this.#layout.tokens, args)) as [string, string];
    const granted = Number(reply[0]);
    return granted === n ? { granted } : { granted, retryInMs: Number(reply[1]) };
  }

  async acquire(
    key: string,
    request: { readonly holder: string; readonly limit: number; readonly n: number; readonly ttlMs: number },
  ): Promise<number> {
    const { stored, shard } = this.#place(key);
    checkAcquire(request);
    const { holder, limit, n, ttlMs } = request;
    const args = [stored, toOrderedText(holder), limit, n, ttlMs];
    return (await this.#run(acquirePermits, shard.permits, args)) as number;
  }

  async release(key: string, request: { readonly holder: string; readonly n?: number }): Promise<number> {
    const { stored, shard } = this.#place(key);
    checkRelease(request);
    const args = [stored, toOrderedText(request.holder), request.n ?? ""];
    return (await this.#run(releasePermits, shard.permits, args)) as number;
  }

  async publish(topic: string, message: JsonValue): Promise<void> {
    this.#begin();
    checkStateKey(topic, "topic");
    const stored = toOrderedText(topic);
    const shard = this.#layout.shardOf(stored);
    const json = JSON.stringify(frozenJson(message, "message"));
    await this.#run(publishMessage, shard.entries, [this.#layout.channel(stored), json], FLEETING);
  }

  async subscribe(topic: string, signal: AbortSignal): Promise<AsyncIterable<JsonValue>> {
    this.#begin();
    checkSubscribe(topic, signal);
    const stored = toOrderedText(topic);
    let ended = false;
    let leave: (() => void) | undefined;
    const subscription = new TopicSubscription(signal, (own) => {
      ended = true;
      this.#subscriptions.delete(own);
      leave?.();
    });
    this.#subscriptions.add(subscription);
    if (signal.aborted) subscription.end();
    if (ended) return subscription;
    const listener = { message: (text: string): void => deliver(subscription, text) };
    try {
      leave = await this.#connection.subscribe(this.#layout.channel(stored), listener, SUBJECT);
    } catch (error) {
      subscription.end();
      throw error;
    }
    // It may have ended while the server was asked. The checker cannot see that the callback above sets this.
    if (ended as boolean) leave();
    return subscription;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.end();
  }

  #begin(): void {
    if (this.#closed) throw new ClosedError({ resource: "the Redis state store" });
  }

  /** What every call of a key, or a topic, does first. */
  #place(key: string): { readonly stored: string; readonly shard: StateShard } {
    this.#begin();
    checkStateKey(key);
    const stored = toOrderedText(key);
    return { stored, shard: this.#layout.shardOf(stored) };
  }

  async #run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    options: { readonly subject: string; readonly durable?: boolean } = DURABLE,
  ): Promise<unknown> {
    const checking = this.#check.ensure();
    if (checking !== undefined) await checking;
    return this.#connection.run(script, keys, args, options);
  }

  async #stretch(shard: StateShard, args: readonly ScriptArgument[]): Promise<Stretch> {
    const reply = await this.#connection.run(listEntries, shard.entries, args, FLEETING);
    const [more, last, now, flat] = reply as [number, string, number, string[]];
    const entries = readEntries(flat, now);
    return more === 1 ? { entries, through: fromOrderedText(last) } : { entries };
  }
}

/** What is no JSON was not sent by a state store, and is nobody's message. */
function deliver(subscription: TopicSubscription, text: string): void {
  let message: JsonValue;
  try {
    message = JSON.parse(text) as JsonValue;
  } catch {
    return;
  }
  subscription.push(message);
}
