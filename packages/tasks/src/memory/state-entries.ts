import type { JsonValue, StateEntry } from "@lexigram/contracts";
import { type Expiring, ExpiryHeap } from "./state-expiry.ts";
import { SortedKeys } from "./state-keys.ts";

class Entry implements Expiring {
  heapIndex = -1;
  deadline = Infinity;
  version = 0;
  value: JsonValue = null;
  readonly key: string;

  constructor(key: string) {
    this.key = key;
  }
}

/** Versioned values by key, in order, with deadlines. Values must be frozen. */
export class StateEntries {
  readonly #entries = new Map<string, Entry>();
  readonly #keys = new SortedKeys();
  readonly #ends = new ExpiryHeap<Entry>();
  /** One counter for all keys: a version can then not come again, also when the entry was forgotten meanwhile. */
  #lastVersion = 0;

  /** Entries held, also ended ones that no sweep has met. */
  get size(): number {
    return this.#entries.size;
  }

  get(key: string, now: number): StateEntry | undefined {
    const entry = this.#live(key, now);
    return entry === undefined ? undefined : view(entry, now);
  }

  /** Writes a value; `deadline` absent keeps the one the entry has. @returns its new version. */
  write(key: string, value: JsonValue, deadline: number | undefined, now: number): number {
    let entry = this.#live(key, now);
    if (entry === undefined) {
      entry = new Entry(key);
      this.#entries.set(key, entry);
      this.#keys.add(key);
    }
    entry.value = value;
    entry.version = ++this.#lastVersion;
    if (deadline !== undefined && deadline !== entry.deadline) this.#ends.schedule(entry, deadline);
    return entry.version;
  }

  /** Sets the deadline of a live entry at that version, if one is given. @returns whether there was one. */
  touch(key: string, deadline: number, version: number | undefined, now: number): boolean {
    const entry = this.#live(key, now);
    if (entry === undefined || (version !== undefined && entry.version !== version)) return false;
    this.#ends.schedule(entry, deadline);
    return true;
  }

  delete(key: string, version: number | undefined, now: number): boolean {
    const entry = this.#live(key, now);
    if (entry === undefined || (version !== undefined && entry.version !== version)) return false;
    this.#forget(entry);
    return true;
  }

  /** Up to `most` live entries under a prefix, beginning with the first key above `after`. */
  list(prefix: string, after: string | undefined, most: number, now: number): StateEntry[] {
    const found: StateEntry[] = [];
    const ended: Entry[] = [];
    const from = after !== undefined && after >= prefix ? after : prefix;
    for (const key of this.#keys.walk(from)) {
      if (!key.startsWith(prefix) || found.length === most) break;
      if (key === after) continue;
      const entry = this.#entries.get(key) as Entry;
      if (entry.deadline <= now) ended.push(entry);
      else found.push(view(entry, now));
    }
    for (const entry of ended) this.#forget(entry);
    return found;
  }

  /** Forgets ended entries, at most `most` of them. */
  sweep(now: number, most: number): void {
    for (let i = 0; i < most; i++) {
      const entry = this.#ends.takeDue(now);
      if (entry === undefined) return;
      this.#forget(entry);
    }
  }

  #live(key: string, now: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.deadline > now) return entry;
    this.#forget(entry);
    return undefined;
  }

  #forget(entry: Entry): void {
    this.#entries.delete(entry.key);
    this.#keys.remove(entry.key);
    this.#ends.remove(entry);
  }
}

function view(entry: Entry, now: number): StateEntry {
  const { key, value, version, deadline } = entry;
  return deadline === Infinity
    ? { key, value, version }
    : { key, value, version, expiresInMs: deadline - now };
}
