import { checkActiveQuery, checkJobId, type Duration, refuseUnless, spanOption } from "@lexigram/contracts";
import { ProgressInfo } from "./progress-info.ts";
import type { ProgressQuery } from "./progress-store.ts";

const DEFAULT_PAGE = 100;

/** How long progress is kept after its latest change. */
export interface ProgressLifetimes {
  /** Of a job that completed or failed. Default 1 hour. */
  readonly ttl?: Duration;
  /** Of a job that has not ended. Default 24 hours: a worker that died reports no end. */
  readonly activeTtl?: Duration;
}

/** @throws TaskConfigError when a span is not above 0. */
export function lifetimes(owner: string, options: ProgressLifetimes): { finalMs: number; activeMs: number } {
  return {
    finalMs: spanOption(owner, "ttl", options.ttl ?? "1h", { above: 0 }),
    activeMs: spanOption(owner, "activeTtl", options.activeTtl ?? "24h", { above: 0 }),
  };
}

/**
 * How many jobs a listing asks for.
 *
 * @throws TaskValidationError for a field that is unknown or out of range.
 */
export function progressPageSize(query: ProgressQuery): number {
  checkActiveQuery(query, "a listing of progress");
  return query.limit ?? DEFAULT_PAGE;
}

/** @throws TaskValidationError for what is no progress of a job. */
export function requireProgress(info: ProgressInfo): void {
  refuseUnless(info instanceof ProgressInfo, "progress", "info", "must be a ProgressInfo");
  checkJobId(info.jobId);
}
