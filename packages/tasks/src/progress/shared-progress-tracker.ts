import {
  checkJobId,
  type Clock,
  type JobId,
  type Logger,
  type ProgressSnapshot,
  type ProgressTrackerProtocol,
  QueueUnavailableError,
  refuseUnknownOptions,
  refuseUnless,
  requireOptions,
  serviceOption,
  signalOption,
  silentLogger,
  type StateStoreProtocol,
  systemClock,
} from "@lexigram/contracts";
import { AbortLink } from "../results/abort-link.ts";
import {
  CacheBackendProgressStore,
  type CacheBackendProgressStoreOptions,
} from "./cache-backend-progress-store.ts";
import { ChangeFeed } from "./change-feed.ts";
import { InMemoryProgressStore, type InMemoryProgressStoreOptions } from "./in-memory-progress-store.ts";
import type { ProgressStore, VersionedProgress } from "./progress-store.ts";
import { ProgressTracker } from "./progress-tracker.ts";

export interface SharedProgressTrackerOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** Jobs that this object reports for at once, at most; what is beyond is read from the store again when it goes on. */
const MAX_OPEN = 10_000;

/** A change may be missed; then it is found by looking. */
const LOOK_AGAIN_MS = 1_000;

/**
 * Progress of many jobs over one store, with live subscriptions.
 *
 * `update` resolves when its change, or a later one of the same job, is stored; concurrent updates of a job are
 * merged. All methods may run concurrently.
 */
export class SharedProgressTracker implements ProgressTrackerProtocol {
  readonly store: ProgressStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** From the one opened longest ago. */
  readonly #open = new Map<JobId, ProgressTracker>();
  readonly #opening = new Map<JobId, Promise<ProgressTracker>>();

  /** @throws TaskConfigError for an unknown option. */
  constructor(store: ProgressStore, options: SharedProgressTrackerOptions = {}) {
    refuseUnknownOptions("SharedProgressTracker", options, ["clock", "logger"]);
    refuseUnless(
      typeof store?.save === "function",
      "SharedProgressTracker",
      "store",
      "must be a ProgressStore",
    );
    this.store = store;
    this.#clock = serviceOption("SharedProgressTracker", "clock", "clock", options.clock ?? systemClock);
    this.#logger = serviceOption("SharedProgressTracker", "logger", "logger", options.logger ?? silentLogger);
  }

  /**
   * The tracker of one attempt of a job, which starts from nothing whatever was reported of the job before. Hand it to
   * {@link release} when the attempt is over.
   */
  begin(jobId: JobId): ProgressTracker {
    return this.#keep(new ProgressTracker(jobId, this.store, { clock: this.#clock, logger: this.#logger }));
  }

  /**
   * Takes no more reports from a tracker and waits until those it took are written. Rejects with what the write fails
   * with.
   */
  async release(tracker: ProgressTracker): Promise<void> {
    refuseUnless(tracker instanceof ProgressTracker, "progress", "tracker", "must be a ProgressTracker");
    this.#letGo(tracker);
    await tracker.close();
  }

  async update(
    taskId: JobId,
    current: number,
    total: number,
    message?: string,
    metadata?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const tracker = await this.#of(taskId);
    await tracker.update(current, total, message, metadata);
    await tracker.flush();
  }

  async complete(taskId: JobId, message?: string): Promise<void> {
    const tracker = await this.#of(taskId);
    await tracker.complete(message);
    this.#letGo(tracker);
  }

  async fail(taskId: JobId, error: string): Promise<void> {
    const tracker = await this.#of(taskId);
    await tracker.fail(error);
    this.#letGo(tracker);
  }

  async get(taskId: JobId): Promise<ProgressSnapshot | undefined> {
    return (await this.store.get(taskId))?.toSnapshot();
  }

  /**
   * What is known of a job, then one item per change, until the job is reported complete or failed, the signal is
   * aborted or the store closed. A change that no message announced is found within a second. Leaving the loop ends
   * the subscription. A job that never reports an end never ends its subscription by itself.
   */
  async *subscribe(taskId: JobId, signal?: AbortSignal): AsyncGenerator<ProgressSnapshot, void, void> {
    checkJobId(taskId);
    signalOption("subscribe", signal);
    const link = new AbortLink(signal);
    const feed = new ChangeFeed<VersionedProgress | undefined>(link.signal, () => link.unlink());
    if (link.signal.aborted) return;
    try {
      void follow(await this.store.changes(taskId, link.signal), feed);
      let known = await this.#look(taskId);
      let seen = -1;
      for (;;) {
        if (known !== undefined && known.version > seen) {
          seen = known.version;
          yield known.info.toSnapshot();
          if (known.info.isFinal) return;
        }
        const timer = this.#clock.setTimer(() => feed.push(undefined), LOOK_AGAIN_MS, { keepAlive: false });
        const change = await feed.next();
        timer.cancel();
        if (change.done === true) return;
        known = change.value ?? (await this.#look(taskId));
      }
    } finally {
      link.abort();
    }
  }

  /** Writes what is not written yet. Rejects with the first failure. The store stays open: it belongs to who made it. */
  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map((tracker) => tracker.flush()));
  }

  /** Jobs that this object reports for now. */
  get openJobs(): number {
    return this.#open.size;
  }

  async #of(jobId: JobId): Promise<ProgressTracker> {
    checkJobId(jobId);
    const open = this.#open.get(jobId);
    if (open !== undefined) return open;
    let opening = this.#opening.get(jobId);
    if (opening === undefined) {
      opening = this.#resume(jobId).finally(() => this.#opening.delete(jobId));
      this.#opening.set(jobId, opening);
    }
    return opening;
  }

  async #resume(jobId: JobId): Promise<ProgressTracker> {
    const resume = await this.store.get(jobId);
    const options = { clock: this.#clock, logger: this.#logger, ...(resume === undefined ? {} : { resume }) };
    const tracker = new ProgressTracker(jobId, this.store, options);
    // What has ended takes no more reports, and an attempt that began meanwhile wins.
    return tracker.isFinal ? tracker : (this.#open.get(jobId) ?? this.#keep(tracker));
  }

  #keep(tracker: ProgressTracker): ProgressTracker {
    this.#open.delete(tracker.jobId);
    this.#open.set(tracker.jobId, tracker);
    if (this.#open.size > MAX_OPEN) this.#open.delete(this.#open.keys().next().value as JobId);
    return tracker;
  }

  async #look(jobId: JobId): Promise<VersionedProgress | undefined> {
    try {
      return await this.store.read(jobId);
    } catch (error) {
      if (error instanceof QueueUnavailableError && error.fields.retryable) return undefined;
      throw error;
    }
  }

  #letGo(tracker: ProgressTracker): void {
    if (this.#open.get(tracker.jobId) === tracker) this.#open.delete(tracker.jobId);
  }
}

async function follow(
  changes: AsyncIterable<VersionedProgress>,
  feed: ChangeFeed<VersionedProgress | undefined>,
): Promise<void> {
  try {
    for await (const change of changes) feed.push(change);
    feed.end();
  } catch {
    // Without announcements the reader still looks by itself.
  }
}

/** Progress of many jobs in this process. */
export class InMemoryProgressTracker extends SharedProgressTracker {
  /** @throws TaskConfigError for an option that is unknown or out of range. */
  constructor(options: InMemoryProgressStoreOptions = {}) {
    super(new InMemoryProgressStore(options), options.clock === undefined ? {} : { clock: options.clock });
  }
}

/** Progress of many jobs in a state store, with subscriptions across its processes. */
export class CacheBackendProgressTracker extends SharedProgressTracker {
  /** @throws TaskConfigError for an option that is unknown or out of range. */
  constructor(
    state: StateStoreProtocol,
    options: CacheBackendProgressStoreOptions & SharedProgressTrackerOptions = {},
  ) {
    requireOptions("CacheBackendProgressTracker", options);
    const { logger, ...rest } = options;
    super(new CacheBackendProgressStore(state, rest), {
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      ...(logger === undefined ? {} : { logger }),
    });
  }
}
