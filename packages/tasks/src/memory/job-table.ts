import type { JobId } from "@lexigram/contracts";
import type { JobEntry } from "./job-entry.ts";

const SMALLEST = 64;

/**
 * Entries by id: a hash table with linear probing. A `Map` of as many texts costs two to three times as much for each
 * job, which is most of what a queue in memory costs at all: it follows a pointer for every key it passes, and drags
 * the places of deleted ones along.
 */
export class JobTable {
  readonly #seed: number;
  #hashes = new Int32Array(SMALLEST);
  #entries = new Array<JobEntry | undefined>(SMALLEST).fill(undefined);
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
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = this.#hashes[slot];
      if (found === 0) return undefined;
      if (found !== hash) continue;
      const entry = this.#entries[slot] as JobEntry;
      if (entry.id === id) return entry;
    }
  }

  has(id: JobId): boolean {
    return this.get(id) !== undefined;
  }

  /** Adds an entry whose id is not there. */
  add(entry: JobEntry): void {
    if (++this.size * 2 > this.#mask) this.#resize((this.#mask + 1) * 2);
    // A new id was looked up just before.
    entry.hash = entry.id === this.#hashedId ? this.#hashed : this.#hashOf(entry.id);
    this.#put(entry, entry.hash);
  }

  /** Removes an entry that is there, and moves up those that were displaced by it. */
  delete(entry: JobEntry): void {
    const mask = this.#mask;
    let gap = entry.hash & mask;
    while (this.#entries[gap] !== entry) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; ; slot = (slot + 1) & mask) {
      const hash = this.#hashes[slot] as number;
      if (hash === 0) break;
      if (((slot - hash) & mask) < ((slot - gap) & mask)) continue;
      this.#hashes[gap] = hash;
      this.#entries[gap] = this.#entries[slot];
      gap = slot;
    }
    this.#hashes[gap] = 0;
    this.#entries[gap] = undefined;
    if (--this.size * 16 < mask && mask > SMALLEST) this.#resize((mask + 1) / 4);
  }

  *values(): Generator<JobEntry> {
    for (const entry of this.#entries) if (entry !== undefined) yield entry;
  }

  #put(entry: JobEntry, hash: number): void {
    const mask = this.#mask;
    let slot = hash & mask;
    while (this.#hashes[slot] !== 0) slot = (slot + 1) & mask;
    this.#hashes[slot] = hash;
    this.#entries[slot] = entry;
  }

  #resize(room: number): void {
    const hashes = this.#hashes;
    const entries = this.#entries;
    this.#hashes = new Int32Array(room);
    this.#entries = new Array<JobEntry | undefined>(room).fill(undefined);
    this.#mask = room - 1;
    for (let slot = 0; slot < hashes.length; slot++) {
      const entry = entries[slot];
      // By the hash kept here: that of the entry lies elsewhere in memory, and reading it costs more than the move.
      if (entry !== undefined) this.#put(entry, hashes[slot] as number);
    }
  }

  /** Never 0, which marks a free slot. Kept for the id that was hashed last. */
  #hashOf(id: JobId): number {
    let hash = this.#seed;
    for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash ^= hash >>> 12;
    this.#hashedId = id;
    return (this.#hashed = hash === 0 ? 1 : hash);
  }
}
