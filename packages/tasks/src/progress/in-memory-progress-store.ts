import {
  checkSettledWatch,
  type Clock,
  ClosedError,
  countOption,
  type JobId,
  type Page,
  refuseUnknownOptions,
  serviceOption,
  systemClock,
} from "@lexigram/contracts";
import { ChangeFeed } from "./change-feed.ts";
import type { ProgressInfo } from "./progress-info.ts";
import { lifetimes, type ProgressLifetimes, progressPageSize, requireProgress } from "./progress-options.ts";
import { type ProgressQuery, ProgressStore, type VersionedProgress } from "./progress-store.ts";

export interface InMemoryProgressStoreOptions extends ProgressLifetimes {
  /** Jobs at most; the one that changed longest ago goes first. Default 10,000. */
  readonly maxSize?: number;
  readonly clock?: Clock;
}

const NAME = "InMemoryProgressStore";

/** Oldest entries that one `save` looks at to see whether their time is up. */
const SWEEP = 4;

interface Kept extends VersionedProgress {
  /** Monotonic milliseconds. */
  readonly endsAt: number;
  /** Rises with each job that becomes active. */
  readonly order: number;
}

/** Progress in this process, gone with it. */
export class InMemoryProgressStore extends ProgressStore {
  readonly #clock: Clock;
  readonly #finalMs: number;
  readonly #activeMs: number;
  readonly #maxSize: number;
  /** From the one that changed longest ago to the latest. */
  readonly #kept = new Map<JobId, Kept>();
  /** Of those that are not final, in the order in which they became active. */
  readonly #active = new Map<JobId, number>();
  readonly #feeds = new Map<JobId, Set<ChangeFeed<VersionedProgress>>>();
  #lastVersion = 0;
  #lastOrder = 0;
  #closed = false;

  /** @throws TaskConfigError for an option that is unknown or out of range. */
  constructor(options: InMemoryProgressStoreOptions = {}) {
    super();
    refuseUnknownOptions(NAME, options, ["ttl", "activeTtl", "maxSize", "clock"]);
    this.#clock = serviceOption(NAME, "clock", "clock", options.clock ?? systemClock);
    ({ finalMs: this.#finalMs, activeMs: this.#activeMs } = lifetimes(NAME, options));
    this.#maxSize = countOption(NAME, "maxSize", options.maxSize ?? 10_000, 1);
  }

  async save(info: ProgressInfo): Promise<void> {
    this.#check();
    requireProgress(info);
    const now = this.#clock.monotonic();
    this.#sweep(now);
    const { jobId, isFinal } = info;
    const order = this.#active.get(jobId) ?? ++this.#lastOrder;
    const endsAt = now + (isFinal ? this.#finalMs : this.#activeMs);
    const kept: Kept = { info, version: ++this.#lastVersion, endsAt, order };
    this.#kept.delete(jobId);
    this.#kept.set(jobId, kept);
    if (isFinal) this.#active.delete(jobId);
    else this.#active.set(jobId, order);
    if (this.#kept.size > this.#maxSize) this.#forget(this.#kept.keys().next().value as JobId);
    const feeds = this.#feeds.get(jobId);
    if (feeds !== undefined) for (const feed of feeds) feed.push(kept);
  }

  async read(jobId: JobId): Promise<VersionedProgress | undefined> {
    this.#check();
    return this.#live(jobId);
  }

  async delete(jobId: JobId): Promise<boolean> {
    this.#check();
    const live = this.#live(jobId);
    this.#forget(jobId);
    return live !== undefined;
  }

  async listActive(query: ProgressQuery = {}): Promise<Page<ProgressInfo>> {
    this.#check();
    const limit = progressPageSize(query);
    const after = query.cursor === undefined ? 0 : Number(query.cursor);
    const found: Kept[] = [];
    for (const [jobId, order] of this.#active) {
      if (order <= after) continue;
      if (found.length > limit) break;
      const live = this.#live(jobId);
      if (live !== undefined) found.push(live);
    }
    const items = found.slice(0, limit).map((kept) => kept.info);
    return found.length > limit ? { items, cursor: String((found[limit - 1] as Kept).order) } : { items };
  }

  async changes(jobId: JobId, signal: AbortSignal): Promise<AsyncIterable<VersionedProgress>> {
    this.#check();
    checkSettledWatch([jobId], signal);
    let feeds = this.#feeds.get(jobId);
    if (feeds === undefined) this.#feeds.set(jobId, (feeds = new Set()));
    const all = feeds;
    const feed = new ChangeFeed<VersionedProgress>(signal, (own) => {
      all.delete(own);
      if (all.size === 0 && this.#feeds.get(jobId) === all) this.#feeds.delete(jobId);
    });
    all.add(feed);
    if (signal.aborted) feed.end();
    return feed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const feeds of this.#feeds.values()) for (const feed of feeds) feed.end();
  }

  /** Jobs that are held and jobs that are followed. */
  get sizes(): { readonly kept: number; readonly followed: number } {
    return { kept: this.#kept.size, followed: this.#feeds.size };
  }

  #check(): void {
    if (this.#closed) throw new ClosedError({ resource: NAME });
  }

  #live(jobId: JobId): Kept | undefined {
    const kept = this.#kept.get(jobId);
    if (kept === undefined || kept.endsAt > this.#clock.monotonic()) return kept;
    this.#forget(jobId);
    return undefined;
  }

  #forget(jobId: JobId): void {
    this.#kept.delete(jobId);
    this.#active.delete(jobId);
  }

  #sweep(now: number): void {
    let looked = 0;
    for (const [jobId, kept] of this.#kept) {
      if (++looked > SWEEP) return;
      if (kept.endsAt <= now) this.#forget(jobId);
    }
  }
}
