import type { Clock, Logger, ProgressTrackerProtocol, Random } from "@lexigram/contracts";
import type { Container, EventBus, HookRegistry } from "@lexigram/kernel";
import type { BackendEntry } from "../config/backend-entries.ts";
import { atLevel } from "../config/log-level.ts";
import type { TaskConfig } from "../config/task-config.ts";
import type { DeadLetterQueue } from "../dead-letter/dead-letter-queue.ts";
import type { HandlerRegistry } from "../define/handler-registry.ts";
import type { TaskBackendRegistry } from "../dispatch/backend-registry.ts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";
import { QueueSet } from "../dispatch/queue-set.ts";
import { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import { TaskEmitter } from "../events/task-emitter.ts";
import { SubmittedAttempts } from "../idempotency/submitted-attempts.ts";
import { CodecRegistry } from "../job/codec-registry.ts";
import { randomName } from "../job/job-id.ts";
import { MetricsMiddleware } from "../middleware/metrics-middleware.ts";
import { TaskMiddlewarePipeline } from "../middleware/pipeline.ts";
import { TaskDashboard } from "../observability/task-dashboard.ts";
import { CacheBackendProgressStore } from "../progress/cache-backend-progress-store.ts";
import type { ProgressStore } from "../progress/progress-store.ts";
import { SharedProgressTracker } from "../progress/shared-progress-tracker.ts";
import type { ResultStore } from "../results/result-store.ts";
import { TaskWorkflows } from "../workflow/task-workflows.ts";
import type { WorkerPool } from "../worker/worker-pool.ts";
import type { ScopeSource } from "../worker/worker-services.ts";
import { workerSettings } from "../worker/worker-settings.ts";
import type { TasksOptions } from "./provider-options.ts";
import { deadLettersOf, resultStoreOf } from "./stores-of-queues.ts";
import { refuseLongTasks } from "./long-tasks.ts";
import { OnDemandPool } from "./on-demand-pool.ts";
import { CircuitBreakers } from "../breaker/circuit-breakers.ts";
import { Recycling } from "./recycling.ts";
import {
  fillPipeline,
  inMemory,
  sharedLimitsOf,
  sizeOf,
  watchedBy,
  workerRecordsOf,
  workerSettingsOf,
} from "./runtime-parts.ts";
import { withBreaker } from "./queue-breakers.ts";
import { QueueOpener } from "./queue-opener.ts";
import { eventBusRelay, hookRelay } from "./relays.ts";
import { SharedServices } from "./shared-services.ts";
import { OutboxRelays } from "./outbox-relays.ts";
import type { TaskTesting } from "./task-testing.ts";
import type { WorkerRecords } from "./worker-records.ts";
import { INLINE_SLOTS, inlineMode } from "../testing/inline-mode.ts";

export interface TaskRuntimeParts {
  readonly config: TaskConfig;
  readonly options: TasksOptions;
  readonly testing: TaskTesting | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly hooks: HookRegistry;
  readonly events: EventBus;
  readonly container: Container;
  readonly handlers: HandlerRegistry;
  readonly backends: TaskBackendRegistry;
}

/** Everything that runs for the tasks of one application, put together from its configuration. */
export class TaskRuntime {
  readonly config: TaskConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emitter: TaskEmitter;
  readonly codecs: CodecRegistry;
  readonly pipeline: TaskMiddlewarePipeline;
  readonly metrics = new MetricsMiddleware();
  readonly dashboard: TaskDashboard;
  readonly handlers: HandlerRegistry;
  /** Those of this process. */
  readonly breakers: CircuitBreakers;
  readonly #recycling: Recycling;
  readonly #parts: TaskRuntimeParts;
  readonly #opener: QueueOpener;
  readonly #kept: Disposable[] = [];
  readonly #outboxes: OutboxRelays;
  #opened: Opened | undefined;
  /** Whether the application is up, so that workers may run. */
  #isUp = false;
  /** Whether this process is to have workers: by its configuration, or since somebody asked for some. */
  #isWanted: boolean;
  #started = false;
  #closing: Promise<void> | undefined;

  constructor(parts: TaskRuntimeParts) {
    const { config, options, clock, random, testing } = parts;
    this.#parts = parts;
    this.config = config;
    this.#isWanted = config.worker.workerCount > 0;
    this.clock = clock;
    this.handlers = parts.handlers;
    this.logger = atLevel(parts.logger, config.logLevel);
    this.emitter = new TaskEmitter(this.logger);
    this.#kept.push(
      this.emitter.relay(hookRelay(parts.hooks)),
      this.emitter.relay(eventBusRelay(parts.events, clock)),
    );
    const holder = `${config.name}-${randomName(random)}`;
    this.breakers = new CircuitBreakers({ clock, logger: this.logger, emitter: this.emitter, holder });
    const { maxRunTimeMs, recycleExitCode: exitCode } = config.worker;
    const { logger, emitter } = this;
    this.#recycling = new Recycling({ maxRunTimeMs, exitCode, clock, logger, emitter, hooks: parts.hooks });
    this.dashboard = new TaskDashboard({ clock });
    this.codecs = new CodecRegistry({
      maxPayloadBytes: config.payload.maxBytes,
      maxDepth: config.payload.maxDepth,
      ...(options.codecs === undefined ? {} : { codecs: options.codecs }),
      ...(options.codec === undefined ? {} : { default: options.codec }),
    });
    this.pipeline = new TaskMiddlewarePipeline({ logger: this.logger, clock });
    if (testing?.mode === "inline")
      this.pipeline.use(
        inlineMode(() => this.queues, this.emitter),
        ["enqueue"],
      );
    fillPipeline(this.pipeline, this.logger, clock, config, this.metrics, options);
    this.#outboxes = new OutboxRelays({ clock, logger: this.logger, random });
    this.#opener = new QueueOpener({
      registry: parts.backends,
      services: { clock, random, logger: this.logger },
      enqueueTimeoutMs: config.enqueueTimeoutMs,
      wrap: testing?.wrap,
    });
  }

  /** Opens what configuration names, and puts together what works on it. Throws as `QueueOpener.open` does. */
  async open(): Promise<void> {
    const { config, testing } = this.#parts;
    const entries = testing === undefined ? config.queues : config.queues.map(inMemory);
    const bindings = await this.#opener.open(entries);
    this.#opened = this.#assemble(new QueueSet(bindings));
    this.#kept.push(...watchedBy(this.clock, this.pool));
    for (const binding of bindings) this.#hasOpened(binding);
  }

  /**
   * Refuses tasks that their queue cannot hold as long as they may run, where this process has workers; those that are registered
   * later as they come.
   *
   * @throws TaskConfigError for one that is registered.
   */
  checkTasks(): void {
    if (!this.#mayRun || !this.#isWanted) return;
    const { options, random } = this.#parts;
    const { logger, config } = this;
    const settings = workerSettings(workerSettingsOf(config));
    const { retryPolicy } = options;
    this.#kept.push(refuseLongTasks(this.handlers, this.queues, { settings, random, logger, retryPolicy }));
  }

  get queues(): QueueSet {
    return this.#open.queues;
  }

  get dispatcher(): TaskDispatcher {
    return this.#open.dispatcher;
  }

  get pool(): WorkerPool {
    return this.#open.pool;
  }

  get records(): WorkerRecords {
    return this.#open.records;
  }

  get results(): ResultStore {
    return this.#open.results;
  }

  get progress(): ProgressTrackerProtocol {
    return this.#open.progress;
  }

  get progressStore(): ProgressStore {
    return this.#open.progressStore;
  }

  get workflows(): TaskWorkflows {
    return this.#open.workflows;
  }

  get shared(): SharedServices {
    return this.#open.shared;
  }

  get deadLetters(): DeadLetterQueue {
    return this.#open.deadLetters;
  }

  /** Whether workers run, or ran until they were stopped. */
  get workersStarted(): boolean {
    return this.#started;
  }

  /** Whether workers may run in this process. */
  get #mayRun(): boolean {
    const { config, options } = this.#parts;
    return config.enabled && options.eager !== true;
  }

  /** Lets something go when the runtime closes. */
  keep(...things: readonly Disposable[]): void {
    this.#kept.push(...things);
  }

  /**
   * Starts workers as the application does once it has started: not for a manual test, and where it only enqueues, not
   * before its pool is told to have some.
   */
  async startWorkers(): Promise<void> {
    this.#isUp = true;
    this.#outboxes.start();
    await this.#startPool();
  }

  async #startPool(): Promise<void> {
    const { testing } = this.#parts;
    if (!this.#isUp || !this.#isWanted || !this.#mayRun || testing?.mode === "manual") return;
    await this.runWorkers();
  }

  async runWorkers(): Promise<void> {
    if (this.#started || this.#closing !== undefined) return;
    this.#started = true;
    await this.pool.start();
    await this.records.start();
    this.#recycling.start();
  }

  /**
   * No more claims; running attempts may finish within the shutdown timeout, are then aborted and handed back. Also for
   * a pool that somebody else has started.
   */
  async stopWorkers(): Promise<void> {
    this.#isUp = false;
    this.#recycling.stop();
    await this.pool.stop({ drain: true, timeout: this.config.worker.shutdownTimeoutMs });
    await this.records.stop();
  }

  async addQueue(entry: BackendEntry): Promise<QueueBinding> {
    const [binding] = await this.#opener.open([this.#parts.testing === undefined ? entry : inMemory(entry)]);
    this.queues.add(binding!);
    this.#hasOpened(binding!);
    return binding!;
  }

  /** Everything in order: workers, stores, queues last in first out, backends. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    if (this.#opened !== undefined) {
      await this.stopWorkers();
      await this.#opened.submissions.close();
      await this.#opened.shared.close();
      await this.#opened.results.close();
      await this.#opened.progressStore.close();
    }
    await this.breakers.stop();
    await this.#outboxes.stop();
    await this.#opener.close();
    for (const thing of this.#kept.splice(0)) thing[Symbol.dispose]();
  }

  get #open(): Opened {
    if (this.#opened === undefined) throw new TypeError("the runtime was not opened");
    return this.#opened;
  }

  #hasOpened(binding: QueueBinding): void {
    this.#outboxes.add(binding);
    withBreaker(binding, this.breakers);
    if (binding.policy !== undefined) this.emitter.emit("queue.policy", { queueName: binding.name });
  }

  #assemble(queues: QueueSet): Opened {
    const { config, options, random, testing, container } = this.#parts;
    const { clock, logger, emitter, codecs, pipeline } = this;
    const { state } = queues.primary;
    const progressStore = new CacheBackendProgressStore(state, { clock });
    const progress = new SharedProgressTracker(progressStore, { clock, logger });
    const results = resultStoreOf(queues, config, clock, codecs);
    const submissions = new SubmittedAttempts({
      bindingOf: (name) => queues.get(name),
      codecs,
      clock,
      logger,
      leaseMs: config.worker.leaseMs,
    });
    const pool = new OnDemandPool({
      queues,
      handlers: this.handlers,
      size: sizeOf(config, testing, this.#mayRun),
      maxConcurrentTasks: testing?.mode === "inline" ? INLINE_SLOTS : config.worker.maxConcurrentTasks,
      settings: workerSettingsOf(config),
      services: {
        container: container as unknown as ScopeSource,
        resultStore: results,
        progress,
        dashboard: this.dashboard,
        logger,
        clock,
        random,
        emitter,
        codecs,
        breakers: this.breakers,
        sharedLimits: sharedLimitsOf(config, { state, clock, logger, random }),
        submissions,
        ...(options.retryPolicy === undefined ? {} : { retryPolicy: options.retryPolicy }),
      },
      pipeline,
      onScaled: () => {
        this.#isWanted = true;
        return this.#startPool();
      },
    });
    const dispatcher = new TaskDispatcher({
      queues,
      registry: this.handlers,
      pipeline,
      codecs,
      emitter,
      clock,
      random,
      logger,
      progress,
      activity: pool.activity,
      enqueueTimeoutMs: config.enqueueTimeoutMs,
      eager: options.eager ?? false,
      checkRoundTrip: testing !== undefined || config.isDevelopment || config.isTest,
    });
    const handled = () => this.handlers.names();
    const records = workerRecordsOf(config, { pool, queues, handled, state, clock, logger, random });
    const deadLetters = deadLettersOf(queues, config);
    const workflows = new TaskWorkflows({
      dispatcher,
      queues,
      registry: this.handlers,
      codecs,
      clock,
      random,
      eager: options.eager ?? false,
    });
    const shared = new SharedServices({ config, queues, dispatcher, codecs, clock, random, logger });
    return {
      workflows,
      queues,
      progressStore,
      progress,
      results,
      dispatcher,
      pool,
      records,
      deadLetters,
      submissions,
      shared,
    };
  }
}

interface Opened {
  readonly workflows: TaskWorkflows;
  readonly queues: QueueSet;
  readonly progressStore: ProgressStore;
  readonly progress: ProgressTrackerProtocol;
  readonly results: ResultStore;
  readonly dispatcher: TaskDispatcher;
  readonly pool: WorkerPool;
  readonly records: WorkerRecords;
  readonly deadLetters: DeadLetterQueue;
  readonly submissions: SubmittedAttempts;
  readonly shared: SharedServices;
}
