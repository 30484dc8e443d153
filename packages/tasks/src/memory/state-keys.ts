const CHUNK = 512;

/**
 * Distinct keys in the order of their UTF-16 code units, in chunks, so that an insert moves at most one chunk and
 * nothing is ever sorted as a whole.
 */
export class SortedKeys {
  /** Never empty inside; the outer list is empty when there are no keys. */
  readonly #chunks: string[][] = [];

  /** Adds a key that is not there yet. */
  add(key: string): void {
    if (this.#chunks.length === 0) {
      this.#chunks.push([key]);
      return;
    }
    const at = Math.min(this.#chunkOf(key), this.#chunks.length - 1);
    const chunk = this.#chunks[at] as string[];
    chunk.splice(lowerBound(chunk, key), 0, key);
    if (chunk.length > CHUNK) this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK / 2));
  }

  /** Removes a key if it is there. */
  remove(key: string): void {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    const i = lowerBound(chunk, key);
    if (chunk[i] !== key) return;
    chunk.splice(i, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /**
   * The keys from `from` on, in order. The set must not change while it is walked.
   *
   * @param from the least key to yield.
   */
  *walk(from: string): Generator<string, void, void> {
    let at = this.#chunkOf(from);
    let i = at < this.#chunks.length ? lowerBound(this.#chunks[at] as string[], from) : 0;
    for (; at < this.#chunks.length; at++, i = 0) {
      const chunk = this.#chunks[at] as string[];
      for (; i < chunk.length; i++) yield chunk[i] as string;
    }
  }

  /** The first chunk whose last key is not below `key`; one past the end when all are below. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const last = (this.#chunks[middle] as string[]).at(-1) as string;
      if (last < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function lowerBound(chunk: readonly string[], key: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((chunk[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
