import type { JobEntry } from "./job-entry.ts";

const PIECE_BITS = 7;
const PIECE = 2 ** PIECE_BITS;
const WITHIN = PIECE - 1;
/** Entries are numbered anew beyond this, so that their places stay small integers. */
const LAST_PLACE = 2 ** 30;

/** One page's worth of entries, and the stamp to read on from when there may be more. */
export interface IndexPage {
  readonly entries: readonly JobEntry[];
  readonly next: number | undefined;
}

/** Neighbouring places, empty where an entry has left. */
class Piece {
  readonly entries = new Array<JobEntry | undefined>(PIECE).fill(undefined);
  readonly stamps = new Array<number>(PIECE).fill(0);
}

/**
 * The entries of one status in the order in which they entered it: places in pieces, so that growing copies nothing.
 * Entries are only appended; gaps are closed when they outnumber the entries. A page is found by the stamp it begins
 * after, whatever moved meanwhile.
 */
export class StatusIndex {
  #pieces: Piece[] = [];
  /** The place with which the first piece begins. */
  #base = 0;
  #head = 0;
  #tail = 0;
  size = 0;

  /** @param stamp rises with every call. */
  append(entry: JobEntry, stamp: number): void {
    if (this.#isFull) this.#extend();
    const at = this.#tail++;
    const piece = this.#pieceOf(at);
    piece.entries[at & WITHIN] = entry;
    piece.stamps[at & WITHIN] = stamp;
    entry.indexAt = at;
    this.size++;
  }

  remove(entry: JobEntry): void {
    const at = entry.indexAt;
    this.#pieceOf(at).entries[at & WITHIN] = undefined;
    if (--this.size === 0) {
      this.#base = this.#head = this.#tail = 0;
      if (this.#pieces.length > 1) this.#pieces.length = 1;
    } else if (at === this.#head) this.#advance();
  }

  /** The sequence number with which an entry was appended. */
  stampOf(entry: JobEntry): number {
    return this.#stampAt(entry.indexAt);
  }

  get first(): JobEntry | undefined {
    return this.size === 0 ? undefined : this.#entryAt(this.#head);
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
      const entry = this.#entryAt(at);
      if (entries.length === limit || looked === look) {
        if (entry === undefined) continue;
        return { entries, next: this.#stampAt(at - step) };
      }
      looked++;
      if (entry !== undefined && (matches === undefined || matches(entry))) entries.push(entry);
    }
    return { entries, next: undefined };
  }

  #pieceOf(at: number): Piece {
    return this.#pieces[(at - this.#base) >> PIECE_BITS] as Piece;
  }

  #entryAt(at: number): JobEntry | undefined {
    return this.#pieceOf(at).entries[at & WITHIN];
  }

  #stampAt(at: number): number {
    return this.#pieceOf(at).stamps[at & WITHIN] as number;
  }

  /** The position of the first stamp that is not below `stamp`. */
  #search(stamp: number): number {
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.#stampAt(middle) < stamp) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Moves on to the first entry that is still there, and lets go of the pieces before it. */
  #advance(): void {
    do this.#head++;
    while (this.#entryAt(this.#head) === undefined);
    const passed = (this.#head - this.#base) >> PIECE_BITS;
    if (passed === 0) return;
    this.#pieces.splice(0, passed);
    this.#base += passed * PIECE;
  }

  get #isFull(): boolean {
    return this.#tail - this.#base === this.#pieces.length * PIECE;
  }

  #extend(): void {
    const hasGaps = this.#tail - this.#head >= 2 * (this.size + PIECE);
    if (hasGaps || this.#tail > LAST_PLACE) this.#closeGaps();
    if (this.#isFull) this.#pieces.push(new Piece());
  }

  #closeGaps(): void {
    const pieces = this.#pieces;
    const first = this.#head - this.#base;
    const end = this.#tail - this.#base;
    this.#pieces = [];
    this.#base = this.#head = this.#tail = this.size = 0;
    for (let at = first; at < end; at++) {
      const piece = pieces[at >> PIECE_BITS] as Piece;
      const entry = piece.entries[at & WITHIN];
      if (entry !== undefined) this.append(entry, piece.stamps[at & WITHIN] as number);
    }
  }
}
