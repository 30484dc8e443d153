import {
  checkJobId,
  checkSettledWatch,
  type Clock,
  ClosedError,
  type JobId,
  type JsonValue,
  type Page,
  refuseUnknownOptions,
  serviceOption,
  type StateStoreProtocol,
  systemClock,
} from "@lexigram/contracts";
import { AbortLink } from "../results/abort-link.ts";
import { ProgressInfo } from "./progress-info.ts";
import { lifetimes, type ProgressLifetimes, progressPageSize, requireProgress } from "./progress-options.ts";
import { type ProgressQuery, ProgressStore, type VersionedProgress } from "./progress-store.ts";

export interface CacheBackendProgressStoreOptions extends ProgressLifetimes {
  readonly clock?: Clock;
}

const NAME = "CacheBackendProgressStore";
const RECORD = "progress:";
const ACTIVE = "progress-active:";

/** Jobs of which this object remembers that the index names them. */
const MAX_REMEMBERED = 10_000;

interface Message {
  readonly info: JsonValue;
  readonly version: number;
}

/**
 * Progress in a state store, shared by all its processes, and told to them by topic. Jobs that are not final are
 * named in an index of their own, so that listing them passes no others.
 */
export class CacheBackendProgressStore extends ProgressStore {
  readonly #state: StateStoreProtocol;
  readonly #clock: Clock;
  readonly #finalMs: number;
  readonly #activeMs: number;
  /** When the index was last told of a job, from the one told longest ago. */
  readonly #indexed = new Map<JobId, number>();
  /** One for each subscription, to end them with this object. */
  readonly #links = new Set<AbortLink>();
  #closed = false;

  /** @throws TaskConfigError for an option that is unknown or out of range. */
  constructor(state: StateStoreProtocol, options: CacheBackendProgressStoreOptions = {}) {
    super();
    refuseUnknownOptions(NAME, options, ["ttl", "activeTtl", "clock"]);
    this.#state = serviceOption(NAME, "state", "state store", state);
    this.#clock = serviceOption(NAME, "clock", "clock", options.clock ?? systemClock);
    ({ finalMs: this.#finalMs, activeMs: this.#activeMs } = lifetimes(NAME, options));
  }

  async save(info: ProgressInfo): Promise<void> {
    this.#check();
    requireProgress(info);
    const data: JsonValue = info.toJSON();
    const ttlMs = info.isFinal ? this.#finalMs : this.#activeMs;
    const [outcome] = await Promise.all([
      this.#state.put(RECORD + info.jobId, data, { ttlMs }),
      this.#index(info),
    ]);
    // Without conditions a put stores; the test narrows the type.
    if (outcome.stored)
      await this.#state.publish(topicOf(info.jobId), { info: data, version: outcome.version });
  }

  async read(jobId: JobId): Promise<VersionedProgress | undefined> {
    this.#check();
    checkJobId(jobId);
    const entry = await this.#state.get(RECORD + jobId);
    return entry === undefined
      ? undefined
      : { info: ProgressInfo.fromJSON(entry.value), version: entry.version };
  }

  async delete(jobId: JobId): Promise<boolean> {
    this.#check();
    checkJobId(jobId);
    this.#indexed.delete(jobId);
    const [was] = await Promise.all([this.#state.delete(RECORD + jobId), this.#state.delete(ACTIVE + jobId)]);
    return was;
  }

  async listActive(query: ProgressQuery = {}): Promise<Page<ProgressInfo>> {
    this.#check();
    const limit = progressPageSize(query);
    const cursor = query.cursor === undefined ? {} : { cursor: query.cursor };
    const page = await this.#state.list(ACTIVE, { limit, ...cursor });
    const found = await Promise.all(page.items.map((item) => this.get(item.key.slice(ACTIVE.length))));
    // The index may lag by one write behind the record.
    return { ...page, items: found.filter((info) => info !== undefined && !info.isFinal) as ProgressInfo[] };
  }

  async changes(jobId: JobId, signal: AbortSignal): Promise<AsyncIterable<VersionedProgress>> {
    this.#check();
    checkSettledWatch([jobId], signal);
    const link = new AbortLink(signal);
    link.signal.addEventListener("abort", () => this.#links.delete(link), { once: true });
    if (!signal.aborted) this.#links.add(link);
    return changesOf(await this.#state.subscribe(topicOf(jobId), link.signal), link);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const link of this.#links) link.abort();
  }

  async #index(info: ProgressInfo): Promise<void> {
    const { jobId } = info;
    if (info.isFinal) {
      this.#indexed.delete(jobId);
      await this.#state.delete(ACTIVE + jobId);
      return;
    }
    const now = this.#clock.monotonic();
    const told = this.#indexed.get(jobId);
    if (told !== undefined && now - told < this.#activeMs / 2) return;
    // The entry must outlive the record, whose time starts anew with each change while the entry's does not.
    await this.#state.put(ACTIVE + jobId, null, { ttlMs: this.#activeMs * 2 });
    this.#indexed.delete(jobId);
    this.#indexed.set(jobId, now);
    if (this.#indexed.size > MAX_REMEMBERED) this.#indexed.delete(this.#indexed.keys().next().value as JobId);
  }

  #check(): void {
    if (this.#closed) throw new ClosedError({ resource: NAME });
  }
}

function topicOf(jobId: JobId): string {
  return RECORD + jobId;
}

async function* changesOf(
  messages: AsyncIterable<JsonValue>,
  link: AbortLink,
): AsyncGenerator<VersionedProgress, void, void> {
  try {
    for await (const message of messages) {
      const { info, version } = message as unknown as Message;
      yield { info: ProgressInfo.fromJSON(info), version };
    }
  } finally {
    link.abort();
  }
}
