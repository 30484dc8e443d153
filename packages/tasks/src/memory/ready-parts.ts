import { MAX_PRIORITY } from "@lexigram/contracts";
import type { JobEntry } from "./job-entry.ts";
import { Lane } from "./lane.ts";
import { SlotHeap } from "./slot-heap.ts";
import type { TokenBucket } from "./token-bucket.ts";

class LaneHeap extends SlotHeap<Lane> {
  protected override slotOf(lane: Lane): number {
    return lane.slot;
  }
  protected override place(lane: Lane, slot: number): void {
    lane.slot = slot;
  }
}

/** One priority of a section: the plain line, and the lanes of the keys that may start a job now. */
export class Level {
  readonly section: Section;
  readonly priority: number;
  readonly fair: boolean;
  readonly plain: Lane;
  readonly #lanes = new LaneHeap();
  #turn: Lane | null = null;

  constructor(section: Section, priority: number, fair: boolean) {
    this.section = section;
    this.priority = priority;
    this.fair = fair;
    this.plain = new Lane(this, null);
    this.plain.open = true;
  }

  /** The lane whose first entry comes next, among those that may start one. */
  front(): Lane | null {
    if (this.fair) return this.#turn;
    const plain = this.plain.size > 0 ? this.plain : null;
    const keyed = this.#lanes.top;
    if (keyed === undefined) return plain;
    if (plain === null) return keyed;
    return keyed.firstOrder < plain.firstOrder ? keyed : plain;
  }

  /** Up to `n` lanes that may come next, for a choice among them. */
  fronts(n: number): Lane[] {
    const found: Lane[] = [];
    if (this.fair) {
      for (let lane = this.#turn; lane !== null && found.length < n;) {
        found.push(lane);
        lane = lane.next === this.#turn ? null : lane.next;
      }
      return found;
    }
    if (this.plain.size > 0) found.push(this.plain);
    for (let slot = 0; slot < this.#lanes.size && found.length < n; slot++) {
      const lane = this.#lanes.peek(slot);
      if (lane !== undefined) found.push(lane);
    }
    return found;
  }

  /** Lets claims come by a lane, or tells that its first entry changed. */
  admit(lane: Lane): void {
    if (this.fair) {
      if (!lane.open) this.#join(lane);
    } else this.#lanes.set(lane, lane.firstOrder);
    lane.open = true;
    this.section.mask |= 1 << this.priority;
  }

  expel(lane: Lane): void {
    if (!lane.open) return;
    lane.open = false;
    if (this.fair) this.#leave(lane);
    else this.#lanes.remove(lane);
    this.noteEmptied();
  }

  /** Sends a lane to the end of the turns. */
  toBack(lane: Lane): void {
    if (!lane.open || !this.fair) return;
    this.#leave(lane);
    this.#join(lane);
  }

  noteEmptied(): void {
    if (this.plain.size === 0 && this.#lanes.size === 0 && this.#turn === null)
      this.section.mask &= ~(1 << this.priority);
  }

  #join(lane: Lane): void {
    const first = this.#turn;
    if (first === null || first.prev === null) {
      this.#turn = lane.prev = lane.next = lane;
      return;
    }
    const last = first.prev;
    last.next = first.prev = lane;
    lane.prev = last;
    lane.next = first;
  }

  #leave(lane: Lane): void {
    const { prev, next } = lane;
    if (prev !== null) prev.next = next;
    if (next !== null) next.prev = prev;
    if (this.#turn === lane) this.#turn = next === lane ? null : next;
    lane.prev = lane.next = null;
  }
}

/** Limits of one task over all levels; the first section has none and holds all other tasks. */
export class Section {
  readonly concurrency: number;
  readonly bucket: TokenBucket | null;
  /** Valid leases on its jobs. */
  running = 0;
  /** Which levels have a job that may start, as far as their keys go. */
  mask = 0;
  readonly #levels = new Array<Level | undefined>(MAX_PRIORITY + 1).fill(undefined);
  readonly #fair: boolean;

  constructor(fair: boolean, concurrency: number, bucket: TokenBucket | null) {
    this.#fair = fair;
    this.concurrency = concurrency;
    this.bucket = bucket;
  }

  get isLimited(): boolean {
    return this.concurrency !== Number.POSITIVE_INFINITY || this.bucket !== null;
  }

  level(priority: number): Level {
    return (this.#levels[priority] ??= new Level(this, priority, this.#fair));
  }

  isOpen(now: number): boolean {
    return this.running < this.concurrency && (this.bucket === null || this.bucket.isOpen(now));
  }
}

/** The state of one key: its limits, its lanes, and with `fifo` all its jobs in the order of their acceptance. */
export class KeyLine {
  readonly key: string | undefined;
  readonly concurrency: number;
  readonly bucket: TokenBucket | null;
  readonly fifo: boolean;
  /** Valid leases on its jobs. */
  running = 0;
  /** Jobs that belong to it: the unfinished ones, and a dead letter that holds it. */
  members = 0;
  /** Whether a job of it may start, as far as its own limits go. */
  open = true;
  /** When it had its last turn. */
  turn = 0;
  /** Slots in the heaps of keys that wait for a token, and of keys that wait to be forgotten. */
  refillSlot = -1;
  idleSlot = -1;
  /** Lanes that hold a job. */
  readonly lanes: Lane[] = [];
  first: JobEntry | null = null;
  last: JobEntry | null = null;

  constructor(key: string | undefined, concurrency: number, bucket: TokenBucket | null, fifo: boolean) {
    this.key = key;
    this.concurrency = concurrency;
    this.bucket = bucket;
    this.fifo = fifo;
  }

  get isLimited(): boolean {
    return this.fifo || this.bucket !== null || this.concurrency !== Number.POSITIVE_INFINITY;
  }

  lane(level: Level): Lane {
    for (const lane of this.lanes) if (lane.level === level) return lane;
    const lane = new Lane(level, this);
    this.lanes.push(lane);
    return lane;
  }

  forget(lane: Lane): void {
    const at = this.lanes.indexOf(lane);
    const last = this.lanes.pop();
    if (at >= 0 && last !== undefined && at < this.lanes.length) this.lanes[at] = last;
  }

  /** Lets claims come by its lanes, or keeps them away. */
  setOpen(open: boolean): void {
    if (open === this.open) return;
    this.open = open;
    for (const lane of this.lanes)
      if (open) lane.level.admit(lane);
      else lane.level.expel(lane);
  }

  /** Appends to the chain. */
  chain(entry: JobEntry): void {
    const { line } = entry;
    if (line === null) return;
    line.chained = true;
    line.earlier = this.last;
    if (this.last?.line == null) this.first = entry;
    else this.last.line.later = entry;
    this.last = entry;
  }

  /** @returns the entry that became the first by it. */
  unchain(entry: JobEntry): JobEntry | null {
    const { line } = entry;
    if (line === null || !line.chained) return null;
    const { earlier, later } = line;
    line.chained = false;
    line.earlier = line.later = null;
    if (earlier?.line == null) this.first = later;
    else earlier.line.later = later;
    if (later?.line == null) this.last = earlier;
    else later.line.earlier = earlier;
    return earlier === null ? later : null;
  }
}
