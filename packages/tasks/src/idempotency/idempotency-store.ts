import type {
  JobId,
  JsonValue,
  PutOptions,
  SerializedError,
  StateEntry,
  StateStoreProtocol,
} from "@lexigram/contracts";

export type IdempotencyStatus = "in_progress" | "completed" | "failed";

/** What is stored under a key. */
export interface StoredIdempotency {
  readonly v: 1;
  readonly status: IdempotencyStatus;
  /** Who began it; no other has that name. */
  readonly owner: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** How long it is kept once it is over. */
  readonly ttlMs: number;
  readonly result?: JsonValue;
  readonly error?: SerializedError;
  /** Of a task: the job that stands for all that were submitted. */
  readonly job?: { readonly queue: string; readonly id: JobId; readonly enqueued: boolean };
}

export interface FoundIdempotency {
  readonly stored: StoredIdempotency;
  readonly version: number;
}

/** Records of what was begun under a key and what came of it, in a state store. Every method is one or two atomic steps. */
export class IdempotencyStore {
  readonly state: StateStoreProtocol;

  constructor(state: StateStoreProtocol) {
    this.state = state;
  }

  async get(key: string): Promise<FoundIdempotency | undefined> {
    return foundOf(await this.state.get(entryOf(key)));
  }

  /** Writes under a condition. @returns the version, or what is there instead. */
  async put(
    key: string,
    stored: StoredIdempotency,
    ttlMs: number,
    condition: Pick<PutOptions, "ifAbsent" | "ifVersion">,
  ): Promise<
    | { readonly version: number }
    | { readonly version: undefined; readonly current: FoundIdempotency | undefined }
  > {
    const outcome = await this.state.put(entryOf(key), asJson(stored), { ...condition, ttlMs });
    return outcome.stored
      ? { version: outcome.version }
      : { version: undefined, current: foundOf(outcome.current) };
  }

  keep(key: string, version: number, ttlMs: number): Promise<boolean> {
    return this.state.touch(entryOf(key), { ttlMs, ifVersion: version });
  }

  delete(key: string, version?: number): Promise<boolean> {
    return this.state.delete(entryOf(key), version === undefined ? {} : { ifVersion: version });
  }

  /**
   * Makes the record of a job that which says that it is completed, unless it says so already. One that was forgotten, or
   * is that of another job by now, stays as it is.
   *
   * @returns what is stored now.
   */
  async complete(
    key: string,
    jobId: JobId,
    result: JsonValue | undefined,
  ): Promise<StoredIdempotency | undefined> {
    let current = await this.get(key);
    while (current?.stored.job?.id === jobId && current.stored.status !== "completed") {
      const { stored, version } = current;
      const completed: StoredIdempotency = {
        ...stored,
        status: "completed",
        ...(result === undefined ? {} : { result }),
      };
      const outcome = await this.put(key, completed, stored.ttlMs, { ifVersion: version });
      if (outcome.version !== undefined) {
        this.tell(key);
        return completed;
      }
      current = outcome.current;
    }
    return current?.stored;
  }

  /** Hints that a record says something else now. */
  hints(key: string, signal: AbortSignal): Promise<AsyncIterable<JsonValue>> {
    return this.state.subscribe(entryOf(key), signal);
  }

  tell(key: string): void {
    this.state.publish(entryOf(key), true).catch(() => {});
  }
}

/** Longest key, so that what is stored of it fits a key of the store. */
export const LONGEST_IDEMPOTENCY_KEY = 450;

const entryOf = (key: string): string => `idempotency:${key}`;

function foundOf(entry: StateEntry | undefined): FoundIdempotency | undefined {
  return entry && { stored: entry.value as unknown as StoredIdempotency, version: entry.version };
}

/** Members that are `undefined` are left out by the store. */
const asJson = (stored: StoredIdempotency): JsonValue => stored as unknown as JsonValue;
