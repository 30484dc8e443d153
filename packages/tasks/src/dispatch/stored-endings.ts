import {
  type Clock,
  isTerminal,
  type JobId,
  type JobStatus,
  type JobView,
  ResultUnavailableError,
  type StateStoreProtocol,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { CacheBackendResultStore } from "../results/cache-backend-result-store.ts";
import { defined, JOB_STATUS_OF } from "../results/result-record.ts";
import type { ResultRecord, ResultStatus, StoredResult } from "../results/result-store.ts";
import { WaiterHub, type WaitOptions } from "../results/waiter-hub.ts";

const POLL_MS = 1_000;
/** A worker that has not said so long after an attempt ended whether that counts will not say it any more. */
const LONGEST_SILENCE_MS = 60_000;

/** What tells the ends of one state store's jobs. */
const stores = new WeakMap<StateStoreProtocol, CacheBackendResultStore>();

/**
 * How jobs ended whose queue keeps no results. Their workers write what an attempt gave to a state store before the
 * settle, and make it the job's once the queue has accepted it. What the queue says of a job comes first: a result of
 * an attempt that it did not accept is not the job's. Of a job that no worker had, cancelled before it ran or expired,
 * nobody writes anything, so whoever learns of its end does.
 */
export class StoredEndings {
  readonly #queue: TaskQueueProtocol;
  readonly #store: CacheBackendResultStore;
  readonly #clock: Clock;
  readonly #hub: WaiterHub<ResultRecord>;

  constructor(queue: TaskQueueProtocol, state: StateStoreProtocol, clock: Clock) {
    let store = stores.get(state);
    if (store === undefined) stores.set(state, (store = new CacheBackendResultStore(state, { clock })));
    this.#queue = queue;
    this.#store = store;
    this.#clock = clock;
    const own = store;
    const read = queue.capabilities.lookup ? (id: JobId) => this.#look(id) : (id: JobId) => own.get(id);
    this.#hub = new WaiterHub<ResultRecord>(
      {
        subscribe: (ids, signal) => own.announcements(ids, signal),
        read: (ids) => Promise.all(ids.map(read)),
      },
      { clock, pollMs: POLL_MS },
    );
  }

  async status(id: JobId): Promise<JobStatus | undefined> {
    const job = this.#queue.capabilities.lookup ? await this.#queue.getJob(id) : undefined;
    if (job !== undefined) return job.status;
    const record = await this.#store.get(id);
    return record === undefined ? undefined : JOB_STATUS_OF[record.status];
  }

  /** What is kept of a job's end, whatever its queue says. */
  kept(id: JobId): Promise<ResultRecord | undefined> {
    return this.#store.get(id);
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
  wait(id: JobId, options: WaitOptions): Promise<ResultRecord> {
    return this.#hub.wait(id, options);
  }

  async #look(id: JobId): Promise<ResultRecord | Error | undefined> {
    const job = await this.#queue.getJob(id);
    if (job !== undefined && !isTerminal(job.status)) return undefined;
    const kept = await this.#store.get(id);
    if (job === undefined) return kept ?? this.#missing(id, undefined, await this.#store.attempts.of(id));
    const status = job.status === "completed" ? "ok" : (job.status as ResultStatus);
    // Of a job that was redriven there may be an older end.
    const known = kept?.status === status ? kept : undefined;
    if (status !== "ok") return this.#told(job, status, known, kept === undefined);
    if (known !== undefined) return known;
    const { attempt, recoveries } = job;
    const left = (await this.#store.attempts.of(id, { attempt, recoveries })).filter(
      (record) => record.status === "ok",
    );
    const [only] = left;
    // Two may have run side by side under one number; which of them counts only its worker knows.
    if (only === undefined || left.length > 1) return this.#missing(id, "ok", left);
    if (kept === undefined) await this.#store.store(id, only, { ifAbsent: true });
    return only;
  }

  /** The end of a job that gave no value, as its queue tells it. */
  async #told(
    job: JobView,
    status: ResultStatus,
    known: ResultRecord | undefined,
    isNew: boolean,
  ): Promise<ResultRecord> {
    const { id, task, attempt, error } = job;
    const result: StoredResult = { ...known, status, task, attempt, ...defined({ error }) };
    if (isNew) await this.#store.store(id, result, { ifAbsent: true });
    return { ...result, jobId: id, storedAt: known?.storedAt ?? this.#clock.now() };
  }

  /** Nothing, while a worker may still say what counts; it writes before it settles, so without a trace there is none. */
  async #missing(
    id: JobId,
    status: ResultStatus | undefined,
    left: readonly ResultRecord[],
  ): Promise<ResultRecord | ResultUnavailableError | undefined> {
    const since = this.#clock.now() - LONGEST_SILENCE_MS;
    if (left.some(({ storedAt }) => storedAt > since)) return undefined;
    // The worker may have said it between the look at the results and the look at what attempts left.
    const said = await this.#store.get(id);
    return said !== undefined && (status ?? said.status) === said.status
      ? said
      : new ResultUnavailableError({ jobId: id });
  }
}
