import type { Receipt } from "@lexigram/contracts";
import type { JobEntry } from "./job-entry.ts";
import { SlotHeap } from "./slot-heap.ts";

/** Tells deliveries of all queues of this process apart, so that a receipt of one means nothing to another. */
let deliveries = 0;

/** The right to finish one delivery. */
export class Lease {
  readonly entry: JobEntry;
  readonly receipt: Receipt;
  readonly slot: number;
  /** The session that claimed it. */
  readonly session: string;
  started: boolean;
  /** Whether this lease is the one under which the job began its first attempt. */
  beganJob = false;
  batch: LeaseBatch | null = null;
  prev: Lease | null = null;
  next: Lease | null = null;

  constructor(entry: JobEntry, receipt: Receipt, slot: number, session: string, started: boolean) {
    this.entry = entry;
    this.receipt = receipt;
    this.slot = slot;
    this.session = session;
    this.started = started;
  }
}

/** Leases that end at the same moment, in the order in which they were given. */
class LeaseBatch {
  readonly deadline: number;
  heapSlot = -1;
  first: Lease | null = null;
  last: Lease | null = null;

  constructor(deadline: number) {
    this.deadline = deadline;
  }
}

class BatchHeap extends SlotHeap<LeaseBatch> {
  protected override slotOf(batch: LeaseBatch): number {
    return batch.heapSlot;
  }
  protected override place(batch: LeaseBatch, slot: number): void {
    batch.heapSlot = slot;
  }
}

/** The valid leases, found by receipt and by deadline. Instants are of the monotonic clock. */
export class LeaseBook {
  readonly #slots: (Lease | null)[] = [];
  /** How receipts of each slot begin. */
  readonly #prefixes: string[] = [];
  readonly #free: number[] = [];
  readonly #batches = new BatchHeap();
  /** Batches are numbered, so that of two with one deadline the older ends first. */
  #count = 0;
  #latest: LeaseBatch | null = null;

  /** When the first lease ends; infinite without leases. */
  get firstDeadline(): number {
    return this.#batches.topKey;
  }

  get first(): Lease | null {
    return this.#batches.top?.first ?? null;
  }

  grant(entry: JobEntry, deadline: number, session: string, started: boolean): Lease {
    const slot = this.#free.pop() ?? this.#slots.length;
    // The slot is in the receipt, so that finding a lease is an array access.
    const prefix = (this.#prefixes[slot] ??= `${slot}.`);
    const lease = new Lease(entry, (prefix + ++deliveries) as Receipt, slot, session, started);
    this.#slots[slot] = lease;
    entry.lease = lease;
    this.#join(lease, deadline);
    return lease;
  }

  /** The lease of a receipt, when it has not ended. */
  find(receipt: Receipt, now: number): Lease | null {
    let slot = 0;
    for (let i = 0; i < receipt.length; i++) {
      const digit = receipt.charCodeAt(i) - 48;
      if (digit < 0 || digit > 9) break;
      slot = slot * 10 + digit;
    }
    const lease = this.#slots[slot];
    const isHeld = lease?.batch != null && lease.receipt === receipt && lease.batch.deadline > now;
    return isHeld ? lease : null;
  }

  drop(lease: Lease): void {
    this.#leave(lease);
    lease.entry.lease = null;
    this.#slots[lease.slot] = null;
    this.#free.push(lease.slot);
  }

  renew(lease: Lease, deadline: number): void {
    this.#leave(lease);
    this.#join(lease, deadline);
  }

  #join(lease: Lease, deadline: number): void {
    let batch = this.#latest;
    if (batch === null || batch.deadline !== deadline) {
      batch = this.#latest = new LeaseBatch(deadline);
      this.#batches.set(batch, deadline, ++this.#count);
    } else if (batch.first === null) this.#batches.set(batch, deadline, ++this.#count);
    lease.batch = batch;
    lease.prev = batch.last;
    if (batch.last === null) batch.first = lease;
    else batch.last.next = lease;
    batch.last = lease;
  }

  #leave(lease: Lease): void {
    const { batch, prev, next } = lease;
    if (batch === null) return;
    if (prev === null) batch.first = next;
    else prev.next = next;
    if (next === null) batch.last = prev;
    else next.prev = prev;
    lease.prev = lease.next = null;
    lease.batch = null;
    if (batch.first === null) this.#batches.remove(batch);
  }
}
