import type { Clock, StateBucket, StateStoreProtocol } from "@lexigram/contracts";

/**
 * Tokens that were taken ahead of the claim they are for, which they stay whole for. What a claim did not use stays in
 * hand for the next one, less what the bucket was refilled by meanwhile: so much the bucket would have gained without them
 * at most, so that spending them later lets no more start in any span than spending them at once.
 */
export class TokenHand {
  readonly #state: StateStoreProtocol;
  readonly #clock: Clock;
  readonly #buckets: readonly StateBucket[];
  /** Tokens per millisecond of the slowest, which is the fastest that any of them may forget. */
  readonly #perMs: number;
  #inHand = 0;
  #countedAt = 0;
  /** The claim that they were taken for is going out. */
  #isWhole = false;
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

  /**
   * Takes what is missing of so many.
   *
   * @param use called while there are some: until it returns they do not decay. A bucket that fills faster than a claim can
   *   follow would leave nothing of them.
   * @returns how many there were in hand then, and when to ask again where that is none.
   */
  async take(n: number, use: () => void): Promise<{ readonly inHand: number; readonly retryInMs?: number }> {
    let retryInMs: number | undefined;
    if (this.inHand < n) {
      const sentAt = this.#clock.monotonic();
      const answer = await this.#state.takeTokens(this.#buckets, n - Math.floor(this.#inHand));
      this.#forget();
      if (answer.granted > 0) this.#takenAt = sentAt;
      this.#inHand += answer.granted;
      retryInMs = answer.retryInMs;
    }
    const inHand = Math.floor(this.#inHand);
    if (inHand > 0) {
      this.#isWhole = true;
      try {
        use();
      } finally {
        this.#isWhole = false;
      }
    }
    return retryInMs === undefined ? { inHand } : { inHand, retryInMs };
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
    if (this.#isWhole) return;
    const now = this.#clock.monotonic();
    if (this.#inHand > 0) this.#inHand = Math.max(0, this.#inHand - (now - this.#countedAt) * this.#perMs);
    this.#countedAt = now;
  }
}
