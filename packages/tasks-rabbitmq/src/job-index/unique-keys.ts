import type { JobId, JsonValue, StateEntry, StateStoreProtocol, Unique } from "@lexigram/contracts";
import type { IndexKeys } from "./index-keys.ts";
import { type Indexed, type IndexedJob, isOver, standingOf } from "./indexed-job.ts";

/** Who has a unique key. */
interface KeyHolder {
  readonly id: JobId;
  readonly nonce: string;
  /** Whether the key is held for a time, whatever becomes of the job. */
  readonly timed: boolean;
}

export interface UniqueKeysParts {
  readonly state: StateStoreProtocol;
  readonly keys: IndexKeys;
  readonly now: () => number;
  readonly read: (id: JobId) => Promise<Indexed | undefined>;
  /** For how long a key is held that nobody has confirmed. Milliseconds. */
  readonly leaseMs: number;
}

/** What came of asking for a key. */
export type Taking =
  | { readonly outcome: "taken"; readonly version: number; readonly replaces?: JobId }
  | { readonly outcome: "held"; readonly by: JobId };

/**
 * Unique keys, each an entry that names its holder. Unless a key is held for a time it is only as good as its holder's
 * record: whoever finds one whose job has ended, or was never stored, takes it over. So a crash frees it by itself.
 */
export class UniqueKeys {
  readonly #parts: UniqueKeysParts;

  constructor(parts: UniqueKeysParts) {
    this.#parts = parts;
  }

  /** Takes a key for a job whose record is there already, until its lease ends or it is confirmed. */
  async take({ key, until, onConflict }: Unique, id: JobId, nonce: string): Promise<Taking> {
    const { state, keys, leaseMs } = this.#parts;
    const name = keys.unique(key);
    const value = { id, nonce, timed: typeof until === "object" } satisfies KeyHolder as unknown as JsonValue;
    const ttlMs = typeof until === "object" ? Math.min(until.ttlMs, leaseMs) : leaseMs;
    let condition: { ifAbsent: true } | { ifVersion: number } = { ifAbsent: true };
    let replaces: JobId | undefined;
    for (;;) {
      const put = await state.put(name, value, { ...condition, ttlMs });
      if (put.stored)
        return { outcome: "taken", version: put.version, ...(replaces === undefined ? {} : { replaces }) };
      replaces = undefined;
      condition = { ifAbsent: true };
      if (put.current === undefined) continue;
      const holder = put.current.value as unknown as KeyHolder;
      if (holder.id === id && holder.nonce === nonce)
        return { outcome: "taken", version: put.current.version };
      const job = await this.#holding(holder);
      const isReplaced = onConflict === "replace" && job !== undefined && isUnstarted(job);
      if (!isReplaced && (job !== undefined || holder.timed)) return { outcome: "held", by: holder.id };
      if (isReplaced) replaces = holder.id;
      condition = { ifVersion: put.current.version };
    }
  }

  /** The job was stored: its key is held as long as it says. @param longMs how long the longest, in milliseconds. */
  async confirm({ key, until }: Unique, version: number, longMs: number): Promise<void> {
    const { state, keys } = this.#parts;
    const ttlMs = typeof until === "object" ? until.ttlMs : longMs;
    await state.touch(keys.unique(key), { ttlMs, ifVersion: version });
  }

  /** Gives up a key that was taken for a job which is not to be stored. */
  async drop({ key }: Unique, version: number): Promise<void> {
    const { state, keys } = this.#parts;
    await state.delete(keys.unique(key), { ifVersion: version });
  }

  /** A job's key needs not be held any more. It is free anyway, so this only tidies. */
  async free({ unique, nonce }: IndexedJob): Promise<void> {
    if (unique === undefined || typeof unique.until === "object") return;
    const { state, keys } = this.#parts;
    const name = keys.unique(unique.key);
    const entry: StateEntry | undefined = await state.get(name);
    if (entry === undefined || (entry.value as unknown as KeyHolder).nonce !== nonce) return;
    await state.delete(name, { ifVersion: entry.version });
  }

  /** The holder's job, while it holds the key by being what it is. */
  async #holding({ id, nonce }: KeyHolder): Promise<IndexedJob | undefined> {
    const { read, now } = this.#parts;
    const job = (await read(id))?.job;
    if (job === undefined || job.nonce !== nonce) return undefined;
    const { state } = standingOf(job, now());
    if (isOver({ ...job, state })) return undefined;
    return job.unique?.until === "started" && !isUnstarted(job) ? undefined : job;
  }
}

const isUnstarted = ({ state, begun }: IndexedJob): boolean => state !== "running" && !begun;
