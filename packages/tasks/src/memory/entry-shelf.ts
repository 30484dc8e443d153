import type { JobEntry } from "./job-entry.ts";

const PIECE_BITS = 9;
const PIECE = 2 ** PIECE_BITS;
const WITHIN = PIECE - 1;

class Piece {
  readonly entries = new Array<JobEntry | undefined>(PIECE).fill(undefined);
  size = 0;
}

/**
 * Entries by small numbers. In pieces, so that growing copies nothing; a piece is filled from its beginning to its end,
 * and again when all that was in it is gone.
 */
export class EntryShelf {
  readonly #pieces: Piece[] = [];
  readonly #empty: number[] = [];
  /** The number of the piece that is being filled. */
  #piece = -1;
  #filled = PIECE;

  at(place: number): JobEntry {
    return (this.#pieces[place >> PIECE_BITS] as Piece).entries[place & WITHIN] as JobEntry;
  }

  /** @returns its place. */
  put(entry: JobEntry): number {
    if (this.#filled === PIECE) this.#turn();
    const piece = this.#pieces[this.#piece] as Piece;
    piece.entries[this.#filled] = entry;
    piece.size++;
    return this.#piece * PIECE + this.#filled++;
  }

  clear(place: number): void {
    const number = place >> PIECE_BITS;
    const piece = this.#pieces[number] as Piece;
    piece.entries[place & WITHIN] = undefined;
    if (--piece.size === 0 && number !== this.#piece) this.#empty.push(number);
  }

  /** Whether the entries, of which there are `size`, lie so far apart that the next piece is better not begun. */
  isSparse(size: number): boolean {
    return this.#filled === PIECE && (this.#pieces.length - this.#empty.length) * PIECE > 4 * (size + PIECE);
  }

  #turn(): void {
    this.#filled = 0;
    if (this.#pieces[this.#piece]?.size === 0) return;
    this.#piece = this.#empty.pop() ?? this.#pieces.push(new Piece()) - 1;
  }
}
