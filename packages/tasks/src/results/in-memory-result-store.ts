import {
  checkJobId,
  type Clock,
  ClosedError,
  countOption,
  type Duration,
  type JobId,
  type Page,
  refuseUnknownOptions,
  serviceOption,
  systemClock,
} from "@lexigram/contracts";
import { decodeRecord, encodeRecord, pageSize, ttlMs } from "./result-record.ts";
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

export interface InMemoryResultStoreOptions {
  /** How long a result is kept; `null`: for ever. Default 1 hour. */
  readonly ttl?: Duration | null;
  /** Results that may expire, at most; the oldest goes first. Those kept for ever count extra. Default 10,000. */
  readonly maxSize?: number;
  readonly clock?: Clock;
}

const NAME = "InMemoryResultStore";

/** Oldest results that one `store` looks at to see whether their time is up. */
const SWEEP = 4;

interface Kept {
  readonly jobId: JobId;
  readonly status: ResultStatus;
  /** Rises with each store. */
  readonly seq: number;
  readonly text: string;
  /** Monotonic milliseconds; `Infinity`: never. */
  readonly endsAt: number;
}

/** Results in this process, gone with it. A wait ends with the `store` that it waits for; nothing is polled. */
export class InMemoryResultStore extends ResultStore {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #maxSize: number;
  /** Both from the oldest to the newest. */
  readonly #expiring = new Map<JobId, Kept>();
  readonly #forever = new Map<JobId, Kept>();
  readonly #hub: WaiterHub<ResultRecord>;
  #seq = 0;
  #totalStored = 0;
  #closed = false;

  /** @throws TaskConfigError for an option that is unknown or out of range. */
  constructor(options: InMemoryResultStoreOptions = {}) {
    super();
    refuseUnknownOptions(NAME, options, ["ttl", "maxSize", "clock"]);
    this.#clock = serviceOption(NAME, "clock", "clock", options.clock ?? systemClock);
    this.#ttlMs = ttlMs(options.ttl === undefined ? DEFAULT_RESULT_TTL : options.ttl);
    this.#maxSize = countOption(NAME, "maxSize", options.maxSize ?? 10_000, 1);
    this.#hub = new WaiterHub<ResultRecord>(
      { read: (ids) => Promise.resolve(ids.map((id) => this.#read(id))) },
      { clock: this.#clock, pollMs: Infinity },
    );
  }

  async store(jobId: JobId, result: StoredResult, options: StoreResultOptions = {}): Promise<boolean> {
    this.#check();
    refuseUnknownOptions("store", options, STORE_OPTIONS);
    const now = this.#clock.monotonic();
    this.#sweep(now);
    checkJobId(jobId);
    if (options.ifAbsent === true && this.#live(jobId, now) !== undefined) return false;
    const text = encodeRecord(jobId, result, this.#clock.now());
    const endsAt = now + (options.ttl === undefined ? this.#ttlMs : ttlMs(options.ttl));
    this.#remove(jobId);
    const kept: Kept = { jobId, status: result.status, seq: ++this.#seq, text, endsAt };
    (endsAt === Infinity ? this.#forever : this.#expiring).set(jobId, kept);
    if (this.#expiring.size > this.#maxSize) this.#remove(this.#expiring.keys().next().value as JobId);
    this.#totalStored++;
    this.#hub.hint(jobId);
    return true;
  }

  async get(jobId: JobId): Promise<ResultRecord | undefined> {
    this.#check();
    checkJobId(jobId);
    return this.#read(jobId);
  }

  async delete(jobId: JobId): Promise<boolean> {
    this.#check();
    checkJobId(jobId);
    const live = this.#live(jobId, this.#clock.monotonic());
    this.#remove(jobId);
    return live !== undefined;
  }

  async cleanupExpired(): Promise<number> {
    this.#check();
    const now = this.#clock.monotonic();
    const before = this.#expiring.size;
    for (const kept of this.#expiring.values()) if (kept.endsAt <= now) this.#remove(kept.jobId);
    return before - this.#expiring.size;
  }

  async list(status: ResultStatus, query: ResultQuery = {}): Promise<Page<ResultRecord>> {
    this.#check();
    const limit = pageSize(status, query);
    const below = query.cursor === undefined ? Infinity : Number(query.cursor);
    const now = this.#clock.monotonic();
    const found: Kept[] = [];
    for (const all of [this.#expiring, this.#forever])
      for (const kept of all.values())
        if (kept.status === status && kept.seq < below && kept.endsAt > now) found.push(kept);
    found.sort((a, b) => b.seq - a.seq);
    const items = found.slice(0, limit).map((kept) => decodeRecord(kept.text));
    return found.length > limit ? { items, cursor: String((found[limit - 1] as Kept).seq) } : { items };
  }

  async getStats(): Promise<ResultStoreStats> {
    this.#check();
    return {
      stored: this.#expiring.size + this.#forever.size,
      maxSize: this.#maxSize,
      pendingWaiters: this.#hub.waiting,
      totalStored: this.#totalStored,
      ttlMs: this.#ttlMs,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#hub.rejectAll(new ClosedError({ resource: NAME }));
  }

  protected async waitFor(jobId: JobId, options: WaitOptions): Promise<ResultRecord> {
    this.#check();
    return this.#hub.wait(jobId, options);
  }

  #check(): void {
    if (this.#closed) throw new ClosedError({ resource: NAME });
  }

  #read(jobId: JobId): ResultRecord | undefined {
    const kept = this.#live(jobId, this.#clock.monotonic());
    return kept === undefined ? undefined : decodeRecord(kept.text);
  }

  #live(jobId: JobId, now: number): Kept | undefined {
    const kept = this.#expiring.get(jobId) ?? this.#forever.get(jobId);
    if (kept === undefined || kept.endsAt > now) return kept;
    this.#remove(jobId);
    return undefined;
  }

  #remove(jobId: JobId): void {
    if (!this.#expiring.delete(jobId)) this.#forever.delete(jobId);
  }

  #sweep(now: number): void {
    let looked = 0;
    for (const kept of this.#expiring.values()) {
      if (++looked > SWEEP) return;
      if (kept.endsAt <= now) this.#remove(kept.jobId);
    }
  }
}
