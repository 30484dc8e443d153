import {
  type Body,
  type Clock,
  ClosedError,
  functionOption,
  isTerminal,
  type JobId,
  type JobOutcome,
  type JobView,
  type Page,
  refuseUnknownOptions,
  queueOption,
  serviceOption,
  systemClock,
  type TaskQueueProtocol,
  TaskValidationError,
  UnsupportedError,
} from "@lexigram/contracts";
import { AbortLink } from "./abort-link.ts";
import { defined, JOB_STATUS_OF, pageSize } from "./result-record.ts";
import {
  type ResultQuery,
  type ResultRecord,
  ResultStore,
  type ResultStatus,
  type ResultStoreStats,
} from "./result-store.ts";
import { outcomeHub } from "./result-waiter.ts";
import type { WaitOptions } from "./waiter-hub.ts";

export interface QueueResultStoreOptions {
  readonly clock?: Clock;
  /** Reads a result's body. Default: JSON. */
  readonly decode?: (body: Body) => unknown;
}

const NAME = "QueueResultStore";

/**
 * The results that a queue keeps with its jobs' terminal records, for as long as its retention says. They are written
 * by the settle itself, so `store` is refused.
 *
 * Failed jobs are listed newest first, as dead letters are. All others come in the order in which the queue lists a
 * status, which its contract leaves open and the queue in memory keeps from the oldest to the newest: it gives a page
 * from that end only, and sorting would mean reading them all.
 *
 * A wait for a job that the queue does not hold, or no longer, rejects with `ResultUnavailableError`.
 */
export class QueueResultStore extends ResultStore {
  readonly #queue: TaskQueueProtocol;
  readonly #clock: Clock;
  readonly #decode: (body: Body) => unknown;
  /** One for each wait of this object, to end them without touching other waits on the queue. */
  readonly #waits = new Set<AbortLink>();
  #closed = false;

  /**
   * @throws TaskConfigError for an unknown option.
   * @throws UnsupportedError when the queue keeps no results.
   */
  constructor(queue: TaskQueueProtocol, options: QueueResultStoreOptions = {}) {
    super();
    refuseUnknownOptions(NAME, options, ["clock", "decode"]);
    queueOption(NAME, "queue", queue, "capabilities");
    if (!queue.capabilities.results)
      throw new UnsupportedError({ subject: `queue "${queue.name}"`, capability: "results" });
    this.#queue = queue;
    this.#clock = serviceOption(NAME, "clock", "clock", options.clock ?? systemClock);
    this.#decode = functionOption(NAME, "decode", options.decode ?? decodeJson);
  }

  /** @throws UnsupportedError always: a queue's results come with the settle of their job. */
  store(): Promise<boolean> {
    const subject = `the native results of queue "${this.#queue.name}"`;
    return Promise.reject(new UnsupportedError({ subject, capability: "store" }));
  }

  async get(jobId: JobId): Promise<ResultRecord | undefined> {
    this.#check();
    const job = await this.#queue.getJob(jobId);
    return job === undefined ? undefined : this.#record(job);
  }

  /** Deletes the job's record, when the job has ended. */
  async delete(jobId: JobId): Promise<boolean> {
    this.#check();
    const job = await this.#queue.getJob(jobId);
    return job !== undefined && isTerminal(job.status) && this.#queue.deleteJob(jobId);
  }

  async cleanupExpired(): Promise<number> {
    this.#check();
    return 0;
  }

  async list(status: ResultStatus, query: ResultQuery = {}): Promise<Page<ResultRecord>> {
    this.#check();
    const limit = pageSize(status, query);
    const asked = { limit, ...(query.cursor === undefined ? {} : { cursor: query.cursor }) };
    let page: Page<JobView>;
    if (status === "failed") {
      const letters = await this.#queue.deadLetters.list(asked);
      page = { ...letters, items: letters.items.map((letter) => letter.job) };
    } else page = await this.#queue.list({ status: JOB_STATUS_OF[status], ...asked });
    const items = page.items.map((job) => this.#record(job)).filter((record) => record !== undefined);
    return { ...page, items };
  }

  async getStats(): Promise<ResultStoreStats> {
    this.#check();
    const { counts } = await this.#queue.stats();
    const stored = counts.completed + counts.failed + counts.cancelled + counts.expired;
    return { stored, pendingWaiters: this.#waits.size, totalStored: 0 };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wait of this.#waits) wait.abort(new ClosedError({ resource: NAME }));
  }

  protected async waitFor(jobId: JobId, options: WaitOptions): Promise<ResultRecord> {
    this.#check();
    const wait = new AbortLink(options.signal);
    this.#waits.add(wait);
    try {
      const { timeoutMs } = options;
      const outcome = await outcomeHub(this.#queue, this.#clock).wait(jobId, {
        timeoutMs,
        signal: wait.signal,
      });
      const job = await this.#queue.getJob(jobId);
      // The outcome is what was waited for; the record may be trimmed, or redriven, by now.
      return (
        (job === undefined ? undefined : this.#record(job)) ?? this.#recordOf(outcome, this.#clock.now())
      );
    } finally {
      this.#waits.delete(wait);
      wait.unlink();
    }
  }

  #record(job: JobView): ResultRecord | undefined {
    if (!isTerminal(job.status)) return undefined;
    const durationMs =
      job.startedAt === undefined || job.finishedAt === undefined
        ? undefined
        : job.finishedAt - job.startedAt;
    const record = this.#recordOf(job, job.finishedAt ?? job.createdAt);
    return { ...record, task: job.task, ...defined({ durationMs }) };
  }

  #recordOf(outcome: JobOutcome, storedAt: number): ResultRecord {
    const { id: jobId, attempt, error, result } = outcome;
    const status = outcome.status === "completed" ? "ok" : (outcome.status as ResultStatus);
    const value = status === "ok" && result !== undefined ? this.#decode(result) : undefined;
    return {
      jobId,
      status,
      storedAt,
      attempt,
      ...defined({ value, error: status === "ok" ? undefined : error }),
    };
  }

  #check(): void {
    if (this.#closed) throw new ClosedError({ resource: NAME });
  }
}

function decodeJson(body: Body): unknown {
  if (body.encoding === "json" && typeof body.data === "string") return JSON.parse(body.data);
  const message = `encoding "${body.encoding}" needs the option decode`;
  throw new TaskValidationError({ subject: "a stored result", issues: [{ path: "encoding", message }] });
}
