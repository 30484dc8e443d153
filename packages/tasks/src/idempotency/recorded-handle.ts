import {
  type CancelOutcome,
  type Enqueued,
  type JobId,
  type JobStatus,
  type JobView,
  type ProgressSnapshot,
  ResultUnavailableError,
} from "@lexigram/contracts";
import type { ResultOptions, TaskHandle } from "../dispatch/task-handle.ts";
import type { CodecRegistry } from "../job/codec-registry.ts";
import type { IdempotencyStore } from "./idempotency-store.ts";
import { resultOfRecord } from "./recorded-outcome.ts";

/** The handle of a job that was submitted under a key: its result is also where its record is, which may outlive the job's. */
export class RecordedHandle<O> implements TaskHandle<O> {
  readonly outcome: Enqueued["outcome"];
  readonly #job: TaskHandle<O>;
  readonly #key: string;
  readonly #store: IdempotencyStore;
  readonly #codecs: CodecRegistry;

  constructor(
    job: TaskHandle<O>,
    outcome: Enqueued["outcome"],
    key: string,
    store: IdempotencyStore,
    codecs: CodecRegistry,
  ) {
    this.#job = job;
    this.outcome = outcome;
    this.#key = key;
    this.#store = store;
    this.#codecs = codecs;
  }

  get id(): JobId {
    return this.#job.id;
  }

  get queueName(): string {
    return this.#job.queueName;
  }

  get progress(): AsyncIterable<ProgressSnapshot> {
    return this.#job.progress;
  }

  async result(options?: ResultOptions): Promise<O> {
    const before = await this.#recorded();
    if (before !== undefined) return before.value;
    try {
      return await this.#job.result(options);
    } catch (error) {
      if (!(error instanceof ResultUnavailableError)) throw error;
      // The job ended and was forgotten between the two looks.
      const after = await this.#recorded();
      if (after === undefined) throw error;
      return after.value;
    }
  }

  async status(): Promise<JobStatus | "unknown"> {
    if ((await this.#recorded()) !== undefined) return "completed";
    return this.#job.status();
  }

  cancel(): Promise<CancelOutcome> {
    return this.#job.cancel();
  }

  job(): Promise<JobView | undefined> {
    return this.#job.job();
  }

  async #recorded(): Promise<{ readonly value: O } | undefined> {
    const found = await this.#store.get(this.#key);
    if (found?.stored.status !== "completed" || found.stored.job?.id !== this.id) return undefined;
    return { value: resultOfRecord(found.stored, this.#codecs) as O };
  }
}
