import { randomUUID } from "node:crypto";
import { loadavg } from "node:os";
import {
  type Clock,
  type DeadLetterQueueProtocol,
  type Logger,
  type ProgressTrackerProtocol,
  type Random,
  requireOptions,
  silentLogger,
  systemClock,
  systemRandom,
} from "@lexigram/contracts";
import { CircuitBreakers } from "../breaker/circuit-breakers.ts";
import type { SharedLimits } from "../limit/shared-limits.ts";
import { TaskEmitter } from "../events/task-emitter.ts";
import type { SubmittedAttempts } from "../idempotency/submitted-attempts.ts";
import { CodecRegistry } from "../job/codec-registry.ts";
import type { TaskDashboard } from "../observability/task-dashboard.ts";
import { QueueResultStore } from "../results/queue-result-store.ts";
import type { ResultStore } from "../results/result-store.ts";
import type { RetryOptions } from "../retry/retry-options.ts";

/**
 * A scope of the container for one attempt, which gives the object that a method task runs on: the application's one
 * instance, or one of the attempt's own where the class is scoped.
 */
export interface AttemptScope extends AsyncDisposable {
  resolve<T>(key: abstract new (...args: never[]) => T): T;
}

/** A container as far as workers need it. */
export interface ScopeSource {
  createScope(): AttemptScope;
}

/** What an application may lend its workers. Everything is optional; what is missing is done without. */
export interface TaskWorkerServices {
  /** Gives the objects of method tasks. Without one their class is called without arguments, for each attempt. */
  readonly container?: ScopeSource;
  /** Gets a copy of each job that policy gave up on, before its queue's own dead letters do. */
  readonly deadLetterQueue?: DeadLetterQueueProtocol;
  /**
   * Gets how each job ended: before its queue is told; of a queue without results of its own, and when it is a
   * `CacheBackendResultStore`, once the queue has accepted it. A queue without results that comes without a state
   * store needs one.
   */
  readonly resultStore?: ResultStore;
  readonly progress?: ProgressTrackerProtocol;
  readonly dashboard?: TaskDashboard;
  /** Rules for tasks that have none of their own; waits, field by field, for what neither task nor queue names. */
  readonly retryPolicy?: RetryOptions;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly emitter?: TaskEmitter;
  readonly codecs?: CodecRegistry;
  /** The load average of a minute. Default: the machine's; 0 where it tells none, as on Windows. */
  readonly load?: () => number;
  /** Limits over several queues. */
  readonly sharedLimits?: SharedLimits | undefined;
  /** Where breakers are made, and found again. */
  readonly breakers?: CircuitBreakers;
  /** Runs what was submitted under a key to its end once. Without it such a job runs like any other. */
  readonly submissions?: SubmittedAttempts;
}

/** The same, with what cannot be done without. */
export interface WorkerServices {
  readonly container: ScopeSource | undefined;
  readonly deadLetterQueue: DeadLetterQueueProtocol | undefined;
  readonly resultStore: ResultStore | undefined;
  readonly progress: ProgressTrackerProtocol | undefined;
  readonly dashboard: TaskDashboard | undefined;
  readonly retryPolicy: RetryOptions | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly emitter: TaskEmitter;
  readonly codecs: CodecRegistry;
  readonly load: () => number;
  readonly sharedLimits: SharedLimits | undefined;
  readonly breakers: CircuitBreakers;
  readonly submissions: SubmittedAttempts | undefined;
}

export function workerServices(given: TaskWorkerServices = {}): WorkerServices {
  requireOptions("services", given);
  const logger = safeLogger(given.logger ?? silentLogger);
  const clock = given.clock ?? systemClock;
  const emitter = given.emitter ?? new TaskEmitter(logger);
  return {
    container: given.container,
    deadLetterQueue: given.deadLetterQueue,
    // A queue's native results come with the settle itself.
    resultStore: given.resultStore instanceof QueueResultStore ? undefined : given.resultStore,
    progress: given.progress,
    dashboard: given.dashboard,
    retryPolicy: given.retryPolicy,
    logger,
    clock,
    random: given.random ?? systemRandom,
    emitter,
    codecs: given.codecs ?? new CodecRegistry(),
    load: given.load ?? (() => loadavg()[0] ?? 0),
    sharedLimits: given.sharedLimits,
    breakers: given.breakers ?? new CircuitBreakers({ clock, logger, emitter, holder: randomUUID() }),
    submissions: given.submissions,
  };
}

/** A logger that throws would take the loop with it. */
function safeLogger(logger: Logger): Logger {
  if (logger === silentLogger) return logger;
  const safe =
    (level: keyof Logger): Logger["info"] =>
    (message, fields) => {
      try {
        logger[level](message, fields);
      } catch {
        // There is nowhere left to say it.
      }
    };
  return { debug: safe("debug"), info: safe("info"), warn: safe("warn"), error: safe("error") };
}
