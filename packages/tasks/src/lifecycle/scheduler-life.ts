import { serializeError, TaskRegistrationError, type Timer } from "@lexigram/contracts";
import { declareEntry, type ScheduleEntry } from "../schedule/schedule-entry.ts";
import { schedulesOfClass, schedulesOfDefinition } from "../schedule/scheduled.ts";
import { TaskScheduler } from "../schedule/task-scheduler.ts";
import type { TasksOptions } from "./provider-options.ts";
import type { TaskRuntime } from "./task-runtime.ts";
import type { TaskScope } from "./task-scope.ts";

/** What in code says that something is to be scheduled. */
export interface ScheduleSources {
  readonly scopes: readonly TaskScope[];
  readonly entries: readonly ScheduleEntry[];
  /** Definitions that were registered one by one. */
  readonly definitions: readonly unknown[];
}

const RETRY_MS = 1_000;

/** The scheduler of an application, from its boot to its end. */
export class SchedulerLife {
  readonly scheduler: TaskScheduler;
  readonly #runtime: TaskRuntime;
  readonly #isEnabled: boolean;
  #retry: Timer | undefined;

  /** @param isTest nobody else works on the store, so the scheduler looks only when something is due. */
  constructor(runtime: TaskRuntime, options: TasksOptions, isTest: boolean) {
    const { config, clock, logger, emitter, handlers, queues, dispatcher, pool } = runtime;
    const { enabled, checkIntervalMs, timezone, misfireThresholdMs, misfireWindowMs } = config.scheduler;
    this.#runtime = runtime;
    this.#isEnabled = enabled && options.eager !== true;
    this.scheduler = new TaskScheduler({
      dispatcher,
      queues,
      registry: handlers,
      checkInterval: isTest ? null : checkIntervalMs,
      timezone,
      misfireThreshold: misfireThresholdMs,
      misfireWindow: misfireWindowMs,
      clock,
      logger,
      emitter,
      activity: pool.activity,
    });
  }

  /**
   * Takes over all that code schedules; stores it when all of it is in order.
   *
   * @throws TaskRegistrationError for a task without handler, and for an id that is taken; ScheduleInvalidError.
   */
  async register({ scopes, entries, definitions }: ScheduleSources): Promise<void> {
    for (const { classes, definitions: listed } of scopes) {
      for (const owner of classes)
        for (const [task, when] of schedulesOfClass(owner)) this.scheduler.declare(task, when);
      for (const definition of listed) this.declare(definition);
    }
    for (const definition of definitions) this.declare(definition);
    for (const entry of entries) declareEntry(this.scheduler, entry);
    this.#refuseWithoutHandler();
    if (this.#isEnabled) await this.scheduler.register();
  }

  /** The schedules of a definition. */
  declare(definition: unknown): void {
    for (const when of schedulesOfDefinition(definition)) this.scheduler.declare(definition as never, when);
  }

  /** Never rejects: while the store is away it is tried again. */
  async start(): Promise<void> {
    if (!this.#isEnabled) return;
    const { clock, logger } = this.#runtime;
    try {
      await this.scheduler.startScheduler();
    } catch (error) {
      logger.error("the scheduler could not start; it is tried again", { error: serializeError(error) });
      this.#retry = clock.setTimer(() => void this.start(), RETRY_MS);
    }
  }

  stop(): Promise<void> {
    this.#retry?.cancel();
    return this.scheduler.stopScheduler();
  }

  /** A process that only enqueues may schedule what others run. */
  #refuseWithoutHandler(): void {
    const { config, handlers } = this.#runtime;
    if (!config.enabled || config.worker.workerCount === 0) return;
    const missing = this.scheduler.declaredTasks.find((task) => handlers.lookup(task) === undefined);
    if (missing !== undefined)
      throw new TaskRegistrationError(
        `task "${missing}" is scheduled and has no handler`,
        { task: missing },
        {
          hint: "list its definition or class in TasksModule.scope(...); where other processes run it, set workerCount to 0",
        },
      );
  }
}
