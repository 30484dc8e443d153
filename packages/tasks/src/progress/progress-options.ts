import { type Duration, spanOption, TaskValidationError } from "@lexigram/contracts";

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

/** @throws TaskValidationError when a listing asks for fewer than 1 or more than 1,000. */
export function progressPageSize(limit = 100): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit;
  const message = "must be a whole number from 1 to 1,000";
  throw new TaskValidationError({ subject: "a listing of progress", issues: [{ path: "limit", message }] });
}
