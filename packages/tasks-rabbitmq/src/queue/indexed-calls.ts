import { type CancelOutcome, checkJobId, type JobId, type JobView } from "@lexigram/contracts";
import type { JobIndex } from "../job-index/job-index.ts";
import { RefusedCalls } from "./refused-calls.ts";
import type { Replies } from "./replies.ts";

/** The calls that a message broker cannot answer, answered by the index of jobs where there is one. */
export abstract class IndexedCalls extends RefusedCalls {
  /** Absent where outcomes of jobs do not come back. */
  readonly replies?: Replies;
  protected readonly index: JobIndex | undefined;

  constructor(name: string, index: JobIndex | undefined, replies: Replies | undefined) {
    super(name);
    this.index = index;
    if (replies !== undefined) this.replies = replies;
  }

  /** Resolves when what time has done to the jobs of this object is written. */
  protected abstract quiet(): Promise<void>;

  override async pause(): Promise<void> {
    if (this.index === undefined) return super.pause();
    this.checkOpen();
    await this.index.control.pause();
  }

  override async resume(): Promise<void> {
    if (this.index === undefined) return super.resume();
    this.checkOpen();
    await this.index.control.resume();
  }

  async isPaused(): Promise<boolean> {
    this.checkOpen();
    return this.index !== undefined && (await this.index.control.read()).paused;
  }

  override async cancel(id: JobId): Promise<CancelOutcome> {
    if (this.index === undefined) return super.cancel(id);
    this.checkOpen();
    checkJobId(id);
    await this.quiet();
    const outcome = await this.index.cancel(id);
    // Its message tells that as well, but may be due much later.
    if (outcome === "cancelled") this.replies?.cancelled(id);
    return outcome;
  }

  override async getJob(id: JobId): Promise<JobView | undefined> {
    if (this.index === undefined) return super.getJob(id);
    this.checkOpen();
    checkJobId(id);
    await this.quiet();
    return this.index.getJob(id);
  }

  override async deleteJob(id: JobId): Promise<boolean> {
    if (this.index === undefined) return super.deleteJob(id);
    this.checkOpen();
    checkJobId(id);
    await this.quiet();
    const isDeleted = await this.index.deleteJob(id);
    if (isDeleted) this.replies?.gone(id);
    return isDeleted;
  }
}
