import {
  type HealthCheckResult,
  type JobId,
  requireOptions,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import type { TaskLookup } from "../define/registered-task.ts";
import type { TaskMiddlewarePipeline } from "../middleware/pipeline.ts";
import type { Activity } from "./activity.ts";
import { AttemptProgress } from "./attempt-progress.ts";
import type { ProgressReporter } from "./task-context.ts";
import type { WorkerStats } from "./member-stats.ts";
import { type StopPoolOptions, WorkerPool } from "./worker-pool.ts";
import type { TaskWorkerServices } from "./worker-services.ts";
import type { WorkerSettings } from "./worker-settings.ts";

export interface TaskWorkerOptions {
  /** Must be unique among the processes on the store. Default: host, process id and a random part. */
  readonly workerId?: string | undefined;
  readonly queue: TaskQueueProtocol;
  readonly handlers: TaskLookup;
  /** Attempts at once. Default 10. */
  readonly maxConcurrentTasks?: number | undefined;
  readonly settings?: Partial<WorkerSettings> | undefined;
  readonly services?: TaskWorkerServices | undefined;
  readonly pipeline?: TaskMiddlewarePipeline | undefined;
}

/** One worker on one queue: a pool of one. */
export class TaskWorker {
  readonly #pool: WorkerPool;
  readonly #progress: TaskWorkerServices["progress"];

  /** @throws TaskConfigError for a number of slots or a setting out of range. */
  constructor(options: TaskWorkerOptions) {
    requireOptions("TaskWorker", options);
    const { workerId, queue, ...rest } = options;
    this.#progress = options.services?.progress;
    this.#pool = new WorkerPool({ ...rest, queues: queue, ...(workerId === undefined ? {} : { workerId }) });
  }

  get workerId(): string {
    return this.getStats().workerId;
  }

  /** What is under way between this worker and its store. */
  get activity(): Activity {
    return this.#pool.activity;
  }

  /** Begins to claim jobs. A no-op while it runs. */
  start(): Promise<void> {
    return this.#pool.start();
  }

  /** Stops as {@link WorkerPool.stop} does. */
  stop(options?: StopPoolOptions): Promise<void> {
    return this.#pool.stop(options);
  }

  getStats(): WorkerStats {
    const [stats] = this.#pool.getWorkerStats();
    return stats!;
  }

  /** Whether it runs an attempt now. */
  isBusy(): boolean {
    return this.getStats().running > 0;
  }

  /** Reports progress for a job from outside its handler. `undefined` when the worker was given no progress tracker. */
  getProgressTracker(jobId: JobId): ProgressReporter | undefined {
    return this.#progress === undefined ? undefined : new AttemptProgress(jobId, this.#progress);
  }

  health(): HealthCheckResult {
    return this.#pool.health();
  }
}
