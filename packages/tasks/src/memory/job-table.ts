import type { JobId } from "@lexigram/contracts";
import { EntryShelf } from "./entry-shelf.ts";
import type { JobEntry } from "./job-entry.ts";

const SMALLEST = 64;
/** Ids that differ in so many last bits only lie side by side, as they are made and as they are asked for. */
const NEAR_BITS = 3;
const NEAR = 2 ** NEAR_BITS - 1;

/**
 * Entries by id: a hash table with linear probing. A `Map` of as many texts costs two to three times as much for each
 * job, which is most of what a queue in memory costs at all: it follows a pointer for every key it passes, and drags
 * the places of deleted ones along. The table itself holds numbers alone, so that growing moves no pointers, which the
 * garbage collector would have to be told of one by one.
 */
export class JobTable {
  readonly #seed: number;
  #hashes = new Int32Array(SMALLEST);
  /** On the shelf, of the entry whose hash stands in the same slot. */
  #places = new Int32Array(SMALLEST);
  #shelf = new EntryShelf();
  #mask = SMALLEST - 1;
  #hashedId: JobId = "";
  #hashed = 0;
  size = 0;

  /** @param seed makes it unknown to who chooses ids which of them collide. */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  get(id: JobId): JobEntry | undefined {
    const hash = this.#hashOf(id);
    const mask = this.#mask;
    const hashes = this.#hashes;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = hashes[slot];
      if (found === 0) return undefined;
      if (found !== hash) continue;
      const entry = this.#shelf.at(this.#places[slot] as number);
      if (entry.id === id) return entry;
    }
  }

  has(id: JobId): boolean {
    return this.get(id) !== undefined;
  }

  /** Adds an entry whose id is not there. */
  add(entry: JobEntry): void {
    if (++this.size * 2 > this.#mask) this.#resize((this.#mask + 1) * 2);
    if (this.#shelf.isSparse(this.size)) this.#tidy();
    // A new id was looked up just before.
    entry.hash = entry.id === this.#hashedId ? this.#hashed : this.#hashOf(entry.id);
    this.#put(entry.hash, this.#shelf.put(entry));
  }

  /** Removes an entry that is there, and moves up those that were displaced by it. */
  delete(entry: JobEntry): void {
    const mask = this.#mask;
    const hashes = this.#hashes;
    const places = this.#places;
    let gap = entry.hash & mask;
    while (hashes[gap] !== entry.hash || this.#shelf.at(places[gap] as number) !== entry)
      gap = (gap + 1) & mask;
    this.#shelf.clear(places[gap] as number);
    for (let slot = (gap + 1) & mask; ; slot = (slot + 1) & mask) {
      const hash = hashes[slot] as number;
      if (hash === 0) break;
      if (((slot - hash) & mask) < ((slot - gap) & mask)) continue;
      hashes[gap] = hash;
      places[gap] = places[slot] as number;
      gap = slot;
    }
    hashes[gap] = 0;
    if (--this.size * 16 < mask && mask > SMALLEST) {
      this.#tidy();
      this.#resize((mask + 1) / 4);
    }
  }

  *values(): Generator<JobEntry> {
    for (let slot = 0; slot < this.#hashes.length; slot++)
      if (this.#hashes[slot] !== 0) yield this.#shelf.at(this.#places[slot] as number);
  }

  #put(hash: number, place: number): void {
    const mask = this.#mask;
    const hashes = this.#hashes;
    let slot = hash & mask;
    while (hashes[slot] !== 0) slot = (slot + 1) & mask;
    hashes[slot] = hash;
    this.#places[slot] = place;
  }

  #resize(room: number): void {
    const hashes = this.#hashes;
    const places = this.#places;
    this.#hashes = new Int32Array(room);
    this.#places = new Int32Array(room);
    this.#mask = room - 1;
    for (let slot = 0; slot < hashes.length; slot++) {
      const hash = hashes[slot] as number;
      if (hash !== 0) this.#put(hash, places[slot] as number);
    }
  }

  /** Moves the entries to a shelf of their number. */
  #tidy(): void {
    const from = this.#shelf;
    this.#shelf = new EntryShelf();
    for (let slot = 0; slot < this.#hashes.length; slot++)
      if (this.#hashes[slot] !== 0)
        this.#places[slot] = this.#shelf.put(from.at(this.#places[slot] as number));
  }

  /** Never 0, which marks a free slot. Kept for the id that was hashed last. */
  #hashOf(id: JobId): number {
    const last = id.length - 1;
    let hash = this.#seed;
    for (let i = 0; i < last; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
    const code = id.charCodeAt(last);
    hash = Math.imul(hash ^ (code >>> NEAR_BITS), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash ^= hash >>> 12;
    hash = (hash & ~NEAR) | (code & NEAR);
    this.#hashedId = id;
    return (this.#hashed = hash === 0 ? 1 : hash);
  }
}
