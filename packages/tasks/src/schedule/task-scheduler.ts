import {
  type Clock,
  type Duration,
  type Logger,
  refuseUnknownOptions,
  refuseUnless,
  serializeError,
  serviceOption,
  silentLogger,
  spanOption,
  systemClock,
  TaskRegistrationError,
  type Timer,
} from "@lexigram/contracts";
import type { HandlerRegistry } from "../define/handler-registry.ts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import type { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import type { TaskHandle } from "../dispatch/task-handle.ts";
import type { TaskEmitter } from "../events/task-emitter.ts";
import type { Activity } from "../worker/activity.ts";
import { dateOf } from "./instant.ts";
import { OccurrenceFiring, SCHEDULE_ID_HEADER } from "./occurrence.ts";
import { type Schedulable, plannedJob } from "./planned-job.ts";
import { DEFAULT_QUEUE, queueNameOf, requireAbilities } from "./queue-abilities.ts";
import { Schedule } from "./schedule.ts";
import { ScheduleBook } from "./schedule-book.ts";
import type { ScheduleSettings, ScheduleTiming } from "./schedule-options.ts";
import { planOf, type ScheduleDefaults, type SchedulePlan } from "./schedule-plan.ts";
import { ScheduledJob } from "./scheduled-job.ts";
import { SchedulerStore } from "./scheduler-store.ts";
import { TimeZone } from "./time-zone.ts";

export interface TaskSchedulerOptions {
  readonly dispatcher: TaskDispatcher;
  readonly queues: QueueSet;
  /** Default: in the state store of the primary queue. */
  readonly store?: SchedulerStore;
  /** Knows the queue and priority of tasks that are scheduled by name. */
  readonly registry?: HandlerRegistry;
  /**
   * The longest time between two looks at the store, which is how soon it learns what others have scheduled. `null`: it
   * looks when something is due, or was changed through this object. Default 60 seconds.
   */
  readonly checkInterval?: Duration | null;
  /** The zone of schedules that name none. Default UTC. */
  readonly timezone?: string;
  /** How late an occurrence may be to be in time. Default 1 minute. */
  readonly misfireThreshold?: Duration;
  /** What is later than this is not fired, unless its schedule says otherwise. Default 1 day. */
  readonly misfireWindow?: Duration;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly emitter?: TaskEmitter;
  /** Counts what is under way, for tests. */
  readonly activity?: Activity;
}

const OPTIONS = [
  "dispatcher",
  "queues",
  "store",
  "registry",
  "checkInterval",
  "timezone",
  "misfireThreshold",
  "misfireWindow",
  "clock",
  "logger",
  "emitter",
  "activity",
] as const satisfies readonly (keyof TaskSchedulerOptions)[];

/** When to run: a cron expression, a schedule, or equal spans. */
export type When = string | Schedule | { readonly every: Duration; readonly starting?: Date };

/** After a store or a queue could not be reached. */
const RETRY_MS = 1_000;
/** Schedules that are dealt with at once. */
const AT_ONCE = 32;

/**
 * Enqueues jobs by schedules. Any number of schedulers may work on one store, in any processes: each occurrence has one
 * job, and none of them leads. What is scheduled lies in the store, outlives processes, and is seen by all of them.
 *
 * A schedule that is added here is stored, and every scheduler of the store fires it. One that stands in code (`@scheduled`,
 * `configure({ schedules })`, {@link scheduleJobSync}) is fired by those that have that code.
 */
export class TaskScheduler {
  readonly #store: SchedulerStore;
  readonly #dispatcher: TaskDispatcher;
  readonly #queues: QueueSet;
  readonly #registry: HandlerRegistry | undefined;
  readonly #firing: OccurrenceFiring;
  readonly #book: ScheduleBook;
  readonly #defaults: ScheduleDefaults;
  readonly #checkMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #activity: Activity | undefined;
  #running = false;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #again = false;

  /** @throws TaskConfigError for an option that is unknown or out of range; ScheduleInvalidError for an unknown zone. */
  constructor(options: TaskSchedulerOptions) {
    refuseUnknownOptions("TaskScheduler", options, OPTIONS);
    const { dispatcher, queues, checkInterval = 60_000, timezone = "UTC" } = options;
    const { misfireThreshold = 60_000, misfireWindow = 86_400_000, logger = silentLogger } = options;
    const span = (name: keyof TaskSchedulerOptions, value: Duration): number =>
      spanOption("TaskScheduler", name, value, { above: 0 });
    this.#clock = serviceOption("TaskScheduler", "clock", "clock", options.clock ?? systemClock);
    this.#logger = serviceOption("TaskScheduler", "logger", "logger", logger);
    this.#store = options.store ?? new SchedulerStore(queues.primary.state);
    this.#dispatcher = dispatcher;
    this.#registry = options.registry;
    this.#activity = options.activity;
    this.#checkMs = checkInterval === null ? Infinity : span("checkInterval", checkInterval);
    this.#defaults = {
      timezone: TimeZone.of(timezone).name,
      misfireWindowMs: span("misfireWindow", misfireWindow),
    };
    this.#queues = queues;
    this.#book = new ScheduleBook(this.#store, this.#clock, (plan) => {
      const wanted = queueNameOf(plan);
      return wanted === DEFAULT_QUEUE || queues.all().some(({ name }) => name === wanted);
    });
    this.#firing = new OccurrenceFiring({
      dispatcher,
      queues,
      store: this.#store,
      clock: this.#clock,
      logger,
      emitter: options.emitter,
      misfireThresholdMs: span("misfireThreshold", misfireThreshold),
    });
  }

  /** Whether it looks for what is due. */
  get running(): boolean {
    return this.#running;
  }

  /** The tasks of schedules that stand in code. */
  get declaredTasks(): readonly string[] {
    return this.#book.declaredTasks;
  }

  /**
   * Stores a schedule, in the place of one with its id. One that says the same as what is stored changes nothing, so this
   * may be called at each start; one that says something else begins anew and stays enabled or disabled.
   *
   * @param settings or just the id. Without one it is named after its task and what it says.
   * @returns its id, when it is stored.
   * @throws ScheduleInvalidError, TaskConfigError, TaskValidationError for what cannot be scheduled; QueueNotFoundError and
   *   UnsupportedError where its queue is not there or cannot do it; QueueUnavailableError.
   */
  async scheduleJob(job: Schedulable, when: When, settings: ScheduleSettings | string = {}): Promise<string> {
    const plan = this.#plan(job, when, settings, false);
    await this.#store.saveJob(plan, this.#clock.now());
    this.#wake();
    return plan.id;
  }

  /** Short for {@link scheduleJob} with equal spans. */
  addEvery(
    span: Duration,
    job: Schedulable,
    settings: ScheduleSettings & { readonly starting?: Date } = {},
  ): Promise<string> {
    const { starting, ...rest } = settings;
    return this.scheduleJob(job, { every: span, ...(starting === undefined ? {} : { starting }) }, rest);
  }

  /** Short for {@link scheduleJob} with a schedule. */
  addSchedule(schedule: Schedule, job: Schedulable, settings: ScheduleSettings = {}): Promise<string> {
    return this.scheduleJob(job, schedule, settings);
  }

  /**
   * Adds a schedule as code does: it is fired by this scheduler and others that add it too, and stored with the next look.
   *
   * @returns its id.
   * @throws as {@link scheduleJob}; TaskRegistrationError when this scheduler has another one of that id.
   */
  scheduleJobSync(job: Schedulable, when: When, settings: ScheduleSettings | string = {}): string {
    return this.#declare(this.#plan(job, when, settings, true));
  }

  /** Adds one that stands in code, with all it says. Throws as {@link scheduleJobSync}. */
  declare(job: Schedulable, when: ScheduleTiming & ScheduleSettings): string {
    const planned = plannedJob(job, true, (name) => this.#registry?.lookup(name));
    const plan = planOf(planned, when, this.#defaults, () => this.#book.freeId(planned.task));
    requireAbilities(plan, this.#queues);
    return this.#declare(plan);
  }

  /** Stores what stands in code and is not stored yet. Done by {@link startScheduler} too. */
  register(): Promise<void> {
    return this.#book.register();
  }

  /**
   * Removes a schedule from the store: nobody fires it any more. One that stands in code comes back with the next process
   * that starts with that code; disable it instead. Jobs that were enqueued stay.
   *
   * @returns whether there was one.
   */
  async unscheduleJob(id: string): Promise<boolean> {
    this.#book.forget(id);
    return this.#store.deleteJob(id);
  }

  /** Lets this scheduler alone forget a schedule that stands in code. @returns whether it had one. */
  unscheduleJobSync(id: string): boolean {
    return this.#book.forget(id);
  }

  /** Enables a schedule, for all schedulers and from now on. @returns whether there is one. */
  enableJob(id: string): Promise<boolean> {
    return this.#enable(id, true);
  }

  /** Disables a schedule, for all schedulers, until it is enabled. @returns whether there is one. */
  disableJob(id: string): Promise<boolean> {
    return this.#enable(id, false);
  }

  /**
   * Enqueues a job of a schedule now, whether or not it is enabled or due, beside its occurrences.
   *
   * @throws TaskRegistrationError when there is no such schedule; what `TaskDispatcher.enqueue` throws.
   */
  async trigger(id: string): Promise<TaskHandle> {
    const plan = await this.#book.find(id);
    if (plan === undefined)
      throw new TaskRegistrationError(
        `there is no schedule ${JSON.stringify(id)}`,
        { task: String(id) },
        { hint: "getScheduledJobs() lists them" },
      );
    const headers = { ...plan.options.headers, [SCHEDULE_ID_HEADER]: id };
    return this.#dispatcher.enqueue(plan.target as string, plan.input, { ...plan.options, headers });
  }

  /** All that are stored, in the order of their ids. */
  async getScheduledJobs(): Promise<readonly ScheduledJob[]> {
    await this.#book.register();
    const stored = await this.#store.loadJobs();
    return stored.map((schedule) => new ScheduledJob(schedule));
  }

  async getScheduledJob(id: string): Promise<ScheduledJob | undefined> {
    await this.#book.register();
    const stored = await this.#store.loadJob(id);
    return stored === undefined ? undefined : new ScheduledJob(stored);
  }

  /** When each that is enabled is next due, by its id. */
  async getNextRunTimes(): Promise<Readonly<Record<string, Date>>> {
    const jobs = await this.getScheduledJobs();
    return Object.fromEntries(
      jobs.flatMap(({ id, nextRun }) => (nextRun === undefined ? [] : [[id, nextRun]])),
    );
  }

  /** When a schedule is due next, whether or not it is enabled. @returns nothing when there is no such schedule. */
  async preview(id: string, count: number): Promise<Date[]> {
    const job = await this.getScheduledJob(id);
    return job?.preview(count, dateOf(this.#clock.now())) ?? [];
  }

  /** Reads what is stored. Done by {@link startScheduler} too. @returns how many there are. */
  restoreFromStore(): Promise<number> {
    return this.#book.load();
  }

  /**
   * Stores what stands in code, reads what is stored, and enqueues what is due from now on. A no-op while it runs.
   *
   * @throws QueueUnavailableError when the store cannot be reached; then it does not run.
   */
  async startScheduler(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      await this.#book.register();
      await this.#book.load();
    } catch (error) {
      this.#running = false;
      throw error;
    }
    this.#wake();
  }

  /** Enqueues nothing any more. Resolves when what is under way is over. It can be started again. */
  async stopScheduler(): Promise<void> {
    this.#running = false;
    this.#timer?.cancel();
    await this.#looking;
  }

  /** Resolves when no look is under way: what was due then has been dealt with. */
  async whenIdle(): Promise<void> {
    while (this.#looking !== undefined) await this.#looking;
  }

  async #enable(id: string, enabled: boolean): Promise<boolean> {
    refuseUnless(typeof id === "string", "a schedule", "id", "must be the id of a schedule");
    await this.#book.register();
    const known = await this.#store.enableJob(id, enabled, this.#clock.now());
    this.#wake();
    return known;
  }

  #plan(job: Schedulable, when: When, settings: ScheduleSettings | string, declared: boolean): SchedulePlan {
    const planned = plannedJob(job, declared, (name) => this.#registry?.lookup(name));
    const named = typeof settings === "string" ? { id: settings } : settings;
    const timing: ScheduleTiming =
      typeof when === "string" ? { cron: when } : when instanceof Schedule ? { schedule: when } : when;
    const nameless = (hash: string): string => `${planned.task}~${hash}`;
    const plan = planOf(planned, { ...named, ...timing }, this.#defaults, nameless);
    requireAbilities(plan, this.#queues);
    return plan;
  }

  #declare(plan: SchedulePlan): string {
    this.#book.declare(plan);
    this.#wake();
    return plan.id;
  }

  /** Looks now, or once more after the look that is under way. */
  #wake(): void {
    if (!this.#running) return;
    this.#again = true;
    if (this.#looking !== undefined) return;
    this.#timer?.cancel();
    this.#looking = this.#look().finally(() => (this.#looking = undefined));
  }

  async #look(): Promise<void> {
    let waitMs = RETRY_MS;
    this.#activity?.begin();
    try {
      while (this.#again && this.#running) {
        this.#again = false;
        waitMs = await this.#lookOnce();
      }
    } catch (error) {
      this.#logger.error("schedules could not be read", { error: serializeError(error) });
      waitMs = RETRY_MS;
    } finally {
      this.#activity?.end();
    }
    if (this.#running && waitMs !== Infinity) this.#timer = this.#clock.setTimer(() => this.#wake(), waitMs);
  }

  /** @returns how long to wait for the next look. */
  async #lookOnce(): Promise<number> {
    await this.#book.register();
    await this.#book.refresh();
    const due = this.#book.due(this.#clock.now());
    let failed = false;
    for (let at = 0; at < due.length && this.#running; at += AT_ONCE)
      await Promise.all(
        due.slice(at, at + AT_ONCE).map(async (plan) => {
          try {
            // Where nothing moved on another scheduler is at it, or was.
            if (!this.#book.note(plan.id, await this.#firing.fire(plan))) failed = true;
          } catch (error) {
            failed = true;
            this.#logger.error("a schedule could not be fired; it is tried again", {
              schedule: plan.id,
              task: plan.task,
              error: serializeError(error),
            });
          }
        }),
      );
    const nextMs = Math.max(failed ? RETRY_MS : 0, this.#book.nextAt - this.#clock.now());
    return Math.min(nextMs, this.#checkMs);
  }
}
