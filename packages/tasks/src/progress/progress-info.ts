import {
  type JobId,
  type JsonValue,
  type ProgressSnapshot,
  type ProgressStatus,
  requireOptions,
} from "@lexigram/contracts";

/** What a {@link ProgressInfo} is made of. */
export interface ProgressFields {
  readonly jobId: JobId;
  readonly current: number;
  /** 0: unknown. */
  readonly total: number;
  readonly status: ProgressStatus;
  readonly message: string;
  readonly error: string;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly updatedAt: number;
  /** Milliseconds from the start to the update, measured where they were spent: clocks of other processes differ. */
  readonly elapsedMs: number;
  readonly metadata: Readonly<Record<string, JsonValue>>;
}

/** How far a job was at one moment. Immutable. */
export class ProgressInfo implements ProgressFields {
  readonly jobId: JobId;
  readonly current: number;
  readonly total: number;
  readonly status: ProgressStatus;
  readonly message: string;
  readonly error: string;
  readonly startedAt: number;
  readonly updatedAt: number;
  readonly elapsedMs: number;
  readonly metadata: Readonly<Record<string, JsonValue>>;

  constructor(fields: ProgressFields) {
    requireOptions("ProgressInfo", fields);
    this.jobId = fields.jobId;
    this.current = fields.current;
    this.total = fields.total;
    this.status = fields.status;
    this.message = fields.message;
    this.error = fields.error;
    this.startedAt = fields.startedAt;
    this.updatedAt = fields.updatedAt;
    this.elapsedMs = fields.elapsedMs;
    this.metadata = fields.metadata;
  }

  /** 0 to 100 with one decimal; 0 while the total is unknown. */
  get percentage(): number {
    if (this.total <= 0) return 0;
    return Math.min(100, Math.round((this.current / this.total) * 1_000) / 10);
  }

  /** Whether a known total has been reached, or the job was reported complete. */
  get isComplete(): boolean {
    return this.status === "complete" || (this.total > 0 && this.current >= this.total);
  }

  /** Whether nothing more will be reported. */
  get isFinal(): boolean {
    return this.status === "complete" || this.status === "failed";
  }

  get elapsedSeconds(): number {
    return this.elapsedMs / 1_000;
  }

  /** Milliseconds left at the pace so far; `undefined` while nothing can be said, and at the end. */
  get etaMs(): number | undefined {
    if (this.isFinal || this.total <= 0 || this.current <= 0) return undefined;
    return Math.round((Math.max(0, this.total - this.current) * this.elapsedMs) / this.current);
  }

  /** The same in seconds with one decimal. */
  get estimatedRemainingSeconds(): number | undefined {
    const { etaMs } = this;
    return etaMs === undefined ? undefined : Math.round(etaMs / 100) / 10;
  }

  /** What subscribers are given. */
  toSnapshot(): ProgressSnapshot {
    const { jobId, current, total, status, message, error, startedAt, updatedAt, metadata, etaMs } = this;
    return {
      taskId: jobId,
      current,
      total,
      status,
      message,
      error,
      percent: this.percentage,
      startedAt,
      updatedAt,
      metadata,
      ...(etaMs === undefined ? {} : { etaMs }),
    };
  }

  toJSON(): { readonly [name in keyof ProgressFields]: JsonValue } {
    const { jobId, current, total, status, message, error, startedAt, updatedAt, elapsedMs, metadata } = this;
    return { jobId, current, total, status, message, error, startedAt, updatedAt, elapsedMs, metadata };
  }

  /** Reads what `toJSON` wrote; unknown fields are ignored. */
  static fromJSON(value: unknown): ProgressInfo {
    return new ProgressInfo(value as ProgressFields);
  }
}
