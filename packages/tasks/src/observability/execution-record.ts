import { type JobId, requireOptions } from "@lexigram/contracts";

/** One attempt that ended. */
export interface ExecutionFields {
  readonly jobId: JobId;
  readonly taskName: string;
  readonly success: boolean;
  readonly durationMs: number;
  /** What it failed with; empty on success. */
  readonly error: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  /** Empty when it is not known. */
  readonly workerId: string;
}

/** One attempt that ended, as the dashboard remembers it. Immutable. */
export class ExecutionRecord implements ExecutionFields {
  readonly jobId: JobId;
  readonly taskName: string;
  readonly success: boolean;
  readonly durationMs: number;
  readonly error: string;
  readonly timestamp: number;
  readonly workerId: string;

  constructor(fields: ExecutionFields) {
    requireOptions("ExecutionRecord", fields);
    this.jobId = fields.jobId;
    this.taskName = fields.taskName;
    this.success = fields.success;
    this.durationMs = fields.durationMs;
    this.error = fields.error;
    this.timestamp = fields.timestamp;
    this.workerId = fields.workerId;
  }

  toJSON(): ExecutionFields {
    const { jobId, taskName, success, durationMs, error, timestamp, workerId } = this;
    return { jobId, taskName, success, durationMs, error, timestamp, workerId };
  }
}
