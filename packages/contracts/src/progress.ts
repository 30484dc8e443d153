import type { JobId } from "./job/job.ts";
import { type Token, token } from "./token.ts";

export type ProgressStatus = "pending" | "running" | "complete" | "failed";

/** How far a job is, at one moment. */
export interface ProgressSnapshot {
  readonly taskId: JobId;
  readonly current: number;
  /** 0: unknown. */
  readonly total: number;
  readonly status: ProgressStatus;
  readonly message: string;
  readonly error: string;
  /** 0 to 100; 0 while the total is unknown. */
  readonly percent: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly updatedAt: number;
  /** Milliseconds left at the pace so far; absent while nothing can be said. */
  readonly etaMs?: number;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/**
 * Progress of many jobs, with live subscriptions. All methods may run concurrently. `complete` and `fail` are final:
 * the last snapshot is sent and every subscription of that job ends.
 */
export interface ProgressTrackerProtocol {
  update(
    taskId: JobId,
    current: number,
    total: number,
    message?: string,
    metadata?: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  complete(taskId: JobId, message?: string): Promise<void>;
  fail(taskId: JobId, error: string): Promise<void>;
  get(taskId: JobId): Promise<ProgressSnapshot | undefined>;
  /** One item per change, beginning with what is known; after the end the last snapshot, once. */
  subscribe(taskId: JobId, signal?: AbortSignal): AsyncIterable<ProgressSnapshot>;
}

export const ProgressTrackerProtocol: Token<ProgressTrackerProtocol> = token("ProgressTrackerProtocol");
