import type { JobEntry } from "./job-entry.ts";
import { SlotHeap } from "./slot-heap.ts";

/** Scheduled jobs by their due time. */
export class DueHeap extends SlotHeap<JobEntry> {
  protected override slotOf(entry: JobEntry): number {
    return entry.dueSlot;
  }
  protected override place(entry: JobEntry, slot: number): void {
    entry.dueSlot = slot;
  }
}

/** Jobs that may expire, by when they do. */
export class ExpiryHeap extends SlotHeap<JobEntry> {
  protected override slotOf(entry: JobEntry): number {
    return entry.expirySlot;
  }
  protected override place(entry: JobEntry, slot: number): void {
    entry.expirySlot = slot;
  }
}
