import type { JobId } from "../job/job.ts";

/** One reader of ends. Ids that it was not given yet are kept once each, so it holds no more than it asked for. */
export class SettledSubscription implements AsyncIterableIterator<JobId> {
  readonly #ids: ReadonlySet<JobId>;
  readonly #onEnd: (subscription: SettledSubscription) => void;
  readonly #news = new Set<JobId>();
  #waiting: ((result: IteratorResult<JobId>) => void)[] = [];
  #ended = false;

  constructor(ids: ReadonlySet<JobId>, onEnd: (subscription: SettledSubscription) => void) {
    this.#ids = ids;
    this.#onEnd = onEnd;
  }

  get ids(): ReadonlySet<JobId> {
    return this.#ids;
  }

  announce(id: JobId): void {
    const resolve = this.#waiting.shift();
    if (resolve === undefined) this.#news.add(id);
    else resolve({ done: false, value: id });
  }

  /** Ends the iteration; what was announced and not read is dropped. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#news.clear();
    for (const resolve of this.#waiting) resolve({ done: true, value: undefined });
    this.#waiting = [];
    this.#onEnd(this);
  }

  next(): Promise<IteratorResult<JobId>> {
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    for (const id of this.#news) {
      this.#news.delete(id);
      return Promise.resolve({ done: false, value: id });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<JobId>> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Who waits for the end of which job. An end costs one look-up, and nothing when nobody waits. */
export class SettledWaiters {
  readonly #byId = new Map<JobId, Set<SettledSubscription>>();

  /** Ids that somebody waits for. */
  get size(): number {
    return this.#byId.size;
  }

  /** Listens from this moment on, until ended. */
  subscribe(ids: readonly JobId[], onEnd: (subscription: SettledSubscription) => void): SettledSubscription {
    const subscription = new SettledSubscription(new Set(ids), (ended) => {
      this.#forget(ended);
      onEnd(ended);
    });
    for (const id of subscription.ids) {
      const known = this.#byId.get(id);
      if (known === undefined) this.#byId.set(id, new Set([subscription]));
      else known.add(subscription);
    }
    return subscription;
  }

  has(id: JobId): boolean {
    return this.#byId.size > 0 && this.#byId.has(id);
  }

  announce(id: JobId): void {
    if (this.#byId.size === 0) return;
    for (const subscription of this.#byId.get(id) ?? []) subscription.announce(id);
  }

  #forget(subscription: SettledSubscription): void {
    for (const id of subscription.ids) {
      const known = this.#byId.get(id);
      known?.delete(subscription);
      if (known?.size === 0) this.#byId.delete(id);
    }
  }
}
