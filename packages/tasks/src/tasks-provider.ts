import {
  Clock,
  type HealthCheckResult,
  type JobId,
  Logger,
  type PlainHandler,
  Random,
  silentLogger,
  TaskConfigError,
  type TaskEvents,
  TaskExecutorProtocol,
  TaskRegistrationError,
  told,
} from "@lexigram/contracts";
import {
  type AppConfig,
  type BootContainer,
  type ConfigIssue,
  type ContainerRegistrar,
  EventBus,
  HealthRegistry,
  HookPriority,
  HookRegistry,
  Provider,
  ProviderPriority,
} from "@lexigram/kernel";
import { BackgroundTaskManager } from "./background/background-task-manager.ts";
import { taskConfigSection } from "./config/task-config-section.ts";
import { TASK_CONFIG_KEY, TaskConfig } from "./config/task-config.ts";
import type { NamedBackendOptions, TaskConfigOptions } from "./config/task-config-options.ts";
import { type HandlerOptions, HandlerRegistry } from "./define/handler-registry.ts";
import { TaskBackendRegistry } from "./dispatch/backend-registry.ts";
import type { EnqueueOptions } from "./dispatch/enqueue-options.ts";
import type { QueueBinding } from "./dispatch/queue-binding.ts";
import { type Runnable, specOf, type TaskRef } from "./define/task-definition.ts";
import type { Schedulable } from "./schedule/planned-job.ts";
import type { ScheduleSettings } from "./schedule/schedule-options.ts";
import { schedulesOfDefinition } from "./schedule/scheduled.ts";
import type { ScheduledJob } from "./schedule/scheduled-job.ts";
import { TaskScheduler, type When } from "./schedule/task-scheduler.ts";
import { SchedulerLife } from "./lifecycle/scheduler-life.ts";
import { codeConfig, type TasksOptions } from "./lifecycle/provider-options.ts";
import { bindQueue, bindRuntime, declareQueue, declareRuntime } from "./lifecycle/runtime-bindings.ts";
import { TaskRules } from "./lifecycle/task-rules.ts";
import { runtimes } from "./lifecycle/running-runtimes.ts";
import { TaskRuntime } from "./lifecycle/task-runtime.ts";
import { registerScopes, serveScope, TaskScope } from "./lifecycle/task-scope.ts";
import { TaskTesting } from "./lifecycle/task-testing.ts";
import { warnOfConstantKeys } from "./lifecycle/constant-keys.ts";
import { warnOfUnknownQueues } from "./lifecycle/unknown-queues.ts";
import { queuesHealth, workersHealth } from "./lifecycle/tasks-health.ts";
import type { LiveWorkers } from "./lifecycle/worker-records.ts";
import type { WorkerStats } from "./worker/member-stats.ts";

declare module "@lexigram/kernel" {
  interface HookActions extends TaskEvents {}
}

/**
 * The life of tasks in an application: binds services, opens backends when it boots, starts workers when everything
 * else has booted, and takes it all down in order. Listed by `TasksModule.configure(...)`, or by hand among an
 * application's `providers`.
 *
 * Configuration goes from the weakest to the strongest source: defaults, options in code, file, profile, environment.
 * What no file can say, such as a backend that was made, middleware and codecs, is code's alone.
 */
export class TaskProvider extends Provider<TaskConfig> {
  override name = "tasks";
  override priority: number = ProviderPriority.INFRASTRUCTURE;
  override configKey = TASK_CONFIG_KEY;
  override configSchema;
  /** The handlers. Those registered before the application boots are there when it does. */
  readonly handlers: HandlerRegistry;
  /** Types of backends. A provider that brings one registers it before this one boots. */
  readonly backends = new TaskBackendRegistry();
  readonly #options: TasksOptions;
  /** The application's, once it boots. */
  #logger: Logger = silentLogger;
  #runtime: TaskRuntime | undefined;
  #container: BootContainer | undefined;
  #schedules: SchedulerLife | undefined;
  #background: BackgroundTaskManager | undefined;
  /** Registered before the application boots. */
  readonly #scheduled: unknown[] = [];
  #unhook: (() => void)[] = [];

  /**
   * @throws TaskConfigError for options that are unknown or out of range.
   */
  constructor(options: TasksOptions = {}) {
    super();
    const inCode = codeConfig("TaskProvider", options);
    this.#options = options;
    const say =
      (level: keyof Logger): Logger["info"] =>
      (message, fields) =>
        this.#logger[level](message, fields);
    this.handlers = new HandlerRegistry({
      logger: { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") },
    });
    this.configSchema = taskConfigSection(inCode.options);
    this.config = inCode;
  }

  /**
   * A provider with a whole configuration.
   *
   * @throws TaskConfigError for what is unknown, out of range or at odds with something else.
   */
  static fromConfig(
    config: TaskConfig | TaskConfigOptions,
    options: Omit<TasksOptions, "config"> = {},
  ): TaskProvider {
    return new TaskProvider({ ...options, config });
  }

  override register(container: ContainerRegistrar, config: AppConfig): void {
    if (this.config.env === undefined) this.config = this.config.with({ env: config.environment });
    container.singleton(TaskProvider, { useValue: this });
    container.singleton(TaskConfig, { useValue: this.config });
    container.singleton(HandlerRegistry, { useValue: this.handlers });
    container.singleton(TaskExecutorProtocol, { useValue: this.handlers });
    container.singleton(TaskBackendRegistry, { useValue: this.backends });
    declareRuntime(container);
    for (const { name } of this.config.queues) declareQueue(container, name);
  }

  /** @throws TaskConfigError when tasks are to be as in production although the application is not, and may not be. */
  override configIssues(config: AppConfig): ConfigIssue[] {
    const issues = this.config.validateForEnvironment();
    const error = issues.find(({ severity }) => severity === "error");
    if (error !== undefined && this.config.isProduction && config.environment !== "production")
      throw new TaskConfigError(
        `${error.field} ${error.message}`,
        { path: error.field },
        { hint: error.suggestion },
      );
    return issues;
  }

  /**
   * Opens backends, sets the rules of queues, connects hooks and events, registers the handlers of all scopes.
   *
   * @throws the first thing that could not be opened, with the entry's name, after the rest was closed;
   *   `TaskRegistrationError` when two handlers claim one name or a class of tasks lacks a dependency.
   */
  override async boot(container: BootContainer): Promise<void> {
    const testing = container.resolveOptional(TaskTesting);
    const clock = testing?.clock ?? container.resolve(Clock);
    if (testing?.clock !== undefined) container.bind(Clock, clock);
    if (testing?.config !== undefined) {
      this.config = this.config.with(testing.config);
      container.bind(TaskConfig, this.config);
    }
    const runtime = new TaskRuntime({
      config: this.config,
      options: this.#options,
      testing,
      clock,
      random: container.resolve(Random),
      logger: container.resolve(Logger),
      hooks: container.resolve(HookRegistry),
      events: container.resolve(EventBus),
      container,
      handlers: this.handlers,
      backends: this.backends,
    });
    this.#logger = runtime.logger;
    try {
      const scopes = container.resolveAll(TaskScope);
      this.handlers.resolveWith((owner) => container.resolve<object>(owner as never));
      registerScopes(scopes, this.handlers);
      await runtime.open();
      warnOfConstantKeys(this.handlers, runtime.logger);
      warnOfUnknownQueues(this.handlers, runtime.queues, runtime.logger);
      runtime.checkTasks();
      await new TaskRules(runtime).apply();
      bindRuntime(container, runtime);
      const schedules = new SchedulerLife(runtime, this.#options, testing !== undefined);
      container.bind(TaskScheduler, schedules.scheduler);
      const { logger } = runtime;
      container.bind(
        BackgroundTaskManager,
        (this.#background = new BackgroundTaskManager({ clock, logger })),
      );
      await schedules.register({
        scopes,
        entries: this.#options.schedules ?? [],
        definitions: this.#scheduled,
      });
      this.#schedules = schedules;
      for (const scope of scopes) runtime.keep(...serveScope(scope, runtime.dispatcher));
    } catch (error) {
      await runtime.close();
      throw error;
    }
    this.#runtime = runtime;
    this.#container = container;
    runtimes.set(this, runtime);
    this.#joinApplication(container, runtime);
  }

  /** Workers live between the start of everything else and its end, so that handlers find all they need. */
  #joinApplication(container: BootContainer, runtime: TaskRuntime): void {
    const hooks = container.resolve(HookRegistry);
    const health = container.resolve(HealthRegistry);
    this.#unhook = [
      hooks.registerAction("application.started", async () => {
        await runtime.startWorkers();
        await this.#schedules?.start();
      }),
      // Before workers: what is enqueued now would have nobody left to run it.
      hooks.registerAction("application.stopping", () => this.#schedules?.stop()),
      hooks.registerAction("application.stopping", () => runtime.stopWorkers(), {
        priority: HookPriority.LATE,
      }),
      health.add(`${this.name}.workers`, () => workersHealth(runtime), { category: "liveness" }),
      health.add(`${this.name}.startup`, () => ({ status: "healthy" }), { category: "startup" }),
    ];
  }

  /** Stops workers if they still run, flushes stores, closes queues last in, first out, then backends. Idempotent. */
  override async shutdown(): Promise<void> {
    for (const undo of this.#unhook.splice(0)) undo();
    await this.#schedules?.stop();
    // Before queues are closed, into which it may enqueue.
    await this.#background?.shutdown(this.config.worker.shutdownTimeoutMs);
    await this.#runtime?.close();
  }

  /**
   * The worst of all queues, each asked how many jobs it holds, and of the workers.
   *
   * @param timeoutMs how long a queue may take to answer. Default 5 seconds.
   */
  override async healthCheck(timeoutMs = 5_000): Promise<HealthCheckResult> {
    const runtime = this.#runtime;
    if (runtime === undefined) return { component: this.config.name, status: "starting" };
    return queuesHealth(runtime, timeoutMs);
  }

  /**
   * Registers a handler under a name, before the application boots or at any time after.
   *
   * @throws TaskRegistrationError when the name is taken; TaskConfigError for bad options.
   */
  registerHandler(taskName: string, handler: PlainHandler, options?: HandlerOptions): void {
    this.handlers.register(taskName, handler, options);
  }

  /** Enqueues a job by the name of its task. Throws as `TaskDispatcher.enqueue` does. @returns the job's id. */
  async enqueueJob(taskName: string, input?: unknown, options?: EnqueueOptions): Promise<JobId> {
    const handle = await this.#booted("enqueueJob").dispatcher.enqueue(taskName, input, options);
    return handle.id;
  }

  /**
   * Registers what `scheduled(options, handler)` made, before the application boots or at any time after: its handler and
   * its schedule, or neither.
   *
   * @throws TaskRegistrationError for any other definition, a name that is taken, and an id that is taken.
   */
  registerScheduledTask(definition: TaskRef<void, unknown> & Runnable): void {
    if (schedulesOfDefinition(definition).length === 0)
      throw new TaskRegistrationError(
        "registerScheduledTask needs a task with a schedule",
        { task: specOf(definition)?.name ?? told(definition) },
        { hint: "make it with scheduled({ name, cron }, handler)" },
      );
    this.handlers.register(definition);
    try {
      if (this.#schedules === undefined) this.#scheduled.push(definition);
      else this.#schedules.declare(definition);
    } catch (error) {
      this.handlers.remove(definition.name);
      throw error;
    }
  }

  /** Stores a schedule. As `TaskScheduler.scheduleJob`. */
  async scheduleJob(job: Schedulable, when: When, settings?: ScheduleSettings | string): Promise<string> {
    this.#booted("scheduleJob");
    return this.#schedules!.scheduler.scheduleJob(job, when, settings);
  }

  /** Removes a schedule. As `TaskScheduler.unscheduleJob`. */
  async unscheduleJob(id: string): Promise<boolean> {
    this.#booted("unscheduleJob");
    return this.#schedules!.scheduler.unscheduleJob(id);
  }

  /** All schedules of the store. */
  async getScheduledJobs(): Promise<readonly ScheduledJob[]> {
    this.#booted("getScheduledJobs");
    return this.#schedules!.scheduler.getScheduledJobs();
  }

  /** What each worker of this process has done. */
  getWorkerStats(): readonly WorkerStats[] {
    return this.#booted("getWorkerStats").pool.getWorkerStats();
  }

  /** The live processes with workers that share the primary queue's state, the oldest first. */
  workers(): Promise<readonly LiveWorkers[]> {
    return this.#booted("workers").records.list();
  }

  /** Workers look handlers up at each execution; there is nothing to refresh, and the name is kept for those who know it. */
  refreshWorkerHandlers(): void {
    this.#booted("refreshWorkerHandlers").pool.refreshHandlers();
  }

  /**
   * Opens one more queue while the application runs. Jobs can be enqueued at once, workers claim from it unless
   * `consume` is false, and `named(TaskQueueProtocol, name)` can be resolved.
   *
   * @throws TaskConfigError when the name is taken or something is out of range; what opening it throws.
   */
  async addQueue(options: NamedBackendOptions): Promise<QueueBinding> {
    const runtime = this.#booted("addQueue");
    const binding = await runtime.addQueue(this.config.additional(options));
    bindQueue(this.#container!, binding);
    return binding;
  }

  #booted(operation: string): TaskRuntime {
    if (this.#runtime === undefined)
      throw new TaskConfigError(
        `${operation} needs a running application`,
        { path: operation },
        { hint: "boot the application that lists this provider first" },
      );
    return this.#runtime;
  }
}
