import {
  ClosedError,
  FULL_CAPABILITIES,
  type JobId,
  type JobOutcome,
  type JobStatus,
  type QueueCapabilities,
  type TaskQueueProtocol,
} from "@lexigram/contracts";

class Hints implements AsyncIterableIterator<JobId> {
  readonly ids: Set<JobId>;
  readonly #buffer: JobId[] = [];
  #reader: ((result: IteratorResult<JobId, undefined>) => void) | undefined;
  #ended = false;

  constructor(ids: readonly JobId[]) {
    this.ids = new Set(ids);
  }

  push(id: JobId): void {
    if (!this.ids.has(id)) return;
    if (this.#reader === undefined) this.#buffer.push(id);
    else this.#reader({ done: false, value: id });
    this.#reader = undefined;
  }

  end(): void {
    this.#ended = true;
    this.#reader?.({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<JobId, undefined>> {
    const value = this.#buffer.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => (this.#reader = resolve));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** As much of a queue as a waiter sees, with what it was asked. */
export class ScriptedQueue {
  readonly name = "scripted";
  readonly capabilities: QueueCapabilities = FULL_CAPABILITIES;
  readonly outcomes = new Map<JobId, JobOutcome>();
  /** The ids of each call of `results`. */
  readonly reads: (readonly JobId[])[] = [];
  subscriptions = 0;
  /** Swallows hints, as a store may. */
  deaf = false;
  /** What `results` rejects with. */
  failure: Error | undefined;
  readonly #open = new Set<Hints>();

  get openSubscriptions(): number {
    return this.#open.size;
  }

  get queue(): TaskQueueProtocol {
    return this as unknown as TaskQueueProtocol;
  }

  add(id: JobId, status: JobStatus = "pending"): void {
    this.outcomes.set(id, { id, status, attempt: 0 });
  }

  settle(id: JobId, outcome: Partial<JobOutcome> = {}): void {
    this.outcomes.set(id, { id, status: "completed", attempt: 1, ...outcome });
    if (!this.deaf) for (const hints of this.#open) hints.push(id);
  }

  async results(ids: readonly JobId[]): Promise<readonly JobOutcome[]> {
    this.reads.push([...ids]);
    if (this.failure !== undefined) throw this.failure;
    return ids.map((id) => this.outcomes.get(id) ?? { id, status: "unknown", attempt: 0 });
  }

  onSettled(ids: readonly JobId[], signal: AbortSignal): AsyncIterable<JobId> {
    const hints = new Hints(ids);
    this.subscriptions++;
    this.#open.add(hints);
    signal.addEventListener("abort", () => {
      this.#open.delete(hints);
      hints.end();
    });
    return hints;
  }

  /** Breaks all subscriptions, as a lost connection does. */
  sever(): void {
    for (const hints of this.#open) hints.end();
    this.#open.clear();
  }

  async close(): Promise<void> {
    this.failure = new ClosedError({ resource: "the queue" });
    this.sever();
  }
}
