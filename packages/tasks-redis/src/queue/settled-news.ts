import {
  type Clock,
  type JobId,
  type JobOutcome,
  type SettledSubscription,
  SettledWaiters,
  type Timer,
} from "@lexigram/contracts";
import type { RedisConnection } from "../connection/redis-connection.ts";
import { bodyOf } from "./job-content.ts";
import type { QueueScripts } from "./queue-scripts.ts";

/** How long the server minds that somebody waits for a job, and how often it is reminded. */
const WATCH_MS = 60_000;
const REMIND_MS = 20_000;
/** Ids of one reminder at most. */
const MOST = 1_000;

/** A job that ended; one that completed in its first attempt with the encoding and text of a short result. */
type News = readonly [id: JobId, encoding?: string, data?: string];

export interface SettledNewsParts {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly name: string;
  readonly scripts: QueueScripts;
}

/**
 * Ends of jobs as they are announced. The server is told which jobs are waited for, so that it keeps the records of those
 * a moment; its answer says which had ended before anybody could hear of it.
 */
export class SettledNews {
  readonly #parts: SettledNewsParts;
  readonly #waiters = new SettledWaiters();
  readonly #open = new Set<SettledSubscription>();
  /** What was announced with its result and not read yet; a reader that does not come leaves no more than so many. */
  readonly #told = new Map<JobId, JobOutcome>();
  #unwatched = new Set<JobId>();
  #telling = false;
  #subscription: Promise<() => void> | undefined;
  #reminder: Timer | undefined;
  #closed = false;

  constructor(parts: SettledNewsParts) {
    this.#parts = parts;
  }

  follow(ids: readonly JobId[], signal: AbortSignal): AsyncIterable<JobId> {
    const end = (): void => subscription.end();
    const subscription = this.#waiters.subscribe(ids, (ended) => {
      this.#open.delete(ended);
      signal.removeEventListener("abort", end);
      if (this.#open.size === 0) this.#rest();
    });
    this.#open.add(subscription);
    if (signal.aborted) end();
    else {
      signal.addEventListener("abort", end);
      for (const id of subscription.ids) this.#unwatched.add(id);
      void this.#tell();
      this.#remindLater();
    }
    return subscription;
  }

  /**
   * Outcomes of jobs that were announced with their results a moment ago: a completed job stays as it is. Nothing when one
   * of them has to be asked for. Each is told once.
   */
  outcomesOf(ids: readonly JobId[]): readonly JobOutcome[] | undefined {
    if (this.#told.size === 0 || !ids.every((id) => this.#told.has(id))) return undefined;
    const outcomes = ids.flatMap((id) => this.#told.get(id) ?? []);
    for (const id of ids) this.#told.delete(id);
    return outcomes;
  }

  #tellOf([id, encoding, data]: News): void {
    if (!this.#waiters.has(id)) return;
    if (encoding !== undefined && data !== undefined) {
      if (this.#told.size >= MOST) this.#told.clear();
      const result = encoding === "" ? {} : { result: bodyOf(encoding, data) };
      this.#told.set(id, { id, status: "completed", attempt: 1, ...result });
    }
    this.#waiters.announce(id);
  }

  close(): void {
    this.#closed = true;
    this.#told.clear();
    for (const subscription of this.#open) subscription.end();
    this.#rest();
    this.#subscription?.then(
      (unsubscribe) => unsubscribe(),
      () => {},
    );
    this.#subscription = undefined;
  }

  /** Hints may be missed, so whoever waits reads from time to time; what fails here is not told. */
  async #tell(): Promise<void> {
    if (this.#telling) return;
    this.#telling = true;
    try {
      await this.#subscribe();
      while (this.#unwatched.size > 0 && !this.#closed) {
        const ids = [...this.#unwatched].slice(0, MOST);
        for (const id of ids) this.#unwatched.delete(id);
        const over = await this.#parts.scripts.watch(WATCH_MS, ids);
        for (const id of over) this.#waiters.announce(id);
      }
    } catch {
      this.#unwatched.clear();
    } finally {
      this.#telling = false;
    }
  }

  async #subscribe(): Promise<void> {
    const { connection, scripts, name } = this.#parts;
    const subscription = (this.#subscription ??= connection.subscribe(
      scripts.keys.settledChannel,
      {
        message: (text) => {
          if (this.#open.size > 0) for (const news of JSON.parse(text) as News[]) this.#tellOf(news);
        },
        resumed: () => this.#watchAll(),
      },
      name,
    ));
    try {
      await subscription;
    } catch (error) {
      this.#subscription = undefined;
      throw error;
    }
  }

  #watchAll(): void {
    for (const { ids } of this.#open) for (const id of ids) this.#unwatched.add(id);
    void this.#tell();
  }

  #remindLater(): void {
    this.#reminder ??= this.#parts.clock.setTimer(
      () => {
        this.#reminder = undefined;
        if (this.#open.size === 0) return;
        this.#watchAll();
        this.#remindLater();
      },
      REMIND_MS,
      { keepAlive: false },
    );
  }

  #rest(): void {
    this.#reminder?.cancel();
    this.#reminder = undefined;
  }
}
