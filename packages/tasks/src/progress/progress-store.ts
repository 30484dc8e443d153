import type { JobId, Page } from "@lexigram/contracts";
import type { ProgressInfo } from "./progress-info.ts";

/** Progress beside the version it was stored at, which rises with each change of a job. */
export interface VersionedProgress {
  readonly info: ProgressInfo;
  readonly version: number;
}

export interface ProgressQuery {
  readonly cursor?: string;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number;
}

/**
 * Where the latest progress of each job is kept. What is final is kept for a time, so that a late reader still learns
 * the end; what stopped reporting is forgotten too. All methods may run concurrently; after `close` they reject with
 * `ClosedError`.
 */
export abstract class ProgressStore {
  /** Replaces a job's progress and tells those who follow it. */
  abstract save(info: ProgressInfo): Promise<void>;

  async get(jobId: JobId): Promise<ProgressInfo | undefined> {
    return (await this.read(jobId))?.info;
  }

  /** @returns whether there was any. */
  abstract delete(jobId: JobId): Promise<boolean>;

  /** Progress that is not final, page by page; a page may hold fewer than `limit`. */
  abstract listActive(query?: ProgressQuery): Promise<Page<ProgressInfo>>;

  abstract read(jobId: JobId): Promise<VersionedProgress | undefined>;

  /** Changes of a job from the moment the promise resolves, until aborted or closed. Hints: some may be missed. */
  abstract changes(jobId: JobId, signal: AbortSignal): Promise<AsyncIterable<VersionedProgress>>;

  /** Ends what follows changes through this object. What is stored elsewhere stays. Idempotent. */
  abstract close(): Promise<void>;
}
