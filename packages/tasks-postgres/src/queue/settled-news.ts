import {
  type Clock,
  type JobId,
  type SettledSubscription,
  SettledWaiters,
  type Timer,
} from "@lexigram/contracts";
import type { Database } from "../connection/database.ts";
import { fromOrderedText, toOrderedText } from "../connection/ordered-text.ts";
import type { QueueCalls } from "./queue-calls.ts";

/** How long the server minds that somebody waits for a job, and how often it is reminded. */
const WATCH_MS = 60_000;
const REMIND_MS = 20_000;
/** Ids of one reminder at most. */
const MOST = 1_000;

export interface SettledNewsParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly name: string;
  readonly calls: QueueCalls;
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
        const over = await this.#parts.calls.value("watch", WATCH_MS, JSON.stringify(ids.map(toOrderedText)));
        this.#announce(String(over));
      }
    } catch {
      this.#unwatched.clear();
    } finally {
      this.#telling = false;
    }
  }

  #announce(ids: string): void {
    for (const id of JSON.parse(ids) as string[]) this.#waiters.announce(fromOrderedText(id));
  }

  async #subscribe(): Promise<void> {
    const { database, calls, name } = this.#parts;
    const subscription = (this.#subscription ??= database.listen(
      calls.settledChannel,
      {
        message: (text) => {
          if (this.#open.size > 0) this.#announce(text);
        },
        missed: () => this.#watchAll(),
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
