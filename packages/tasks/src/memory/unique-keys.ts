import type { JobId, Unique } from "@lexigram/contracts";
import type { JobEntry } from "./job-entry.ts";
import { SlotHeap } from "./slot-heap.ts";

/** A key that a job holds. */
export class UniqueHold {
  readonly key: string;
  readonly id: JobId;
  /** Null once the job is over: a key that is held for a time outlives it, and must not keep it in memory. */
  entry: JobEntry | null;
  readonly until: "started" | "settled" | "ttl";
  slot = -1;

  constructor(key: string, entry: JobEntry, until: "started" | "settled" | "ttl") {
    this.key = key;
    this.id = entry.id;
    this.entry = entry;
    this.until = until;
  }
}

class EndHeap extends SlotHeap<UniqueHold> {
  protected override slotOf(hold: UniqueHold): number {
    return hold.slot;
  }
  protected override place(hold: UniqueHold, slot: number): void {
    hold.slot = slot;
  }
}

/** Which job holds which unique key. Instants are of the monotonic clock. */
export class UniqueKeys {
  readonly #holds = new Map<string, UniqueHold>();
  readonly #ends = new EndHeap();

  get size(): number {
    return this.#holds.size;
  }

  holder(key: string, now: number): UniqueHold | undefined {
    const hold = this.#holds.get(key);
    if (hold === undefined || hold.until !== "ttl") return hold;
    this.sweep(now, Number.POSITIVE_INFINITY);
    return this.#holds.get(key);
  }

  take(entry: JobEntry, unique: Unique, now: number): void {
    const { until } = unique;
    const former = this.#holds.get(unique.key);
    if (former !== undefined) this.#drop(former);
    const hold = new UniqueHold(unique.key, entry, typeof until === "string" ? until : "ttl");
    this.#holds.set(unique.key, hold);
    entry.unique = hold;
    if (typeof until !== "string") this.#ends.set(hold, now + until.ttlMs);
  }

  /** Releases what ends with a job's first start. */
  started(entry: JobEntry): void {
    const hold = entry.unique;
    if (hold !== null && hold.until === "started") this.#drop(hold);
  }

  /** Releases what ends with a job. What is held for a time outlives it. */
  ended(entry: JobEntry): void {
    const hold = entry.unique;
    if (hold === null) return;
    if (hold.until !== "ttl") this.#drop(hold);
    else hold.entry = entry.unique = null;
  }

  sweep(now: number, budget: number): void {
    for (let n = budget; n > 0 && this.#ends.topKey <= now; n--) {
      const hold = this.#ends.top;
      if (hold !== undefined) this.#drop(hold);
    }
  }

  #drop(hold: UniqueHold): void {
    this.#ends.remove(hold);
    if (this.#holds.get(hold.key) === hold) this.#holds.delete(hold.key);
    if (hold.entry?.unique === hold) hold.entry.unique = null;
  }
}
