import type { Clock, Logger, Random, StateStoreProtocol } from "@lexigram/contracts";
import type { BackendEntry } from "../config/backend-entries.ts";
import type { TaskConfig } from "../config/task-config.ts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import { randomName } from "../job/job-id.ts";
import { SharedLimits } from "../limit/shared-limits.ts";
import { LoggingMiddleware } from "../middleware/logging-middleware.ts";
import type { MetricsMiddleware } from "../middleware/metrics-middleware.ts";
import type { TaskMiddlewarePipeline } from "../middleware/pipeline.ts";
import { TimeoutMiddleware } from "../middleware/timeout-middleware.ts";
import type { TestClock } from "../testing/test-clock.ts";
import type { WorkerPool } from "../worker/worker-pool.ts";
import type { WorkerSettings } from "../worker/worker-settings.ts";
import type { TasksOptions } from "./provider-options.ts";
import type { TaskTesting } from "./task-testing.ts";
import { WorkerRecords } from "./worker-records.ts";

/** How many workers a pool begins with; a test has one to run at least. */
export function sizeOf(config: TaskConfig, testing: TaskTesting | undefined, mayRun: boolean): number {
  const { workerCount } = config.worker;
  if (testing !== undefined) return Math.max(1, workerCount);
  return mayRun ? workerCount : 0;
}

/** The same queue in memory, whatever store it is meant for. */
export function inMemory(entry: BackendEntry): BackendEntry {
  return {
    ...entry,
    backend: undefined,
    type: "memory",
    settings: {},
    queueName: entry.name,
    state: undefined,
    outbox: undefined,
  };
}

/** The built-in middleware, then the user's own. */
export function fillPipeline(
  pipeline: TaskMiddlewarePipeline,
  logger: Logger,
  clock: Clock,
  config: TaskConfig,
  metrics: MetricsMiddleware,
  options: TasksOptions,
): void {
  const { defaultTimeoutMs, maxTimeoutMs } = config.worker;
  pipeline
    .add(new LoggingMiddleware(logger))
    .add(metrics)
    .add(new TimeoutMiddleware({ defaultTimeout: defaultTimeoutMs, maxTimeout: maxTimeoutMs, clock }));
  for (const middleware of options.middleware ?? [])
    if (typeof middleware === "function") pipeline.use(middleware);
    else pipeline.add(middleware);
}

export function workerSettingsOf(config: TaskConfig): Partial<WorkerSettings> {
  const { workerCount: _count, maxConcurrentTasks: _slots, ...own } = config.worker;
  const { maxRunTimeMs: _ms, recycleExitCode: _code, ...spans } = own;
  const { stacks, redact } = config.errors;
  return {
    ...spans,
    maxRetries: config.retry.maxRetries,
    backoff: config.retry.backoff,
    resultTtlMs: config.results.ttlMs,
    errors: { stack: stacks, ...(redact === undefined ? {} : { redact }) },
  };
}

interface Surroundings {
  /** Of the primary queue. */
  readonly state: StateStoreProtocol;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
}

/** Limits over several queues, which count in the state of the primary one; none where none are configured. */
export function sharedLimitsOf(
  config: TaskConfig,
  { random, ...services }: Surroundings,
): SharedLimits | undefined {
  const { limits, name, worker } = config;
  if (limits.length === 0) return undefined;
  const holder = `${name}-${randomName(random)}`;
  return new SharedLimits({ limits, holder, leaseMs: worker.leaseMs, ...services });
}

/** What this process tells others of its workers. */
export function workerRecordsOf(
  config: TaskConfig,
  {
    pool,
    queues,
    handled,
    random,
    ...services
  }: Surroundings & {
    readonly pool: WorkerPool;
    readonly queues: QueueSet;
    readonly handled: () => readonly string[];
  },
): WorkerRecords {
  return new WorkerRecords({
    id: `${config.name}-${randomName(random)}`,
    name: config.name,
    heartbeatMs: config.worker.heartbeatMs,
    snapshot: () => {
      const { slots, running } = pool.getPoolStats();
      const consumed = queues.all().filter(({ consume }) => consume);
      return { slots, running, tasks: handled(), queues: consumed.map(({ name }) => name) };
    },
    ...services,
  });
}

/** Lets a test's clock see when the application is at rest. @returns what is to be let go in the end. */
export function watchedBy(clock: Clock, pool: WorkerPool): readonly Disposable[] {
  const { watch } = clock as Partial<TestClock>;
  if (watch === undefined) return [];
  const watching = watch.call(clock as TestClock, {
    get busy() {
      return pool.activity.busy;
    },
    get turn() {
      return pool.activity.turn;
    },
    get running() {
      return pool.getPoolStats().running;
    },
  });
  return [watching];
}
