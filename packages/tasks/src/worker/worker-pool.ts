import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import {
  type Duration,
  type HealthCheckResult,
  milliseconds,
  refuseUnknownOptions,
  requireOptions,
  TaskConfigError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import type { TaskLookup } from "../define/registered-task.ts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import { WorkerJobStats } from "../observability/worker-job-stats.ts";
import type { TaskMiddlewarePipeline } from "../middleware/pipeline.ts";
import type { Activity } from "./activity.ts";
import { Crew, CrewMember } from "./crew.ts";
import { WorkerEngine } from "./engine.ts";
import { engineHealth } from "./engine-health.ts";
import { statsOf, type WorkerStats } from "./member-stats.ts";
import { type TaskWorkerServices, type WorkerServices, workerServices } from "./worker-services.ts";
import { type WorkerSettings, workerSettings } from "./worker-settings.ts";

export interface WorkerPoolOptions {
  /** The queues of an application, or a single one. */
  readonly queues: QueueSet | TaskQueueProtocol;
  readonly handlers: TaskLookup;
  /** Workers. Default 1. */
  readonly size?: number | undefined;
  /** Attempts that one worker runs at once. Default 10. */
  readonly maxConcurrentTasks?: number | undefined;
  readonly settings?: Partial<WorkerSettings> | undefined;
  readonly services?: TaskWorkerServices | undefined;
  readonly pipeline?: TaskMiddlewarePipeline | undefined;
  /** The id of the first worker. Default: host, process id and a random part, with a number. */
  readonly workerId?: string | undefined;
}

export interface StopPoolOptions {
  /** Let running attempts finish first. Default true; false hands them back at once. */
  readonly drain?: boolean;
  /** How long to let them; `null`: as long as it takes. Default: the settings' `shutdownTimeoutMs`. */
  readonly timeout?: Duration | null;
}

export interface PoolStats {
  readonly poolSize: number;
  /** Workers that run something now. */
  readonly activeWorkers: number;
  readonly running: number;
  readonly slots: number;
  /** Deliveries held ready beyond the slots. */
  readonly held: number;
  /** Handlers that ignore their signal and run on although their slot was given to others. */
  readonly zombies: number;
  readonly totalJobsProcessed: number;
  readonly totalJobsSucceeded: number;
  readonly totalJobsFailed: number;
  /** Milliseconds. */
  readonly averageProcessingMs: number;
}

const DEFAULT_SLOTS = 10;
/** Removed workers whose statistics are kept apart. */
const MAX_LEAVING = 100;

/**
 * The workers of an application: `size` × `maxConcurrentTasks` attempts at once in this process, never more, over all
 * its queues. All methods may be called at any time; `start` and `stop` take effect one after the other, and a pool
 * that was stopped can be started again.
 */
export class WorkerPool {
  readonly #engine: WorkerEngine;
  readonly #services: WorkerServices;
  readonly #settings: WorkerSettings;
  readonly #slotsPerWorker: number;
  readonly #crew = new Crew();
  /** Totals of workers that were removed, but for the latest, whose last outcomes may be on their way. */
  readonly #gone = { jobsSucceeded: 0, jobsFailed: 0, totalProcessingTime: 0 };
  readonly #leaving: WorkerJobStats[] = [];
  readonly #firstId: string | undefined;
  #made = 0;

  /** @throws TaskConfigError for a size, a number of slots or a setting out of range. */
  constructor(options: WorkerPoolOptions) {
    requireOptions("WorkerPool", options);
    const { queues, handlers, size = 1, maxConcurrentTasks = DEFAULT_SLOTS, pipeline } = options;
    this.#settings = workerSettings(options.settings);
    this.#services = workerServices(options.services);
    checkWhole(size, "workerCount", 0);
    checkWhole(maxConcurrentTasks, "maxConcurrentTasks", 1);
    this.#slotsPerWorker = maxConcurrentTasks;
    this.#firstId = options.workerId;
    this.#engine = new WorkerEngine({
      queues,
      handlers,
      pipeline,
      settings: this.#settings,
      services: this.#services,
      crew: this.#crew,
      processId: `${hostname()}-${process.pid}-${randomUUID()}`,
    });
    for (let i = 0; i < size; i++) this.#hire();
  }

  /** What is under way between this process and its stores. */
  get activity(): Activity {
    return this.#engine.activity;
  }

  get running(): boolean {
    return this.#engine.running;
  }

  /** Begins to claim jobs. A no-op while it runs. */
  start(): Promise<void> {
    return this.#engine.start();
  }

  /**
   * Claims nothing any more, lets running attempts finish, aborts the rest with its signal, waits the grace period,
   * hands back what did not finish without using up an attempt, and stores the last outcomes. A no-op when it does
   * not run. A second call without drain hastens the first.
   */
  async stop(options: StopPoolOptions = {}): Promise<void> {
    refuseUnknownOptions("stop", options, ["drain", "timeout"]);
    const { drain = true, timeout } = options;
    const timeoutMs =
      timeout === null
        ? Infinity
        : timeout === undefined
          ? this.#settings.shutdownTimeoutMs
          : milliseconds(timeout);
    return this.#engine.stop({ drain, timeoutMs });
  }

  /**
   * Sets the number of workers. Added ones begin at once; removed ones finish what they run and take nothing new.
   *
   * @returns a promise that resolves when the removed workers run nothing any more.
   * @throws TaskConfigError when it is no whole number of 0 or more.
   */
  async scaleTo(size: number): Promise<void> {
    checkWhole(size, "workerCount", 0);
    while (this.#crew.members.length < size) this.#hire();
    const leaving: Promise<void>[] = [];
    while (this.#crew.members.length > size) leaving.push(this.#dismiss());
    this.#engine.rescaled();
    await Promise.all(leaving);
  }

  /** Kept from the ancestor. Handlers are looked up at each execution, so there is nothing to refresh. */
  refreshHandlers(): void {}

  getWorkerStats(): readonly WorkerStats[] {
    return this.#crew.members.map(statsOf);
  }

  getPoolStats(): PoolStats {
    const { members } = this.#crew;
    const all = [this.#gone, ...this.#leaving, ...members.map((member) => member.stats)];
    const sum = (field: "jobsSucceeded" | "jobsFailed" | "totalProcessingTime"): number =>
      all.reduce((total, stats) => total + stats[field], 0);
    const succeeded = sum("jobsSucceeded");
    const failed = sum("jobsFailed");
    const processed = succeeded + failed;
    const { consumers } = this.#engine;
    return {
      poolSize: members.length,
      activeWorkers: members.filter((member) => member.running > 0).length,
      running: this.#crew.running,
      slots: this.#crew.slots,
      held: consumers.reduce((total, consumer) => total + consumer.held, 0),
      zombies: consumers.reduce((total, consumer) => total + consumer.zombies.count, 0),
      totalJobsProcessed: processed,
      totalJobsSucceeded: succeeded,
      totalJobsFailed: failed,
      averageProcessingMs: processed === 0 ? 0 : sum("totalProcessingTime") / processed,
    };
  }

  /** Never rejects. Degraded while the store of a queue does not answer. */
  health(): HealthCheckResult {
    return engineHealth(this.#engine, this.#services.clock);
  }

  #hire(): void {
    const number = ++this.#made;
    const id =
      number === 1 && this.#firstId !== undefined ? this.#firstId : `${this.#engine.processId}:${number}`;
    this.#crew.add(new CrewMember(id, this.#slotsPerWorker, new WorkerJobStats(id, this.#services.clock)));
  }

  #dismiss(): Promise<void> {
    const member = this.#crew.remove();
    if (member === undefined) return Promise.resolve();
    this.#leaving.push(member.stats);
    if (this.#leaving.length > MAX_LEAVING) {
      const { jobsSucceeded, jobsFailed, totalProcessingTime } = this.#leaving.shift()!;
      this.#gone.jobsSucceeded += jobsSucceeded;
      this.#gone.jobsFailed += jobsFailed;
      this.#gone.totalProcessingTime += totalProcessingTime;
    }
    if (member.running === 0) return Promise.resolve();
    return new Promise((resolve) => (member.onGone = resolve));
  }
}

function checkWhole(value: number, path: string, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new TaskConfigError(
    `worker.${path} must be a whole number of ${least} or more`,
    { path: `worker.${path}` },
    { hint: `pass ${least} or more, without a fraction` },
  );
}
