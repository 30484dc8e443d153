import { type Clock, type JobId, type SettledSubscription, SettledWaiters, type Timer } from "@lexigram/contracts";
import type { RedisConnection } from "../connection/redis-connection.ts";
import type { QueueScripts } from "./queue-scripts.ts";

/** How long the server minds that somebody waits for a job, and how often it is reminded. */
const WATCH_MS = 60_000;
const REMIND_MS = 20_000;
/** Ids of one reminder at most. */
const MOST = 1_000;

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

  close(): void {
    this.#closed = true;
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
        const over = (await this.#parts.scripts.control("watch", WATCH_MS, ...ids)) as JobId[];
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
          if (this.#open.size === 0) return;
          for (const id of JSON.parse(text) as JobId[]) this.#waiters.announce(id);
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
