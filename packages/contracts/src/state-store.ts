import type { JsonValue } from "./json.ts";
import type { Page } from "./page.ts";
import { type Token, token } from "./token.ts";

/** A value with the version it was written at. */
export interface StateEntry {
  readonly key: string;
  readonly value: JsonValue;
  /** Rises with every write of the key and never repeats, over deletion and expiry too. Also a fencing number. */
  readonly version: number;
  /** Milliseconds until it expires, at the moment of the answer; absent when it does not. */
  readonly expiresInMs?: number;
}

export interface PutOptions {
  /** Milliseconds until the entry expires; absent: never. */
  readonly ttlMs?: number;
  /** Write only when no live entry is there. */
  readonly ifAbsent?: boolean;
  /** Write only when the live entry has this version. */
  readonly ifVersion?: number;
}

export type PutOutcome =
  | { readonly stored: true; readonly version: number }
  /** The condition did not hold; what is there, if anything. */
  | { readonly stored: false; readonly current?: StateEntry };

/** A shared token bucket, full when first named. */
export interface StateBucket {
  readonly key: string;
  /** Tokens per `perMs`; above 0. */
  readonly rate: number;
  readonly perMs: number;
  /** At least 1. */
  readonly burst: number;
}

export interface TakeTokensOutcome {
  /** How many were taken, from every bucket alike; 0 to `n`. */
  readonly granted: number;
  /** When `granted` fell short: milliseconds until at least one more may be had. */
  readonly retryInMs?: number;
}

/**
 * A small set of atomic primitives on JSON values, on which progress, locks, idempotency, schedules, workflows and
 * limits are each built once. Time is the store's. All methods may be called concurrently; each is one atomic step
 * and one round trip. A store that cannot be reached rejects with `QueueUnavailableError`, a closed one with
 * `ClosedError`. Keys are texts of 1 to 512 characters.
 */
export interface StateStoreProtocol {
  get(key: string): Promise<StateEntry | undefined>;
  /** Writes a value. Without conditions it always succeeds; without `ttlMs` it clears an earlier one. */
  put(key: string, value: JsonValue, options?: PutOptions): Promise<PutOutcome>;
  /** Sets a live entry's time to live and keeps its value and version. @returns whether it was there, at that version. */
  touch(key: string, options: { readonly ttlMs: number; readonly ifVersion?: number }): Promise<boolean>;
  /** @returns whether an entry, at that version, was there. */
  delete(key: string, options?: { readonly ifVersion?: number }): Promise<boolean>;
  /** Live entries whose key begins with `prefix`, in the order of their keys, page by page. `limit`: 1 to 1,000, default 100. */
  list(
    prefix: string,
    page?: { readonly cursor?: string; readonly limit?: number },
  ): Promise<Page<StateEntry>>;
  /**
   * Adds to a number, 0 when absent. A `ttlMs` counts from the write that created the entry.
   *
   * @returns the sum. @throws TaskValidationError when the value is not a number.
   */
  increment(key: string, by: number, options?: { readonly ttlMs?: number }): Promise<number>;
  /** Takes up to `n` tokens from all buckets alike, or as many as the poorest has. Starts in any window of length t never exceed burst + rate·t. */
  takeTokens(buckets: readonly StateBucket[], n: number): Promise<TakeTokensOutcome>;
  /**
   * Takes up to `n` of `limit` permits for a holder, for `ttlMs`. A holder that asks again keeps what it has, gets up
   * to `n` in total, and its time starts anew.
   *
   * @returns how many the holder has now.
   */
  acquire(
    key: string,
    request: { readonly holder: string; readonly limit: number; readonly n: number; readonly ttlMs: number },
  ): Promise<number>;
  /** Gives back `n` permits of a holder, or all of them. Permits that ended are not given back twice. @returns how many it has now. */
  release(key: string, request: { readonly holder: string; readonly n?: number }): Promise<number>;
  /** Sends a message to whoever is subscribed at this moment. Delivery is a hint: at most once. */
  publish(topic: string, message: JsonValue): Promise<void>;
  /** Messages of a topic from the moment the promise resolves, until aborted or closed. A slow reader loses the oldest beyond 1,000. */
  subscribe(topic: string, signal: AbortSignal): Promise<AsyncIterable<JsonValue>>;
  /** Idempotent. What is stored stays. */
  close(): Promise<void>;
}

export const StateStoreProtocol: Token<StateStoreProtocol> = token("StateStoreProtocol");
