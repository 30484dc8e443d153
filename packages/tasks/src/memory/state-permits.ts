import { type Expiring, ExpiryHeap } from "./state-expiry.ts";

interface Share {
  permits: number;
  endsAt: number;
}

class PermitSet implements Expiring {
  heapIndex = -1;
  deadline = 0;
  /** Of all shares, so that a request does not add them up. */
  held = 0;
  /** No share ends before this. */
  earliestEnd = Infinity;
  readonly shares = new Map<string, Share>();
  readonly key: string;

  constructor(key: string) {
    this.key = key;
  }
}

/** Leased permits by key and holder. A key without holders is not remembered. */
export class StatePermits {
  readonly #sets = new Map<string, PermitSet>();
  readonly #ends = new ExpiryHeap<PermitSet>();

  get size(): number {
    return this.#sets.size;
  }

  acquire(
    key: string,
    request: { readonly holder: string; readonly limit: number; readonly n: number; readonly ttlMs: number },
    now: number,
  ): number {
    const set = this.#sets.get(key) ?? new PermitSet(key);
    dropEnded(set, now);
    const mine = set.shares.get(request.holder);
    const others = set.held - (mine?.permits ?? 0);
    const permits = Math.max(mine?.permits ?? 0, Math.min(request.n, request.limit - others));
    if (permits <= 0) {
      this.#keepOrForget(set);
      return 0;
    }
    const endsAt = now + request.ttlMs;
    set.shares.set(request.holder, { permits, endsAt });
    set.held = others + permits;
    set.earliestEnd = Math.min(set.earliestEnd, endsAt);
    this.#keepOrForget(set);
    return permits;
  }

  release(key: string, request: { readonly holder: string; readonly n?: number }, now: number): number {
    const set = this.#sets.get(key);
    if (set === undefined) return 0;
    dropEnded(set, now);
    const mine = set.shares.get(request.holder);
    let left = 0;
    if (mine !== undefined) {
      left = Math.max(0, mine.permits - (request.n ?? mine.permits));
      set.held -= mine.permits - left;
      mine.permits = left;
      if (left === 0) set.shares.delete(request.holder);
    }
    this.#keepOrForget(set);
    return left;
  }

  /** Forgets keys whose permits have all ended; looks at most at `most` keys. */
  sweep(now: number, most: number): void {
    for (let i = 0; i < most; i++) {
      const set = this.#ends.takeDue(now);
      if (set === undefined) return;
      dropEnded(set, now);
      this.#keepOrForget(set);
    }
  }

  #keepOrForget(set: PermitSet): void {
    if (set.shares.size === 0) {
      this.#sets.delete(set.key);
      this.#ends.remove(set);
    } else {
      this.#sets.set(set.key, set);
      this.#ends.schedule(set, set.earliestEnd);
    }
  }
}

function dropEnded(set: PermitSet, now: number): void {
  if (set.earliestEnd > now) return;
  let earliest = Infinity;
  for (const [holder, share] of set.shares) {
    if (share.endsAt <= now) {
      set.held -= share.permits;
      set.shares.delete(holder);
    } else earliest = Math.min(earliest, share.endsAt);
  }
  set.earliestEnd = earliest;
}
