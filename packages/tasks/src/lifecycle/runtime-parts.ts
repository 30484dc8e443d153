import type { Clock, Logger } from "@lexigram/contracts";
import type { BackendEntry } from "../config/backend-entries.ts";
import type { TaskConfig } from "../config/task-config.ts";
import { LoggingMiddleware } from "../middleware/logging-middleware.ts";
import type { MetricsMiddleware } from "../middleware/metrics-middleware.ts";
import type { TaskMiddlewarePipeline } from "../middleware/pipeline.ts";
import { TimeoutMiddleware } from "../middleware/timeout-middleware.ts";
import type { WorkerSettings } from "../worker/worker-settings.ts";
import type { TasksOptions } from "./provider-options.ts";
import type { TaskTesting } from "./task-testing.ts";

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
