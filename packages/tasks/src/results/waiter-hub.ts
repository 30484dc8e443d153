import {
  type Clock,
  type JobId,
  QueueUnavailableError,
  ResultTimeoutError,
  type Timer,
} from "@lexigram/contracts";

/** Where outcomes come from. `T` is what a waiter gets. */
export interface OutcomeSource<T> {
  /** Position by position: what is there, `undefined` while nothing is, an `Error` when nothing will ever be. */
  read(ids: readonly JobId[]): Promise<readonly (T | Error | undefined)[]>;
  /** Hints that one of these may be read now, until aborted. Absent: {@link WaiterHub.hint} is called instead. */
  subscribe?(
    ids: readonly JobId[],
    signal: AbortSignal,
  ): AsyncIterable<JobId> | Promise<AsyncIterable<JobId>>;
}

export interface WaitOptions {
  /** Milliseconds; absent: no limit. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Ids of one `read` at most. */
const MAX_READ = 1_000;

/** Promises between two hints that are ready: what an async generator around an iterator costs, and one more. */
const HOPS = 4;
const NOW = Promise.resolve();
/** Why a subscription ends; an abort without a reason makes an exception each time. */
const HEARD_ENOUGH = "nobody waits any more";

class Waiter<T> {
  onAbort: (() => void) | undefined;
  readonly deadline: number;
  readonly options: WaitOptions | undefined;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;

  constructor(
    deadline: number,
    options: WaitOptions | undefined,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.deadline = deadline;
    this.options = options;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** One subscription, for the ids that were waited for when it began. */
class Cover {
  /** How many of its ids are still waited for. */
  live: number;
  broken = false;
  readonly ids: readonly JobId[];
  readonly abort = new AbortController();

  constructor(ids: readonly JobId[]) {
    this.ids = ids;
    this.live = ids.length;
  }
}

/** The waiters of one id. */
class Awaited<T> {
  /** What hints at this id; absent before the first read. */
  cover: Cover | undefined;
  readonly waiters: Waiter<T>[] = [];
}

/**
 * Lets any number of callers wait for outcomes, each with a time limit and a signal of its own that touch no other.
 *
 * It subscribes, then reads, then waits for hints, with a slow poll behind them. Calls of one turn share a read, and
 * so do hints that arrive while a read is in flight; one read is in flight at a time. A new subscription swallows
 * those that are less than twice its size, so n callers hold at most log2(n) + 1 of them. All share one timer.
 */
export class WaiterHub<T> {
  readonly #source: OutcomeSource<T>;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #awaited = new Map<JobId, Awaited<T>>();
  /** Ids to read next. */
  #due = new Set<JobId>();
  #reading = false;
  #covers: Cover[] = [];
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #pollAt = Infinity;

  /** @param options `pollMs`: milliseconds between reads that nothing hinted at; `Infinity`: none, for a source that misses nothing. */
  constructor(source: OutcomeSource<T>, options: { readonly clock: Clock; readonly pollMs: number }) {
    this.#source = source;
    this.#clock = options.clock;
    this.#pollMs = options.pollMs;
  }

  /** Callers that wait now. */
  get waiting(): number {
    let waiting = 0;
    for (const { waiters } of this.#awaited.values()) waiting += waiters.length;
    return waiting;
  }

  /**
   * Waits for an outcome.
   *
   * @throws ResultTimeoutError after `timeoutMs`; the reason of `signal` when that is aborted; the error that the
   *   source gives in place of an outcome, or that reading fails with, unless a later read may succeed.
   */
  wait(id: JobId, options?: WaitOptions): Promise<T> {
    if (options?.signal?.aborted === true) return Promise.reject(options.signal.reason);
    return new Promise<T>((resolve, reject) => {
      const now = this.#clock.monotonic();
      const waiter = new Waiter<T>(now + (options?.timeoutMs ?? Infinity), options, resolve, reject);
      let awaited = this.#awaited.get(id);
      if (awaited === undefined) {
        if (this.#awaited.size === 0) this.#pollAt = now + this.#pollMs;
        awaited = new Awaited<T>();
        this.#awaited.set(id, awaited);
        this.hint(id);
      }
      awaited.waiters.push(waiter);
      if (options?.signal !== undefined) this.#listen(id, waiter, options.signal);
      this.#arm(Math.min(waiter.deadline, this.#pollAt));
    });
  }

  /** Says that `id` may be read now. */
  hint(id: JobId): void {
    if (!this.#awaited.has(id)) return;
    this.#due.add(id);
    if (this.#reading) return;
    this.#reading = true;
    queueMicrotask(() => void this.#readDue());
  }

  /** Ends all waits with an error. */
  rejectAll(error: unknown): void {
    for (const id of this.#awaited.keys()) this.#finish(id, (waiter) => waiter.reject(error));
  }

  async #readDue(): Promise<void> {
    while (this.#due.size > 0) {
      await this.#gather();
      const ids: JobId[] = [];
      const uncovered: JobId[] = [];
      for (const id of this.#due) {
        const awaited = this.#awaited.get(id);
        if (awaited === undefined) continue;
        ids.push(id);
        if (awaited.cover === undefined) uncovered.push(id);
      }
      this.#due = new Set();
      let swallowed: Cover[] = [];
      if (uncovered.length > 0 && this.#source.subscribe !== undefined) {
        swallowed = this.#cover(uncovered);
        const began = this.#begin(this.#covers.at(-1) as Cover);
        if (began !== undefined) await began;
      }
      for (let i = 0; i < ids.length; i += MAX_READ) await this.#read(ids.slice(i, i + MAX_READ));
      // Only now, so that hints which they still had in store were heard.
      for (const cover of swallowed) cover.abort.abort(HEARD_ENOUGH);
    }
    this.#reading = false;
  }

  /** Lets hints that are on their way arrive, for they come one by one, each some promises deep. */
  async #gather(): Promise<void> {
    let before: number;
    do {
      before = this.#due.size;
      for (let i = 0; i < HOPS; i++) await NOW;
    } while (this.#due.size > before && this.#due.size < MAX_READ);
  }

  async #read(ids: readonly JobId[]): Promise<void> {
    let outcomes: readonly (T | Error | undefined)[];
    try {
      outcomes = await this.#source.read(ids);
    } catch (error) {
      // The poll asks again; who does not want to wait for the store has a time limit.
      if (error instanceof QueueUnavailableError && error.fields.retryable) return;
      for (const id of ids) this.#finish(id, (waiter) => waiter.reject(error));
      return;
    }
    for (const [i, id] of ids.entries()) {
      const outcome = outcomes[i];
      if (outcome === undefined) continue;
      this.#finish(id, (waiter) => {
        if (outcome instanceof Error) waiter.reject(outcome);
        else waiter.resolve(outcome);
      });
    }
  }

  /** Makes the newest cover one for these ids and those of the covers that it swallows, which it returns. */
  #cover(uncovered: readonly JobId[]): Cover[] {
    const ids = [...uncovered];
    const swallowed: Cover[] = [];
    for (
      let last = this.#covers.at(-1);
      last !== undefined && last.live < 2 * ids.length;
      last = this.#covers.at(-1)
    ) {
      this.#covers.pop();
      swallowed.push(last);
      for (const id of last.ids) if (this.#awaited.get(id)?.cover === last) ids.push(id);
    }
    const cover = new Cover(ids);
    for (const id of ids) (this.#awaited.get(id) as Awaited<T>).cover = cover;
    this.#covers.push(cover);
    return swallowed;
  }

  /** Begins to listen. @returns what to wait for until it does, if anything. */
  #begin(cover: Cover): Promise<void> | undefined {
    try {
      const hints = this.#source.subscribe?.(cover.ids, cover.abort.signal);
      if (hints instanceof Promise)
        return hints.then(
          (opened) => void this.#follow(cover, opened),
          () => this.#broke(cover),
        );
      if (hints !== undefined) void this.#follow(cover, hints);
    } catch {
      this.#broke(cover);
    }
    return undefined;
  }

  async #follow(cover: Cover, hints: AsyncIterable<JobId>): Promise<void> {
    try {
      for await (const id of hints) this.hint(id);
    } catch {
      // A broken subscription is no broken wait: the poll goes on, and subscribes anew.
    }
    if (!cover.abort.signal.aborted) this.#broke(cover);
  }

  /** Reads at once, because hints may have been missed; the next poll subscribes again. */
  #broke(cover: Cover): void {
    cover.broken = true;
    this.#drop(cover);
    for (const id of cover.ids) if (this.#awaited.get(id)?.cover === cover) this.hint(id);
  }

  #drop(cover: Cover): void {
    cover.abort.abort(HEARD_ENOUGH);
    const at = this.#covers.indexOf(cover);
    if (at >= 0) this.#covers.splice(at, 1);
  }

  #listen(id: JobId, waiter: Waiter<T>, signal: AbortSignal): void {
    waiter.onAbort = () => this.#give(id, waiter, signal.reason);
    signal.addEventListener("abort", waiter.onAbort, { once: true });
  }

  /** Ends one wait with an error and leaves the others of its id alone. */
  #give(id: JobId, waiter: Waiter<T>, error: unknown): void {
    const awaited = this.#awaited.get(id);
    const at = awaited?.waiters.indexOf(waiter) ?? -1;
    if (awaited === undefined || at < 0) return;
    awaited.waiters.splice(at, 1);
    if (awaited.waiters.length === 0) this.#forget(id, awaited);
    stopListening(waiter);
    waiter.reject(error);
  }

  #finish(id: JobId, end: (waiter: Waiter<T>) => void): void {
    const awaited = this.#awaited.get(id);
    if (awaited === undefined) return;
    this.#forget(id, awaited);
    for (const waiter of awaited.waiters) {
      stopListening(waiter);
      end(waiter);
    }
  }

  #forget(id: JobId, awaited: Awaited<T>): void {
    this.#awaited.delete(id);
    this.#due.delete(id);
    const { cover } = awaited;
    if (cover !== undefined && --cover.live === 0) this.#drop(cover);
    if (this.#awaited.size > 0) return;
    this.#timer?.cancel();
    this.#timerAt = Infinity;
  }

  #arm(at: number): void {
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.setTimer(() => this.#tick(), at - this.#clock.monotonic());
  }

  #tick(): void {
    this.#timerAt = Infinity;
    const now = this.#clock.monotonic();
    const polls = now >= this.#pollAt;
    if (polls) this.#pollAt = now + this.#pollMs;
    let next = this.#pollAt;
    for (const [id, awaited] of this.#awaited) {
      if (polls) {
        if (awaited.cover?.broken === true) awaited.cover = undefined;
        this.hint(id);
      }
      for (const waiter of awaited.waiters.slice()) {
        if (waiter.deadline > now) next = Math.min(next, waiter.deadline);
        else
          this.#give(
            id,
            waiter,
            new ResultTimeoutError({ jobId: id, timeoutMs: waiter.options?.timeoutMs ?? 0 }),
          );
      }
    }
    if (this.#awaited.size > 0) this.#arm(next);
  }
}

function stopListening<T>(waiter: Waiter<T>): void {
  if (waiter.onAbort !== undefined) waiter.options?.signal?.removeEventListener("abort", waiter.onAbort);
}
