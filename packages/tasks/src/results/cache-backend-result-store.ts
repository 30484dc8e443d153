import {
  checkJobId,
  type Clock,
  ClosedError,
  type Duration,
  type JobId,
  type JsonValue,
  type Page,
  refuseUnknownOptions,
  serviceOption,
  spanOption,
  type StateStoreProtocol,
  systemClock,
} from "@lexigram/contracts";
import { AttemptResults } from "./attempt-results.ts";
import { pageSize, recordAsJson, ttlMs } from "./result-record.ts";
import {
  DEFAULT_RESULT_TTL,
  type ResultQuery,
  type ResultRecord,
  ResultStore,
  type ResultStatus,
  type ResultStoreStats,
  type StoredResult,
  STORE_OPTIONS,
  type StoreResultOptions,
} from "./result-store.ts";
import { WaiterHub, type WaitOptions } from "./waiter-hub.ts";

export interface CacheBackendResultStoreOptions {
  /** How long a result is kept; `null`: for ever. Default 1 hour. */
  readonly ttl?: Duration | null;
  /** How often who waits looks for a result that no message announced; above 0, at most 1 s. Default 1 s. */
  readonly pollInterval?: Duration;
  readonly clock?: Clock;
}

const NAME = "CacheBackendResultStore";
const LONGEST_POLL_MS = 1_000;
const RECORD = "result:";
const INDEX = "result-index:";
const TOPIC = "results";

/** The last instant that a date can have; what is left until then sorts the newest first. */
const LAST_INSTANT = 8_640_000_000_000_000;

/** A record beside the key of its entry in the index. */
interface Entry {
  readonly record: ResultRecord;
  readonly index: string;
}

/**
 * Results in a state store, shared by all its processes. A result is one entry, found by job; beside it lies one
 * entry of an index in the order of time, so listing reads a page and no write depends on a read.
 *
 * Job ids are texts of up to 400 characters; a longer one is refused with `TaskValidationError` by the store.
 */
export class CacheBackendResultStore extends ResultStore {
  /** Where it keeps them. */
  readonly state: StateStoreProtocol;
  /** What attempts left behind whose end no queue has accepted yet. Not among the results of this store. */
  readonly attempts: AttemptResults;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #hub: WaiterHub<ResultRecord>;
  #totalStored = 0;
  #closed = false;

  /** @throws TaskConfigError for an option that is unknown or out of range. */
  constructor(state: StateStoreProtocol, options: CacheBackendResultStoreOptions = {}) {
    super();
    refuseUnknownOptions(NAME, options, ["ttl", "pollInterval", "clock"]);
    this.state = serviceOption(NAME, "state", "state store", state);
    this.#clock = serviceOption(NAME, "clock", "clock", options.clock ?? systemClock);
    this.attempts = new AttemptResults(state, this.#clock);
    this.#ttlMs = ttlMs(options.ttl === undefined ? DEFAULT_RESULT_TTL : options.ttl);
    const pollMs = spanOption(NAME, "pollInterval", options.pollInterval ?? LONGEST_POLL_MS, {
      above: 0,
      atMost: LONGEST_POLL_MS,
    });
    this.#hub = new WaiterHub<ResultRecord>(
      {
        subscribe: (ids, signal) => this.announcements(ids, signal),
        read: (ids) => Promise.all(ids.map(async (id) => (await this.#entry(id))?.record)),
      },
      { clock: this.#clock, pollMs },
    );
  }

  async store(jobId: JobId, result: StoredResult, options: StoreResultOptions = {}): Promise<boolean> {
    this.#check();
    refuseUnknownOptions("store", options, STORE_OPTIONS);
    const storedAt = this.#clock.now();
    const record = recordAsJson(jobId, result, storedAt);
    const index = `${INDEX}${result.status}:${String(LAST_INSTANT - Math.floor(storedAt)).padStart(16, "0")}:${jobId}`;
    const ttl = this.msOf(options);
    const kept = ttl === Infinity ? {} : { ttlMs: ttl };
    const key = RECORD + jobId;
    const value = { record, index };
    const first = await this.state.put(key, value, { ...kept, ifAbsent: true });
    if (!first.stored) {
      if (options.ifAbsent === true) return false;
      await this.state.put(key, value, kept);
      const before = (first.current?.value as Entry | undefined)?.index;
      if (before !== undefined && before !== index) await this.state.delete(before);
    }
    await Promise.all([this.state.put(index, jobId, kept), this.state.publish(TOPIC, jobId)]);
    this.#totalStored++;
    return true;
  }

  /** How long a result is kept that is stored with these options: milliseconds, `Infinity` for ever. */
  msOf(options: StoreResultOptions): number {
    return options.ttl === undefined ? this.#ttlMs : ttlMs(options.ttl);
  }

  /** Those of these jobs whose results are stored from now on, as hints. */
  async announcements(ids: readonly JobId[], signal: AbortSignal): Promise<AsyncIterable<JobId>> {
    return announced(ids, await this.state.subscribe(TOPIC, signal));
  }

  async get(jobId: JobId): Promise<ResultRecord | undefined> {
    this.#check();
    checkJobId(jobId);
    return (await this.#entry(jobId))?.record;
  }

  async delete(jobId: JobId): Promise<boolean> {
    this.#check();
    checkJobId(jobId);
    const entry = await this.#entry(jobId);
    if (entry !== undefined) await this.state.delete(entry.index);
    return this.state.delete(RECORD + jobId);
  }

  async cleanupExpired(): Promise<number> {
    this.#check();
    return 0;
  }

  async list(status: ResultStatus, query: ResultQuery = {}): Promise<Page<ResultRecord>> {
    this.#check();
    const limit = pageSize(status, query);
    const items: ResultRecord[] = [];
    let { cursor } = query;
    do {
      const page = await this.state.list(`${INDEX}${status}:`, {
        limit: limit - items.length,
        ...(cursor === undefined ? {} : { cursor }),
      });
      const entries = await Promise.all(page.items.map((item) => this.#entry(item.value as JobId)));
      for (const [i, entry] of entries.entries())
        // A process that died between two writes may have left an entry of the index that points nowhere.
        if (entry !== undefined && entry.index === page.items[i]?.key) items.push(entry.record);
      cursor = page.cursor;
    } while (cursor !== undefined && items.length < limit);
    return cursor === undefined ? { items } : { items, cursor };
  }

  async getStats(): Promise<ResultStoreStats> {
    this.#check();
    return { pendingWaiters: this.#hub.waiting, totalStored: this.#totalStored, ttlMs: this.#ttlMs };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#hub.rejectAll(new ClosedError({ resource: NAME }));
  }

  protected async waitFor(jobId: JobId, options: WaitOptions): Promise<ResultRecord> {
    this.#check();
    return this.#hub.wait(jobId, options);
  }

  async #entry(jobId: JobId): Promise<Entry | undefined> {
    const found = await this.state.get(RECORD + jobId);
    return found?.value as Entry | undefined;
  }

  #check(): void {
    if (this.#closed) throw new ClosedError({ resource: NAME });
  }
}

/** Of the ids that are announced, those that are waited for. */
async function* announced(
  ids: readonly JobId[],
  messages: AsyncIterable<JsonValue>,
): AsyncGenerator<JobId, void, void> {
  const wanted = new Set(ids);
  for await (const message of messages) if (typeof message === "string" && wanted.has(message)) yield message;
}
