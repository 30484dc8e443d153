/** A token bucket: holds at most `burst`, refilled at `rate` per `perMs`, full at first. */
export interface Bucket {
  /** Tokens per `perMs`; above 0. */
  readonly rate: number;
  /** Milliseconds; above 0. */
  readonly perMs: number;
  /** The most that may start at once; at least 1. */
  readonly burst: number;
}

/** How long terminal records are kept: by age and by count, whichever is reached first. 0 keeps none. */
export type Retention = 0 | { readonly ageMs: number; readonly count: number };

/**
 * Rules that a queue judges itself, inside the step that enqueues, claims or settles, over all processes. A field
 * that is absent means no rule, or the default named here.
 */
export interface QueuePolicy {
  /** Unfinished jobs (waiting, scheduled, pending, running) that the queue holds at most. */
  readonly maxSize?: number;
  /** Of completed, cancelled and expired records. Default 1 hour and 1,000. */
  readonly keepCompleted?: Retention;
  /** Of failed records, which are the dead letters. Default 7 days and 10,000. */
  readonly keepFailed?: Retention;
  /** Leases that are valid at once, at most. */
  readonly concurrency?: number;
  /** Starts per time. */
  readonly rate?: Bucket;
  /**
   * Lets waiting raise a job: it counts as one level higher for every this many milliseconds since it was due (when it
   * was accepted, or at its `runAt`), so steady urgent work cannot starve the rest. Above 0. Absent: strict levels.
   */
  readonly agingMs?: number;
  /** The same two for single tasks, by name. */
  readonly perTask?: Readonly<Record<string, { readonly concurrency?: number; readonly rate?: Bucket }>>;
  /** Rules for each key by itself. */
  readonly perKey?: {
    readonly concurrency?: number;
    readonly rate?: Bucket;
    /** `fifo`: a job starts only when every earlier accepted job of its key is terminal. Default `any`. */
    readonly order?: "fifo" | "any";
    /** Take turns between the keys of a priority level. Default false: first in, first out over all keys. */
    readonly fair?: boolean;
    /** With `fifo`: whether a dead-lettered job lets its key go on, or holds it until it is redriven or removed. Default `continue`. */
    readonly onFailure?: "continue" | "block";
  };
}

export const DEFAULT_KEEP_COMPLETED: Retention = { ageMs: 3_600_000, count: 1_000 };
export const DEFAULT_KEEP_FAILED: Retention = { ageMs: 604_800_000, count: 10_000 };
export const DEFAULT_MAX_RECOVERIES = 3;
export const MAX_DEPENDENCIES = 100;
