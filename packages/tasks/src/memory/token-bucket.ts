import type { Bucket } from "@lexigram/contracts";

/** Forgives what sums of fractions lose; far below the millisecond in which clocks tell. */
const SLACK_MS = 1e-6;

/**
 * A token bucket that holds one number, the instant at which it will be full: starts in any window of length t never
 * exceed burst + rate·t.
 */
export class TokenBucket {
  #intervalMs: number;
  #burst: number;
  #fullAt = Number.NEGATIVE_INFINITY;

  constructor(bucket: Bucket) {
    this.#intervalMs = bucket.perMs / bucket.rate;
    this.#burst = bucket.burst;
  }

  /** Takes new rules, and keeps count of what was spent. */
  reshape(bucket: Bucket, now: number): void {
    const intervalMs = bucket.perMs / bucket.rate;
    if (this.#fullAt > now) {
      const missing = (this.#fullAt - now) / this.#intervalMs;
      this.#fullAt = now + Math.min(missing, bucket.burst) * intervalMs;
    }
    this.#intervalMs = intervalMs;
    this.#burst = bucket.burst;
  }

  /** When a token is there. */
  get opensAt(): number {
    return this.#fullAt - (this.#burst - 1) * this.#intervalMs;
  }

  get fullAt(): number {
    return this.#fullAt;
  }

  isOpen(now: number): boolean {
    return this.opensAt <= now + SLACK_MS;
  }

  take(now: number): void {
    this.#fullAt = Math.max(this.#fullAt, now) + this.#intervalMs;
  }
}
