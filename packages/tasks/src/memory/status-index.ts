import type { JobEntry } from "./job-entry.ts";

const SMALLEST = 64;
const WORTH_SHRINKING = 4_096;

/** One page's worth of entries, and the stamp to read on from when there may be more. */
export interface IndexPage {
  readonly entries: readonly JobEntry[];
  readonly next: number | undefined;
}

/**
 * The entries of one status in the order in which they entered it: a ring to which entries are only appended, whose
 * gaps are closed when they outnumber the entries. A page is found by the stamp it begins after, whatever moved
 * meanwhile.
 */
export class StatusIndex {
  #entries: (JobEntry | undefined)[] = new Array<JobEntry | undefined>(SMALLEST);
  #stamps: number[] = new Array<number>(SMALLEST).fill(0);
  #mask = SMALLEST - 1;
  #head = 0;
  #tail = 0;
  size = 0;

  /** @param stamp rises with every call. */
  append(entry: JobEntry, stamp: number): void {
    if (this.#tail - this.#head > this.#mask) this.#rebuild();
    const slot = this.#tail & this.#mask;
    this.#entries[slot] = entry;
    this.#stamps[slot] = stamp;
    entry.indexAt = this.#tail++;
    this.size++;
  }

  remove(entry: JobEntry): void {
    this.#entries[entry.indexAt & this.#mask] = undefined;
    if (--this.size === 0) {
      this.#head = this.#tail = 0;
      if (this.#mask >= WORTH_SHRINKING) this.#rebuild();
      return;
    }
    if (entry.indexAt === this.#head) {
      do this.#head++;
      while (this.#entries[this.#head & this.#mask] === undefined);
    }
  }

  /** The sequence number with which an entry was appended. */
  stampOf(entry: JobEntry): number {
    return this.#stamps[entry.indexAt & this.#mask] as number;
  }

  get first(): JobEntry | undefined {
    return this.size === 0 ? undefined : this.#entries[this.#head & this.#mask];
  }

  /**
   * Entries with a stamp above `after` in their order (or below it, backwards).
   *
   * @param look how many places are looked at most, so that a filter that matches little costs no more than that.
   */
  page(
    after: number | undefined,
    limit: number,
    look: number,
    matches: ((entry: JobEntry) => boolean) | undefined,
    backwards = false,
  ): IndexPage {
    const entries: JobEntry[] = [];
    const step = backwards ? -1 : 1;
    let at: number;
    if (backwards) at = (after === undefined ? this.#tail : this.#search(after)) - 1;
    else at = after === undefined ? this.#head : this.#search(after + 1);
    let looked = 0;
    for (; at >= this.#head && at < this.#tail; at += step) {
      const entry = this.#entries[at & this.#mask];
      if (entries.length === limit || looked === look) {
        if (entry === undefined) continue;
        const before = this.#stamps[(at - step) & this.#mask] as number;
        return { entries, next: before };
      }
      looked++;
      if (entry !== undefined && (matches === undefined || matches(entry))) entries.push(entry);
    }
    return { entries, next: undefined };
  }

  /** The position of the first stamp that is not below `stamp`. */
  #search(stamp: number): number {
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if ((this.#stamps[middle & this.#mask] as number) < stamp) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Closes the gaps, in a ring that leaves as much room again. Entries before the first gap keep their positions. */
  #rebuild(): void {
    let room = SMALLEST;
    while (room < this.size * 2) room *= 2;
    const entries = new Array<JobEntry | undefined>(room);
    const stamps = new Array<number>(room).fill(0);
    const mask = room - 1;
    let tail = this.#head;
    for (let at = this.#head; at < this.#tail; at++) {
      const entry = this.#entries[at & this.#mask];
      if (entry === undefined) continue;
      entries[tail & mask] = entry;
      stamps[tail & mask] = this.#stamps[at & this.#mask] as number;
      if (tail !== at) entry.indexAt = tail;
      tail++;
    }
    this.#entries = entries;
    this.#stamps = stamps;
    this.#mask = mask;
    this.#tail = tail;
  }
}
