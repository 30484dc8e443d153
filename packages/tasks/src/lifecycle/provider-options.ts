import {
  arrayOption,
  QUEUE_NAME,
  refuseUnknownOptions,
  requireOptions,
  type TaskBackend,
  TaskConfigError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { TaskConfig } from "../config/task-config.ts";
import type { NamedBackendOptions, TaskConfigOptions } from "../config/task-config-options.ts";
import type { Codec } from "../job/envelope.ts";
import type { TaskMiddleware, TaskMiddlewareFunction } from "../middleware/middleware.ts";
import type { RetryOptions } from "../retry/retry-options.ts";
import { checkScheduleEntry, type ScheduleEntry } from "../schedule/schedule-entry.ts";
import { isBackend, queueAsBackend } from "./queue-as-backend.ts";

/**
 * What is said in code. Everything has a default: jobs in memory, one worker. What a file or the environment can say
 * too (`backends`, `workerCount`, `env`, `config`), they say above it.
 */
export interface TasksOptions {
  /**
   * The primary queue: a backend, or a queue made elsewhere. The application closes it when it stops, so an application
   * that starts later needs another one. Not together with `backends`.
   */
  readonly queue?: TaskBackend | TaskQueueProtocol;
  /** Short for `config.backends`. */
  readonly backends?: readonly NamedBackendOptions[];
  /** Short for `config.worker.workerCount`. */
  readonly workerCount?: number;
  /** Short for `config.env`. */
  readonly env?: string;
  /** Short for `config.scheduler.enabled`. */
  readonly enableScheduler?: boolean;
  /** Schedules that stand in code, beside those of `@scheduled`. */
  readonly schedules?: readonly ScheduleEntry[];
  /** Runs each job where it is enqueued instead of storing it; no workers run. Default false. */
  readonly eager?: boolean;
  /** Around every enqueue and attempt, inside the built-in middleware, the first one outermost. */
  readonly middleware?: readonly (TaskMiddlewareFunction | TaskMiddleware)[];
  /** Codecs beside JSON. */
  readonly codecs?: readonly Codec[];
  /** The encoding of what is written. Default `"json"`. */
  readonly codec?: string;
  /** Rules of retry for tasks that have none of their own. */
  readonly retryPolicy?: RetryOptions;
  /** The whole section `tasks`, below files and environment. The short forms above win over it. */
  readonly config?: TaskConfig | TaskConfigOptions;
}

export const TASKS_OPTIONS = [
  "queue",
  "backends",
  "workerCount",
  "env",
  "enableScheduler",
  "schedules",
  "eager",
  "middleware",
  "codecs",
  "codec",
  "retryPolicy",
  "config",
] as const satisfies readonly (keyof TasksOptions)[];

const DEFAULT_NAME = "tasks";

function primaryOf(queue: TaskBackend | TaskQueueProtocol): NamedBackendOptions {
  requireOptions("queue", queue);
  if (isBackend(queue)) return { name: DEFAULT_NAME, primary: true, backend: queue };
  const name = QUEUE_NAME.test(queue.name) ? queue.name : DEFAULT_NAME;
  return { name, primary: true, backend: queueAsBackend(queue) };
}

/** Fields that people look for here, and where they are. */
const IN_CONFIG: Readonly<Record<string, string>> = {
  concurrency: "worker: { maxConcurrentTasks }",
  maxConcurrentTasks: "worker: { maxConcurrentTasks }",
  attempts: "retry: { maxAttempts }",
  maxAttempts: "retry: { maxAttempts }",
  maxRetries: "retry: { maxRetries }",
  enqueueTimeout: "enqueueTimeout",
};

function refuseFieldsOfConfig(owner: string, options: TasksOptions): void {
  for (const key of Object.keys(options))
    if (Object.hasOwn(IN_CONFIG, key))
      throw new TaskConfigError(
        `${owner} has no option "${key}"`,
        { path: key },
        { hint: `give it in config: { ${IN_CONFIG[key]} }` },
      );
}

/**
 * What the options say as configuration, checked.
 *
 * @param owner for messages.
 * @throws TaskConfigError for an unknown option, and whatever `TaskConfig` refuses.
 */
export function codeConfig(owner: string, options: TasksOptions): TaskConfig {
  requireOptions(owner, options);
  refuseFieldsOfConfig(owner, options);
  refuseUnknownOptions(owner, options, TASKS_OPTIONS);
  const { queue, backends, workerCount, env, enableScheduler, config } = options;
  if (queue !== undefined && backends !== undefined)
    throw new TaskConfigError(
      `${owner} is given both queue and backends`,
      { path: "queue" },
      { hint: "list the queue among backends, with primary: true" },
    );
  if (options.middleware !== undefined) arrayOption(owner, "middleware", options.middleware);
  for (const entry of arrayOption(owner, "schedules", options.schedules ?? [])) checkScheduleEntry(entry);
  if (options.codecs !== undefined) arrayOption(owner, "codecs", options.codecs);
  const given = config instanceof TaskConfig ? config : new TaskConfig(config);
  return given.with({
    ...(queue === undefined ? {} : { backends: [primaryOf(queue)] }),
    ...(backends === undefined ? {} : { backends }),
    ...(workerCount === undefined ? {} : { worker: { workerCount } }),
    ...(env === undefined ? {} : { env }),
    ...(enableScheduler === undefined ? {} : { scheduler: { enabled: enableScheduler } }),
  });
}
