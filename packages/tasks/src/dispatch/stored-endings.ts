import {
  type Clock,
  isTerminal,
  type JobId,
  type JobStatus,
  ResultTimeoutError,
  ResultUnavailableError,
  type StateStoreProtocol,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { AbortLink } from "../results/abort-link.ts";
import { CacheBackendResultStore } from "../results/cache-backend-result-store.ts";
import { JOB_STATUS_OF } from "../results/result-record.ts";
import type { ResultRecord } from "../results/result-store.ts";
import { WaiterHub, type WaitOptions } from "../results/waiter-hub.ts";

const POLL_MS = 1_000;

/** Waiters of one state store share its subscription. */
const stores = new WeakMap<StateStoreProtocol, CacheBackendResultStore>();

/**
 * How jobs ended whose queue keeps no results: in a state store, where their workers write it. Of a job that no worker
 * had, cancelled before it ran or expired, nobody writes anything, so whoever learns of its end does.
 */
export class StoredEndings {
  readonly #queue: TaskQueueProtocol;
  readonly #store: CacheBackendResultStore;
  /** Asks the queue for ends that nobody wrote. */
  readonly #unwritten: WaiterHub<ResultRecord>;

  constructor(queue: TaskQueueProtocol, state: StateStoreProtocol, clock: Clock) {
    let store = stores.get(state);
    if (store === undefined) stores.set(state, (store = new CacheBackendResultStore(state, { clock })));
    this.#queue = queue;
    this.#store = store;
    this.#unwritten = new WaiterHub<ResultRecord>(
      { read: (ids) => Promise.all(ids.map((id) => this.#look(id))) },
      { clock, pollMs: POLL_MS },
    );
  }

  async status(id: JobId): Promise<JobStatus | undefined> {
    const job = this.#queue.capabilities.lookup ? await this.#queue.getJob(id) : undefined;
    if (job !== undefined) return job.status;
    const record = await this.#store.get(id);
    return record === undefined ? undefined : JOB_STATUS_OF[record.status];
  }

  /** Notes that a job was cancelled before it ran. */
  async cancelled(id: JobId): Promise<void> {
    await this.#store.store(id, { status: "cancelled" }, { ifAbsent: true });
  }

  /**
   * Waits for a job's end. On a queue that cannot be asked for a job, one that expired or was cancelled elsewhere is
   * waited for until the time is up.
   *
   * @throws ResultTimeoutError when the time is up; ResultUnavailableError when the job is over and its result is not
   *   kept; the reason of `signal` when that is aborted.
   */
  async wait(id: JobId, options: WaitOptions): Promise<ResultRecord> {
    if (!this.#queue.capabilities.lookup) return this.#written(id, options);
    const { timeoutMs, signal } = options;
    const link = new AbortLink(signal);
    try {
      return await Promise.race([
        this.#written(id, { timeoutMs, signal: link.signal }),
        this.#unwritten.wait(id, { signal: link.signal }),
      ]);
    } finally {
      link.abort();
    }
  }

  async #written(id: JobId, { timeoutMs, signal }: WaitOptions): Promise<ResultRecord> {
    const record = await this.#store.wait(id, {
      timeout: timeoutMs ?? null,
      ...(signal === undefined ? {} : { signal }),
    });
    if (record === undefined) throw new ResultTimeoutError({ jobId: id, timeoutMs: timeoutMs ?? 0 });
    return record;
  }

  async #look(id: JobId): Promise<ResultRecord | Error | undefined> {
    const job = await this.#queue.getJob(id);
    if (job !== undefined && !isTerminal(job.status)) return undefined;
    // A worker writes before it settles: what is not written now never will be.
    if (job?.status === "cancelled" || job?.status === "expired")
      await this.#store.store(id, { status: job.status, task: job.task }, { ifAbsent: true });
    return (await this.#store.get(id)) ?? new ResultUnavailableError({ jobId: id });
  }
}
