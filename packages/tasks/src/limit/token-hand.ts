import type { Clock, StateBucket, StateStoreProtocol } from "@lexigram/contracts";

/**
 * Tokens that were taken ahead of the claim they are for. What a claim did not use stays in hand for the next one, less
 * what the bucket was refilled by meanwhile: so much the bucket would have gained without them at most, so that spending
 * them later lets no more start in any span than spending them at once.
 */
export class TokenHand {
  readonly #state: StateStoreProtocol;
  readonly #clock: Clock;
  readonly #buckets: readonly StateBucket[];
  /** Tokens per millisecond of the slowest, which is the fastest that any of them may forget. */
  readonly #perMs: number;
  #inHand = 0;
  #countedAt = 0;
  #outstanding = 0;
  /** When the oldest of those that a claim is out with were taken. */
  #outSince = 0;
  #takenAt = 0;

  constructor(state: StateStoreProtocol, clock: Clock, buckets: readonly StateBucket[]) {
    this.#state = state;
    this.#clock = clock;
    this.#buckets = buckets;
    this.#perMs = Math.max(...buckets.map(({ rate, perMs }) => rate / perMs));
  }

  /** Whole tokens. */
  get inHand(): number {
    this.#forget();
    return Math.floor(this.#inHand);
  }

  /** @returns how many there are in hand then, and when to ask again where that is none. */
  async take(n: number): Promise<{ readonly inHand: number; readonly retryInMs?: number }> {
    const missing = n - this.inHand;
    if (missing <= 0) return { inHand: this.inHand };
    const sentAt = this.#clock.monotonic();
    const { granted, retryInMs } = await this.#state.takeTokens(this.#buckets, missing);
    this.#forget();
    if (granted > 0) this.#takenAt = sentAt;
    this.#inHand += granted;
    return { inHand: Math.floor(this.#inHand), ...(retryInMs === undefined ? {} : { retryInMs }) };
  }

  /** A claim takes some with it. */
  spend(n: number): void {
    if (n === 0) return;
    this.#forget();
    if (this.#outstanding === 0) this.#outSince = this.#takenAt;
    this.#inHand = Math.max(0, this.#inHand - n);
    this.#outstanding += n;
  }

  /** A claim is back. @param unused of those that it took. */
  back(taken: number, unused: number): void {
    this.#forget();
    const kept = unused - (this.#countedAt - this.#outSince) * this.#perMs;
    if (kept > 0) this.#inHand += kept;
    this.#outstanding = Math.max(0, this.#outstanding - taken);
  }

  #forget(): void {
    const now = this.#clock.monotonic();
    if (this.#inHand > 0) this.#inHand = Math.max(0, this.#inHand - (now - this.#countedAt) * this.#perMs);
    this.#countedAt = now;
  }
}
