import type { StateBucket, TakeTokensOutcome } from "@lexigram/contracts";
import { type Expiring, ExpiryHeap } from "./state-expiry.ts";

/** Less than any clock can tell, more than the rounding of its sums: a whole token must not be missed by rounding. */
const ROUNDING = 1e-9;

class BucketState implements Expiring {
  heapIndex = -1;
  /** When the bucket is full again. What is missing now is the time until then, in tokens. */
  deadline = 0;
  msPerToken = 1;
  readonly key: string;

  constructor(key: string) {
    this.key = key;
  }
}

/** Token buckets by key. A full bucket is not remembered. */
export class StateBuckets {
  readonly #states = new Map<string, BucketState>();
  readonly #full = new ExpiryHeap<BucketState>();

  get size(): number {
    return this.#states.size;
  }

  take(buckets: readonly StateBucket[], n: number, now: number): TakeTokensOutcome {
    let granted = n;
    for (const bucket of buckets) {
      const available = Math.floor(bucket.burst - this.#missing(bucket, now) + ROUNDING);
      granted = Math.min(granted, Math.max(0, available));
    }
    if (granted > 0) for (const bucket of buckets) this.#spend(bucket, granted, now);
    if (granted === n) return { granted };
    let retryInMs = 1;
    for (const bucket of buckets) {
      const missing = this.#missing(bucket, now) - (bucket.burst - 1);
      retryInMs = Math.max(retryInMs, Math.ceil((missing - ROUNDING) * (bucket.perMs / bucket.rate)));
    }
    return { granted, retryInMs };
  }

  /** Forgets buckets that are full, at most `most` of them. */
  sweep(now: number, most: number): void {
    for (let i = 0; i < most; i++) {
      const state = this.#full.takeDue(now);
      if (state === undefined) return;
      this.#states.delete(state.key);
    }
  }

  /** How many tokens a bucket lacks, by the rate at which they were spent. */
  #missing(bucket: StateBucket, now: number): number {
    const state = this.#states.get(bucket.key);
    return state === undefined ? 0 : Math.max(0, state.deadline - now) / state.msPerToken;
  }

  #spend(bucket: StateBucket, n: number, now: number): void {
    const missing = this.#missing(bucket, now) + n;
    let state = this.#states.get(bucket.key);
    if (state === undefined) {
      state = new BucketState(bucket.key);
      this.#states.set(bucket.key, state);
    }
    state.msPerToken = bucket.perMs / bucket.rate;
    this.#full.schedule(state, now + missing * state.msPerToken);
  }
}
