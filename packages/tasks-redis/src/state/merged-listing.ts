import type { Page, StateEntry } from "@lexigram/contracts";

/** A stretch of one shard's listing, in the order of keys. */
export interface Stretch {
  readonly entries: readonly StateEntry[];
  /** The key up to which the shard was looked through; absent when it was to its end. */
  readonly through?: string;
}

/** Reads on in one shard: at most `most` entries above the key `after`, or from the beginning. */
export type ReadStretch = (shard: number, after: string | undefined, most: number) => Promise<Stretch>;

/** Stretches of ended entries can make a page need more rounds; beyond these it is given short. */
const MAX_ROUNDS = 8;

/**
 * One page of the listings of several shards, merged by key. Keys are spread evenly, so each shard is asked for its part
 * and what chance may add, and mostly once. Only what lies below the nearest key up to which every shard was looked through
 * is sure to be complete; when that is too little, the shards that hold it up are asked for more.
 *
 * @returns a full page, or the last; a shorter one with a cursor where very many ended entries were passed over.
 */
export async function mergedPage(
  shards: number,
  after: string | undefined,
  limit: number,
  read: ReadStretch,
): Promise<Page<StateEntry>> {
  // One more than the page tells whether there is another page.
  const needed = limit + 1;
  const mean = needed / shards;
  let most = Math.min(needed, Math.ceil(mean + 3 * Math.sqrt(mean) + 1));
  const through: (string | undefined)[] = Array.from({ length: shards }, () => after);
  let asked = through.map((_, shard) => shard);
  const found: StateEntry[] = [];
  for (let round = 1; ; round++) {
    const stretches = await Promise.all(asked.map((shard) => read(shard, through[shard], most)));
    for (const [i, stretch] of stretches.entries()) {
      through[asked[i] as number] = stretch.through;
      for (const entry of stretch.entries) found.push(entry);
    }
    const sure = least(through);
    const complete = sure === undefined ? found : found.filter((entry) => entry.key <= sure);
    if (complete.length >= needed || sure === undefined || round === MAX_ROUNDS) {
      const items = complete.toSorted((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit);
      const cursor = complete.length > limit ? items.at(-1)?.key : sure;
      return cursor === undefined ? { items } : { items, cursor };
    }
    asked = through.flatMap((key, shard) => (key === sure ? [shard] : []));
    most = needed;
  }
}

function least(keys: readonly (string | undefined)[]): string | undefined {
  let first: string | undefined;
  for (const key of keys) if (key !== undefined && (first === undefined || key < first)) first = key;
  return first;
}
