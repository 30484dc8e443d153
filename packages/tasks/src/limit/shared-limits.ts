import {
  type Bucket,
  type Clock,
  type Logger,
  type StateBucket,
  type StateStoreProtocol,
} from "@lexigram/contracts";
import { PermitHand } from "./permit-hand.ts";
import { TokenHand } from "./token-hand.ts";

/** A limit over several queues. */
export interface SharedLimit {
  readonly name: string;
  /** Names of queues in the application; absent: all of them. */
  readonly queues: readonly string[] | undefined;
  readonly rate: Bucket | undefined;
  readonly concurrency: number | undefined;
}

export interface SharedLimitsParts {
  readonly limits: readonly SharedLimit[];
  readonly state: StateStoreProtocol;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly holder: string;
  /** How long permits outlive a process that died. Milliseconds. */
  readonly leaseMs: number;
}

/** What one queue has to take before it claims. */
export interface Tolls {
  readonly tokens: TokenHand | undefined;
  readonly permits: readonly PermitHand[];
}

/** The key of a shared limit's bucket. */
const sharedBucketKey = (name: string): string => `rate-limits:all:${name}`;

/** The limits over several queues of one process, and what it holds of them. */
export class SharedLimits {
  readonly #parts: SharedLimitsParts;
  readonly #permits = new Map<string, PermitHand>();

  constructor(parts: SharedLimitsParts) {
    this.#parts = parts;
  }

  /** What a queue has to take; `undefined` when it is under no such limit. */
  of(queueName: string): Tolls | undefined {
    const { limits, state, clock } = this.#parts;
    const holding = limits.filter(({ queues }) => queues === undefined || queues.includes(queueName));
    if (holding.length === 0) return undefined;
    const buckets = holding.flatMap(({ name, rate }): StateBucket[] =>
      rate === undefined ? [] : [{ key: sharedBucketKey(name), ...rate }],
    );
    return {
      tokens: buckets.length === 0 ? undefined : new TokenHand(state, clock, buckets),
      permits: holding.flatMap((limit) => (limit.concurrency === undefined ? [] : [this.#hand(limit)])),
    };
  }

  /** Whether a queue is under any of them. */
  holdsFor(queueName: string): boolean {
    return this.#parts.limits.some(({ queues }) => queues === undefined || queues.includes(queueName));
  }

  start(): void {
    for (const hand of this.#permits.values()) hand.start();
  }

  /** Gives all permits back. Never rejects. */
  async stop(): Promise<void> {
    await Promise.allSettled([...this.#permits.values()].map((hand) => hand.stop()));
  }

  #hand({ name, concurrency }: SharedLimit): PermitHand {
    let hand = this.#permits.get(name);
    if (hand === undefined) {
      const { state, clock, logger, holder, leaseMs } = this.#parts;
      const [key, limit, ttlMs] = [`permits:${name}`, concurrency ?? 1, leaseMs];
      hand = new PermitHand({ state, clock, logger, holder, key, limit, ttlMs });
      this.#permits.set(name, hand);
    }
    return hand;
  }
}
