/**
 * The layout that this code writes and knows. It covers the names of keys, their types, what a member or a field holds,
 * the hash that chooses a shard, and the names of channels.
 */
export const STATE_LAYOUT = 1;

/** The oldest layout that a process must know to use what this code writes. */
export const OLDEST_LAYOUT = 1;

export const DEFAULT_SHARDS = 16;
export const MAX_SHARDS = 256;

/** The keys of one shard. All have one hash tag, so one script may touch them all on a cluster. */
export interface StateShard {
  /** What the scripts of entries take: values, order of keys, ends, last version. */
  readonly entries: readonly string[];
  /** What the scripts of permits take: shares, ends by permit, ends by time. */
  readonly permits: readonly string[];
}

/**
 * Every key that a state store has on the server, and there are no others: `{namespace:state:N}:…` for each shard N,
 * and `{namespace:state:tokens}:…`. Token buckets lie in one slot together, because a call takes from several of them
 * in one step and they may be any; entries and permits lie in the shard of their key.
 */
export class StateLayout {
  readonly shards: readonly StateShard[];
  /** What the script of tokens takes: buckets, and when each is full again. */
  readonly tokens: readonly string[];
  /** Which layout is stored. */
  readonly record: readonly string[];
  readonly #topics: string;

  constructor(namespace: string, shards: number) {
    const key = (part: string | number, name: string): string => `{${namespace}:state:${part}}:${name}`;
    this.shards = Array.from({ length: shards }, (_, n) => ({
      entries: ["values", "order", "ends", "version"].map((name) => key(n, name)),
      permits: ["permits", "permit-ends", "permit-times"].map((name) => key(n, name)),
    }));
    this.tokens = ["buckets", "full-at"].map((name) => key("tokens", name));
    this.record = [key(0, "layout")];
    this.#topics = `${namespace}:state:topic:`;
  }

  /** Every key there may be. */
  get keys(): readonly string[] {
    return [
      ...this.record,
      ...this.tokens,
      ...this.shards.flatMap((shard) => [...shard.entries, ...shard.permits]),
    ];
  }

  /** @param key as it is stored. */
  shardOf(key: string): StateShard {
    return this.shards[hash(key) % this.shards.length] as StateShard;
  }

  /** @param topic as it is stored. */
  channel(topic: string): string {
    return this.#topics + topic;
  }
}

/** FNV-1a over code units, folded so that all of its bits count in a small remainder. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h ^= h >>> 15;
  return (h ^ (h >>> 7)) >>> 0;
}
