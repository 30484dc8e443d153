import {
  arrayOption,
  countOption,
  type DeadLetterReason,
  type DeadLetterStats,
  type Duration,
  err,
  holdsOptions,
  type JobId,
  JobNotFoundError,
  milliseconds,
  type NewJob,
  type Page,
  QueueNotFoundError,
  refuseUnknownOptions,
  refuseUnless,
  type Result,
  type SerializedError,
  serializeError,
  queueOption,
  spanOption,
  TaskConfigError,
  type TaskQueueError,
  type TaskQueueProtocol,
  TaskValidationError,
  type TransitionNotAllowedError,
} from "@lexigram/contracts";
import { FailureRecord, METADATA_HEADER } from "./failure-record.ts";
import { listMerged } from "./merged-listing.ts";

export interface DeadLetterQueueOptions {
  /** Dead letters that each queue keeps, at most; the oldest go first. Default 10,000. */
  readonly maxSize?: number;
  /** How long they are kept. Default 168 hours. */
  readonly retention?: Duration;
}

export interface AddDeadLetterOptions {
  /** Kept as the stack of the error. Default: the error's own. */
  readonly traceback?: string;
  /** Plain data to note with it, at most 16 KiB as JSON. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Default `manual`. */
  readonly reason?: DeadLetterReason;
  /** By its name in the store. Default: the first one. */
  readonly queue?: string;
}

/** Which of the dead letters; all by default. */
export interface DeadLetterFilter {
  readonly task?: string;
  /** By its name in the store. */
  readonly queue?: string;
}

export interface DeadLetterListing extends DeadLetterFilter {
  readonly cursor?: string;
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
}

export interface DeadLetterTotals extends DeadLetterStats {
  /** Put there by hand, through this object. */
  readonly added: number;
}

const NAME = "DeadLetterQueue";
const MAX_METADATA = 16_384;

/**
 * The dead letters of one queue or of several, as one. They lie in the queues themselves: a job gets there in the step
 * that fails it, and a retry moves it back in one step, so none is lost in between.
 *
 * An id is looked for in the queues in their order. All methods may run concurrently with workers and with each other;
 * they reject with `QueueUnavailableError` when a store cannot be reached, and with `UnsupportedError` when a queue
 * keeps no dead letters.
 */
export class DeadLetterQueue {
  readonly maxSize: number;
  readonly retentionMs: number;
  readonly #source: () => readonly TaskQueueProtocol[];
  #added = 0;

  /**
   * @param queues a function is asked at each call, so that queues which are added later take part.
   * @throws TaskConfigError for no queue, two of one name, or an option that is unknown or out of range.
   */
  constructor(
    queues: TaskQueueProtocol | readonly TaskQueueProtocol[] | (() => readonly TaskQueueProtocol[]),
    options: DeadLetterQueueOptions = {},
  ) {
    refuseUnknownOptions(NAME, options, ["maxSize", "retention"]);
    this.maxSize = countOption(NAME, "maxSize", options.maxSize ?? 10_000, 1);
    this.retentionMs = spanOption(NAME, "retention", options.retention ?? "168h", { above: 0 });
    const given = Array.isArray(queues)
      ? [...(queues as TaskQueueProtocol[])]
      : [queues as TaskQueueProtocol];
    this.#source = typeof queues === "function" ? queues : () => given;
    arrayOption(NAME, "queues", this.#queues);
    for (const queue of this.#queues) queueOption(NAME, "queues", queue, "deadLetters");
    const names = new Set(this.#queues.map((queue) => queue.name));
    if (names.size === 0 || names.size < this.#queues.length)
      throw new TaskConfigError(`${NAME} needs one queue or several of different names`, { path: "queues" });
  }

  get #queues(): readonly TaskQueueProtocol[] {
    return this.#source();
  }

  /** Writes `maxSize` and `retention` into the policy of each queue, which enforces them from then on for all processes. */
  async enforce(): Promise<void> {
    for (const queue of this.#queues) {
      const policy = await queue.getPolicy();
      const { keepFailed } = policy;
      if (
        typeof keepFailed === "object" &&
        keepFailed.ageMs === this.retentionMs &&
        keepFailed.count === this.maxSize
      )
        continue;
      await queue.setPolicy({ ...policy, keepFailed: { ageMs: this.retentionMs, count: this.maxSize } });
    }
  }

  /**
   * Puts a job straight into the dead letters.
   *
   * @param error anything thrown.
   * @throws QueueNotFoundError when none of the queues has the name; TaskConfigError for an unknown option;
   *   TaskValidationError when the metadata is no plain data or too much.
   */
  async add(
    job: NewJob,
    error: unknown,
    options: AddDeadLetterOptions = {},
  ): Promise<Result<JobId, TaskQueueError>> {
    refuseUnknownOptions("add", options, ["traceback", "metadata", "reason", "queue"]);
    refuseUnless(holdsOptions(job), "job", "", "must be an object");
    const [queue] = this.#named(options.queue);
    const plain = serializeError(error);
    const failure: SerializedError =
      options.traceback === undefined ? plain : { ...plain, stack: options.traceback };
    const headers =
      options.metadata === undefined ? {} : { [METADATA_HEADER]: encodeMetadata(job.id, options.metadata) };
    const letter = { ...job, headers: { ...job.headers, ...headers } };
    const result = await (queue as TaskQueueProtocol).deadLetters.add(letter, failure, options.reason);
    if (result.ok) this.#added++;
    return result;
  }

  async get(jobId: JobId): Promise<FailureRecord | undefined> {
    for (const queue of this.#queues) {
      const letter = await queue.deadLetters.get(jobId);
      if (letter !== undefined) return FailureRecord.of(queue.name, letter);
    }
    return undefined;
  }

  /** Newest first, over all queues. */
  async list(listing: DeadLetterListing = {}): Promise<Page<FailureRecord>> {
    refuseUnknownOptions("list", listing, ["task", "queue", "cursor", "limit"]);
    const sources = this.#named(listing.queue).map(({ name, deadLetters: letters }) => ({ name, letters }));
    return listMerged(sources, { task: listing.task, cursor: listing.cursor, limit: listing.limit ?? 50 });
  }

  /** The newest ones, as many as `limit`, of one task or of all. */
  async listFailed(limit = 50, jobName?: string): Promise<readonly FailureRecord[]> {
    return (await this.list({ limit, ...(jobName === undefined ? {} : { task: jobName }) })).items;
  }

  /**
   * Moves a job back to the pending ones of its queue, with a new budget of attempts, its id, headers and keys, and a
   * link to the failure it comes from.
   */
  async retry(jobId: JobId): Promise<Result<JobId, JobNotFoundError | TransitionNotAllowedError>> {
    let refused: TransitionNotAllowedError | undefined;
    for (const queue of this.#queues) {
      const result = await queue.deadLetters.retry(jobId);
      if (result.ok) return result;
      // That it exists and may not move says more than that other queues do not hold it.
      if (!(result.error instanceof JobNotFoundError)) refused = result.error;
    }
    const queue = this.#queues.map(({ name }) => name).join('" or "');
    return err(refused ?? new JobNotFoundError({ queue, jobId }));
  }

  /** Moves back what is there when the call starts, oldest first. @returns how many. */
  async retryAll(filter: DeadLetterFilter = {}): Promise<number> {
    refuseUnknownOptions("retryAll", filter, ["task", "queue"]);
    const task = filter.task === undefined ? {} : { task: filter.task };
    return sum(this.#named(filter.queue), (queue) => queue.deadLetters.retryAll(task));
  }

  /** Deletes one. @returns whether it was there. */
  async remove(jobId: JobId): Promise<boolean> {
    for (const queue of this.#queues) if (await queue.deadLetters.remove(jobId)) return true;
    return false;
  }

  /**
   * Deletes those that failed longer ago.
   *
   * @param olderThan 0 deletes all. Default: the retention.
   * @returns how many.
   */
  async purge(olderThan?: Duration): Promise<number> {
    const olderThanMs = olderThan === undefined ? this.retentionMs : milliseconds(olderThan);
    return sum(this.#queues, (queue) => queue.deadLetters.purge(olderThanMs));
  }

  /** Deletes all. @returns how many. */
  clear(): Promise<number> {
    return sum(this.#queues, (queue) => queue.deadLetters.clear());
  }

  size(): Promise<number> {
    return sum(this.#queues, (queue) => queue.deadLetters.size());
  }

  /** Sums over all queues. */
  async stats(): Promise<DeadLetterTotals> {
    const all = await Promise.all(this.#queues.map((queue) => queue.deadLetters.stats()));
    const byTask = new Map<string, number>();
    for (const stats of all)
      for (const [task, count] of Object.entries(stats.byTask))
        byTask.set(task, (byTask.get(task) ?? 0) + count);
    const total = (pick: (stats: DeadLetterStats) => number) => all.reduce((n, stats) => n + pick(stats), 0);
    return {
      size: total((stats) => stats.size),
      maxSize: total((stats) => stats.maxSize),
      added: this.#added,
      retried: total((stats) => stats.retried),
      removed: total((stats) => stats.removed),
      byTask: Object.fromEntries(byTask),
    };
  }

  /** The ancestor's name for {@link stats}. */
  getStats(): Promise<DeadLetterTotals> {
    return this.stats();
  }

  #named(name: string | undefined): readonly TaskQueueProtocol[] {
    if (name === undefined) return this.#queues;
    refuseUnless(typeof name === "string", NAME, "queue", "must be the name of a queue");
    const queue = this.#queues.find((one) => one.name === name);
    if (queue !== undefined) return [queue];
    throw new QueueNotFoundError({ queue: name, known: this.#queues.map((one) => one.name) });
  }
}

async function sum(
  queues: readonly TaskQueueProtocol[],
  count: (queue: TaskQueueProtocol) => Promise<number>,
): Promise<number> {
  const counts = await Promise.all(queues.map(count));
  return counts.reduce((total, n) => total + n, 0);
}

function encodeMetadata(jobId: JobId, metadata: Readonly<Record<string, unknown>>): string {
  let message = `has more than ${MAX_METADATA} characters as JSON`;
  try {
    const text = JSON.stringify(metadata);
    if (text.length <= MAX_METADATA) return text;
  } catch {
    message = "has no form in JSON";
  }
  throw new TaskValidationError({
    subject: `dead letter "${jobId}"`,
    issues: [{ path: "metadata", message }],
  });
}
