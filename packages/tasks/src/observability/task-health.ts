import { type HealthCheckResult, requireOptions } from "@lexigram/contracts";

export interface TaskHealthFields {
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly message?: string;
  /** Epoch milliseconds. */
  readonly timestamp: number;
  /** Jobs that wait to be started. */
  readonly queueSize?: number;
  readonly workerCount?: number;
  /** Workers that run something now. */
  readonly activeWorkers?: number;
  readonly totalProcessed?: number;
  readonly totalSucceeded?: number;
  readonly totalFailed?: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** How the tasks of an application do, at one moment. Immutable; fields that are not given are 0 or empty. */
export class TaskHealth {
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly message: string;
  readonly timestamp: number;
  readonly queueSize: number;
  readonly workerCount: number;
  readonly activeWorkers: number;
  readonly totalProcessed: number;
  readonly totalSucceeded: number;
  readonly totalFailed: number;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(fields: TaskHealthFields) {
    requireOptions("TaskHealth", fields);
    this.status = fields.status;
    this.message = fields.message ?? "";
    this.timestamp = fields.timestamp;
    this.queueSize = fields.queueSize ?? 0;
    this.workerCount = fields.workerCount ?? 0;
    this.activeWorkers = fields.activeWorkers ?? 0;
    this.totalProcessed = fields.totalProcessed ?? 0;
    this.totalSucceeded = fields.totalSucceeded ?? 0;
    this.totalFailed = fields.totalFailed ?? 0;
    this.details = fields.details ?? {};
  }

  get isHealthy(): boolean {
    return this.status === "healthy";
  }

  /** Percent of what was processed; 100 when nothing was. */
  get successRate(): number {
    return this.totalProcessed === 0 ? 100 : (this.totalSucceeded / this.totalProcessed) * 100;
  }

  /** The same as a check of one component. */
  toCheck(component: string): HealthCheckResult {
    const { metrics, details } = this.toJSON();
    return {
      component,
      status: this.status,
      checkedAt: this.timestamp,
      details: { ...metrics, ...details },
      ...(this.message === "" ? {} : { message: this.message }),
    };
  }

  toJSON() {
    const { status, message, timestamp, isHealthy, details } = this;
    const {
      queueSize,
      workerCount,
      activeWorkers,
      totalProcessed,
      totalSucceeded,
      totalFailed,
      successRate,
    } = this;
    return {
      status,
      message,
      timestamp,
      isHealthy,
      metrics: {
        queueSize,
        workerCount,
        activeWorkers,
        totalProcessed,
        totalSucceeded,
        totalFailed,
        successRate,
      },
      details,
    };
  }
}
