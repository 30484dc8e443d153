import type { JobEntry } from "./job-entry.ts";
import type { KeyLine, Level } from "./ready-parts.ts";
import { SlotHeap } from "./slot-heap.ts";

/** Entries that came back to an earlier place, by place. */
class EarlyHeap extends SlotHeap<JobEntry> {
  protected override slotOf(entry: JobEntry): number {
    return entry.earlySlot;
  }
  protected override place(entry: JobEntry, slot: number): void {
    entry.earlySlot = slot;
  }
}

/**
 * Pending entries in the order of their places: a linked list to whose tail new ones go, and beside it a heap for the
 * few that come back to a place before it.
 */
export class Lane {
  readonly level: Level;
  /** Whose jobs these are; null in the plain line. */
  readonly key: KeyLine | null;
  size = 0;
  /** Neighbours in the ring of a fair level. */
  prev: Lane | null = null;
  next: Lane | null = null;
  /** Slot in the heap of a level that is not fair. */
  slot = -1;
  /** Whether claims may come by. */
  open = false;
  #head: JobEntry | null = null;
  #tail: JobEntry | null = null;
  #early: EarlyHeap | null = null;

  constructor(level: Level, key: KeyLine | null) {
    this.level = level;
    this.key = key;
  }

  get first(): JobEntry | null {
    const early = this.#early?.top;
    const head = this.#head;
    if (early === undefined) return head;
    return head === null || early.order < head.order ? early : head;
  }

  /** The place of the first entry. */
  get firstOrder(): number {
    return this.first?.order ?? Number.POSITIVE_INFINITY;
  }

  add(entry: JobEntry): void {
    entry.lane = this;
    this.size++;
    const tail = this.#tail;
    if (tail === null) {
      this.#head = this.#tail = entry;
      return;
    }
    if (entry.order < tail.order) {
      this.#early ??= new EarlyHeap();
      this.#early.set(entry, entry.order);
      return;
    }
    tail.next = entry;
    entry.prev = tail;
    this.#tail = entry;
  }

  remove(entry: JobEntry): void {
    entry.lane = null;
    this.size--;
    if (entry.earlySlot >= 0) {
      this.#early?.remove(entry);
      return;
    }
    const { prev, next } = entry;
    if (prev === null) this.#head = next;
    else prev.next = next;
    if (next === null) this.#tail = prev;
    else next.prev = prev;
    // Cut off, so that entries that are gone do not keep those after them from being collected.
    entry.prev = entry.next = null;
  }

  /** Up to `n` of the first entries of the list, for a choice among them. */
  peek(n: number): JobEntry[] {
    const found: JobEntry[] = [];
    for (let entry = this.#head; entry !== null && found.length < n; entry = entry.next) found.push(entry);
    return found;
  }
}
