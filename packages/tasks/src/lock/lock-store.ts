import type { Clock, JsonValue, StateEntry, StateStoreProtocol } from "@lexigram/contracts";

/** A hold as the store gave it. */
export interface Grant {
  /** The version of the lock's entry. */
  readonly fencing: number;
  /** Monotonic milliseconds: when the call that got it was sent, which is never later than when the store counted from. */
  readonly sentAt: number;
}

/** What a try came to. */
export type Take = { readonly grant: Grant } | { readonly grant: undefined; readonly freeInMs: number };

/** So long a version is remembered that orders waiters: as long as one could have waited in vain. */
const ORDER_TTL_MS = 3_600_000;
/** Polls that a waiter may miss, and within which one that was handed the lock must take it up. */
const MISSED_POLLS = 5;
const ORDER_DIGITS = 16;

/**
 * What a lock is made of in a state store: an entry that names its holder and whose version is the fencing number, an
 * entry for each waiter in the order of arrival, and a topic by which a waiter is told that it was handed the lock.
 *
 * Whoever gives the lock back writes the first waiter into it, in one step and under a new version, so a newcomer finds
 * it taken. A waiter that does not take it up loses it after some polls. An order is as good as the clockless versions
 * by which waiters line up; only after a holder that died can a newcomer be quicker than those who wait.
 */
export class LockStore {
  readonly pollMs: number;
  readonly #state: StateStoreProtocol;
  readonly #clock: Clock;

  constructor(state: StateStoreProtocol, clock: Clock, pollMs: number) {
    this.#state = state;
    this.#clock = clock;
    this.pollMs = pollMs;
  }

  /** Takes the lock when it is free, or when it was handed to this holder. */
  async take(key: string, holder: string, ttlMs: number): Promise<Take> {
    let sentAt = this.#clock.monotonic();
    const outcome = await this.#state.put(entryOf(key), recordOf(holder), { ifAbsent: true, ttlMs });
    if (outcome.stored) return { grant: { fencing: outcome.version, sentAt } };
    const { current } = outcome;
    if (current === undefined || holderOf(current) !== holder) return busy(current);
    // Handed over, or taken by a call whose answer was lost.
    sentAt = this.#clock.monotonic();
    const isKept = await this.#state.touch(entryOf(key), { ttlMs, ifVersion: current.version });
    return isKept ? { grant: { fencing: current.version, sentAt } } : busy(undefined);
  }

  /** Takes the lock in turn: when it was handed to this waiter, or is free and this waiter is the first. */
  async takeInTurn(key: string, waiter: Waiter, ttlMs: number): Promise<Take> {
    const current = await this.#state.get(entryOf(key));
    if (current !== undefined && holderOf(current) !== waiter.holder) return busy(current);
    if (current === undefined) {
      const first = await this.#first(key);
      if (first !== undefined && first !== waiter.holder) return busy(undefined, this.pollMs);
    }
    return this.take(key, waiter.holder, ttlMs);
  }

  /** Renews. @returns whether the hold was still there. */
  keep(key: string, fencing: number, ttlMs: number): Promise<boolean> {
    return this.#state.touch(entryOf(key), { ttlMs, ifVersion: fencing });
  }

  async isHeld(key: string, fencing: number): Promise<boolean> {
    return (await this.#state.get(entryOf(key)))?.version === fencing;
  }

  /** Hands the lock to the first waiter, or lets it go. @returns whether the hold was still there. */
  async release(key: string, holder: string, fencing: number): Promise<boolean> {
    const next = await this.#first(key, holder);
    if (next === undefined) {
      const wasHeld = await this.#state.delete(entryOf(key), { ifVersion: fencing });
      // Whoever lined up between the two calls has found the lock taken.
      if (wasHeld) this.#tell(key, "");
      return wasHeld;
    }
    const outcome = await this.#state.put(entryOf(key), recordOf(next), {
      ifVersion: fencing,
      ttlMs: this.#patienceMs,
    });
    if (outcome.stored) this.#tell(key, next);
    return outcome.stored;
  }

  /** Lines up. @returns the place in the line. */
  async enlist(key: string, holder: string): Promise<Waiter> {
    const placed = await this.#state.put(`lock-order:${key}`, true, { ttlMs: ORDER_TTL_MS });
    // A put without conditions always succeeds.
    const order = placed.stored ? placed.version : 0;
    const place = linePrefix(key) + String(order).padStart(ORDER_DIGITS, "0");
    await this.#state.put(place, recordOf(holder), { ttlMs: this.#patienceMs });
    return { holder, place };
  }

  /** Keeps a place in the line. @returns whether it was still there. */
  stay(waiter: Waiter): Promise<boolean> {
    return this.#state.touch(waiter.place, { ttlMs: this.#patienceMs });
  }

  async leave(waiter: Waiter): Promise<void> {
    await this.#state.delete(waiter.place);
  }

  /** What a waiter gives up that may have been handed to it meanwhile. */
  async decline(key: string, waiter: Waiter): Promise<void> {
    await this.leave(waiter);
    const current = await this.#state.get(entryOf(key));
    if (current !== undefined && holderOf(current) === waiter.holder)
      await this.release(key, waiter.holder, current.version);
  }

  /** Hints that the lock may be had: for this holder, or for all. */
  async *hints(key: string, holder: string, signal: AbortSignal): AsyncIterable<void> {
    for await (const named of await this.#state.subscribe(topicOf(key), signal))
      if (named === holder || named === "") yield;
  }

  get #patienceMs(): number {
    return this.pollMs * MISSED_POLLS;
  }

  /** A hint: the poll of a waiter tells the same a little later. */
  #tell(key: string, holder: string): void {
    this.#state.publish(topicOf(key), holder).catch(() => {});
  }

  /** The waiter that is first, `except` one that is through but has not left yet. */
  async #first(key: string, except?: string): Promise<string | undefined> {
    const { items } = await this.#state.list(linePrefix(key), { limit: 2 });
    return items.map(holderOf).find((holder) => holder !== except);
  }
}

/** A place in the line of one lock. */
export interface Waiter {
  readonly holder: string;
  readonly place: string;
}

/** Longest key, so that what is stored of it fits a key of the store. */
export const LONGEST_LOCK_KEY = 450;

const entryOf = (key: string): string => `locks:${key}`;
const topicOf = (key: string): string => `locks:${key}`;
/** With its length, so that no key's line begins like another's. */
const linePrefix = (key: string): string => `lock-line:${key.length}:${key}:`;

const recordOf = (holder: string): JsonValue => ({ v: 1, holder });

function holderOf({ value }: StateEntry): string | undefined {
  return (value as { readonly holder?: string } | null)?.holder;
}

function busy(current: StateEntry | undefined, otherwiseMs = 0): Take {
  return {
    grant: undefined,
    freeInMs: current === undefined ? otherwiseMs : (current.expiresInMs ?? Infinity),
  };
}
