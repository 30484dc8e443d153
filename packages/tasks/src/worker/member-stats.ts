/** What one worker did so far. */
export interface WorkerStats {
  readonly workerId: string;
  /** Attempts that ended with an outcome of their own: completed or failed, each retry counted. */
  readonly jobsProcessed: number;
  readonly jobsSucceeded: number;
  readonly jobsFailed: number;
  /** Milliseconds. */
  readonly totalProcessingMs: number;
  /** Milliseconds; 0 while nothing was processed. */
  readonly averageProcessingMs: number;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds; absent while nothing was processed. */
  readonly lastActivityAt: number | undefined;
  readonly uptimeMs: number;
  /** Attempts that run now. */
  readonly running: number;
  readonly slots: number;
}

/** Counts on the hot path; `WorkerStats` is what is shown of it. */
export class MemberStats {
  readonly startedAt: number;
  succeeded = 0;
  failed = 0;
  totalMs = 0;
  lastActivityAt: number | undefined = undefined;

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  record(success: boolean, durationMs: number, at: number): void {
    if (success) this.succeeded++;
    else this.failed++;
    this.totalMs += durationMs;
    this.lastActivityAt = at;
  }
}
