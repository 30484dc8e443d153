import type { Retention } from "@lexigram/contracts";
import type { JobEntry } from "./job-entry.ts";
import { SlotHeap } from "./slot-heap.ts";
import { FAILED } from "./status-code.ts";

class KeepHeap extends SlotHeap<JobEntry> {
  protected override slotOf(entry: JobEntry): number {
    return entry.keepSlot;
  }
  protected override place(entry: JobEntry, slot: number): void {
    entry.keepSlot = slot;
  }
}

/** Records in the order in which they ended, bounded by age and count. */
class KeptList {
  ageMs: number;
  count: number;
  size = 0;
  first: JobEntry | null = null;
  #last: JobEntry | null = null;

  constructor(bounds: Retention) {
    this.ageMs = bounds === 0 ? 0 : bounds.ageMs;
    this.count = bounds === 0 ? 0 : bounds.count;
  }

  bound(bounds: Retention): void {
    this.ageMs = bounds === 0 ? 0 : bounds.ageMs;
    this.count = bounds === 0 ? 0 : bounds.count;
  }

  append(entry: JobEntry): void {
    entry.kept = true;
    entry.prev = this.#last;
    if (this.#last === null) this.first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.size++;
  }

  prepend(entry: JobEntry): void {
    entry.kept = true;
    entry.next = this.first;
    if (this.first === null) this.#last = entry;
    else this.first.prev = entry;
    this.first = entry;
    this.size++;
  }

  remove(entry: JobEntry): void {
    entry.kept = false;
    const { prev, next } = entry;
    if (prev === null) this.first = next;
    else prev.next = next;
    if (next === null) this.#last = prev;
    else next.prev = prev;
    entry.prev = entry.next = null;
    this.size--;
  }

  isDue(entry: JobEntry, now: number): boolean {
    return this.size > this.count || entry.finishedAt + this.ageMs <= now;
  }
}

/** A waiter that was told of an end reads the record in its next step; twice the longest poll is time enough. */
const WAITED_FOR_MS = 2_000;

/** What becomes of records, and what keeps them. */
export interface RetentionActions {
  remove(entry: JobEntry): void;
  /** Whether somebody has asked to be told of the end of this job. */
  isWaitedFor(entry: JobEntry): boolean;
}

/**
 * How long terminal records stay. Failed ones are counted apart from the rest. A record that something pins is laid
 * aside when its time comes, and goes when the last pin does; one whose end is waited for stays a moment, so that who
 * waited in time is not told too late. Instants are of the wall clock.
 */
export class RecordRetention {
  readonly #done: KeptList;
  readonly #failed: KeptList;
  readonly #until = new KeepHeap();
  readonly #actions: RetentionActions;

  constructor(keepCompleted: Retention, keepFailed: Retention, actions: RetentionActions) {
    this.#done = new KeptList(keepCompleted);
    this.#failed = new KeptList(keepFailed);
    this.#actions = actions;
  }

  bound(keepCompleted: Retention, keepFailed: Retention): void {
    this.#done.bound(keepCompleted);
    this.#failed.bound(keepFailed);
  }

  /** Takes in a record that became terminal just now. */
  keep(entry: JobEntry): void {
    if (entry.pins > 0) return;
    if (entry.resultTtlMs === undefined) this.#listOf(entry).append(entry);
    else if (entry.resultTtlMs !== null) this.#until.set(entry, entry.finishedAt + entry.resultTtlMs);
  }

  /** Takes in a record again that nothing pins any more. */
  unpinned(entry: JobEntry): void {
    if (entry.kept || entry.keepSlot >= 0) return;
    if (entry.resultTtlMs === undefined) this.#listOf(entry).prepend(entry);
    else if (entry.resultTtlMs !== null) this.#until.set(entry, entry.finishedAt + entry.resultTtlMs);
  }

  /** Lets go of a record that is deleted, or not terminal any more. */
  forget(entry: JobEntry): void {
    if (entry.kept) this.#listOf(entry).remove(entry);
    else this.#until.remove(entry);
  }

  trim(now: number, budget: number): void {
    this.#trimList(this.#done, now, budget);
    this.#trimList(this.#failed, now, budget);
    for (let n = budget; n > 0 && this.#until.topKey <= now; n--) {
      const entry = this.#until.shift();
      if (entry === undefined || entry.pins > 0) continue;
      if (entry.code === FAILED) this.#failed.prepend(entry);
      else this.#actions.remove(entry);
    }
  }

  #trimList(list: KeptList, now: number, budget: number): void {
    let { first } = list;
    for (let n = budget; n > 0 && first !== null && list.isDue(first, now); n--) {
      list.remove(first);
      if (first.pins === 0) this.#release(first, now);
      first = list.first;
    }
  }

  #release(entry: JobEntry, now: number): void {
    const until = entry.finishedAt + WAITED_FOR_MS;
    if (until > now && this.#actions.isWaitedFor(entry)) this.#until.set(entry, until);
    else this.#actions.remove(entry);
  }

  #listOf(entry: JobEntry): KeptList {
    return entry.code === FAILED ? this.#failed : this.#done;
  }
}
