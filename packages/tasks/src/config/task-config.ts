import { availableParallelism } from "node:os";
import {
  DEFAULT_KEEP_COMPLETED,
  isSecretName,
  type LogLevel,
  milliseconds,
  redact,
  ScheduleInvalidError,
  TaskConfigError,
} from "@lexigram/contracts";
import type { ConfigIssue } from "@lexigram/kernel";
import { type Backoff, backoffOf } from "../retry/backoff.ts";
import { type BackendEntry, backendEntries } from "./backend-entries.ts";
import { environmentIssues } from "./environment-issues.ts";
import { type SharedLimit } from "../limit/shared-limits.ts";
import { sharedLimits } from "./shared-limit-options.ts";
import { TimeZone } from "../schedule/time-zone.ts";
import { layered } from "./layered-options.ts";
import type { ErrorRecordOptions, NamedBackendOptions, TaskConfigOptions } from "./task-config-options.ts";
import { taskConfigSchema } from "./task-config-schema.ts";

/** How workers of this process work. Spans are milliseconds. */
export interface WorkerConfig {
  readonly workerCount: number;
  readonly maxConcurrentTasks: number;
  readonly pollIntervalMs: number;
  readonly shutdownTimeoutMs: number;
  readonly defaultTimeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly enforceTimeout: boolean;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly prefetch: number | "auto";
  readonly maxClaimBytes: number;
  readonly unknownTask: {
    readonly policy: "retry" | "dead-letter";
    readonly delayMs: number;
    readonly limit: number;
  };
  readonly requeueFloorMs: number;
  readonly heartbeatMs: number;
  readonly keeper: boolean;
  readonly onBlocked: "warn" | "ignore" | "exit";
  /** `null`: no limit. */
  readonly maxLoad: number | null;
  readonly maxLagMs: number | null;
  readonly maxRunTimeMs: number | null;
  readonly recycleExitCode: number;
}

/** How schedules are fired in this process. Spans are milliseconds. */
export interface SchedulerConfig {
  readonly enabled: boolean;
  readonly checkIntervalMs: number;
  readonly timezone: string;
  readonly misfireThresholdMs: number;
  readonly misfireWindowMs: number;
}

/** The name of the section in files, and in front of every path of a message. */
export const TASK_CONFIG_KEY = "tasks";

/**
 * Checks options as a section of configuration.
 *
 * @throws TaskConfigError for an unknown key, with the nearest name, or a value that does not fit; all are listed, the
 *   first gives the path.
 */
function checkedOptions(options: unknown): TaskConfigOptions {
  const parsed = taskConfigSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => {
    const unknown = issue.code === "unrecognized_keys" ? [issue.keys[0] ?? ""] : [];
    return { path: [TASK_CONFIG_KEY, ...issue.path, ...unknown].join("."), message: issue.message };
  });
  const [first] = issues;
  throw new TaskConfigError(
    `the configuration of tasks is not valid: ${issues.map(({ path, message }) => `${path}: ${message}`).join("; ")}`,
    { path: first?.path ?? TASK_CONFIG_KEY },
    { hint: 'see TaskConfigOptions for every key; durations are milliseconds or text like "30s"' },
  );
}

/**
 * The configuration of tasks with every default filled in and every span in milliseconds. Immutable; to be injected
 * under its class.
 */
export class TaskConfig {
  readonly name: string;
  readonly enabled: boolean;
  readonly env: string | undefined;
  readonly enqueueTimeoutMs: number;
  readonly logLevel: LogLevel | undefined;
  /** The queues of the application, the primary one among them. */
  readonly queues: readonly BackendEntry[];
  readonly worker: WorkerConfig;
  readonly scheduler: SchedulerConfig;
  readonly locks: { readonly ttlMs: number; readonly pollIntervalMs: number };
  readonly idempotency: { readonly ttlMs: number; readonly leaseMs: number };
  readonly retry: { readonly maxRetries: number; readonly backoff: Backoff };
  /** Limits over several queues, that of `rateLimit` among them. */
  readonly limits: readonly SharedLimit[];
  readonly results: { readonly ttlMs: number | null };
  readonly deadLetters: { readonly maxSize: number; readonly retentionMs: number };
  readonly payload: { readonly maxBytes: number; readonly maxDepth: number };
  readonly errors: { readonly stacks: boolean; readonly redact: ErrorRecordOptions["redact"] };
  readonly extra: Readonly<Record<string, unknown>>;
  /** What was given, checked; what was not is absent. May hold secrets. */
  readonly options: TaskConfigOptions;

  /**
   * @param options as in files, or as another `TaskConfig` holds them.
   * @throws TaskConfigError when something is unknown, out of range, or at odds with something else.
   */
  constructor(options: TaskConfigOptions = {}) {
    const given = checkedOptions(options);
    this.options = given;
    this.name = given.name ?? "tasks";
    this.enabled = given.enabled ?? true;
    this.env = given.env;
    this.enqueueTimeoutMs = span(given.enqueueTimeout, 10_000);
    this.logLevel = given.logLevel;
    this.worker = workerConfig(given);
    this.scheduler = schedulerConfig(given.scheduler ?? {});
    this.locks = {
      ttlMs: span(given.locks?.ttl, 60_000),
      pollIntervalMs: span(given.locks?.pollInterval, 1_000),
    };
    this.idempotency = {
      ttlMs: span(given.idempotency?.ttl, 86_400_000),
      leaseMs: span(given.idempotency?.lease, 60_000),
    };
    this.retry = retryConfig(given);
    this.results = { ttlMs: spanOrNone(given.results?.ttl, 3_600_000) };
    const { maxSize, retention } = given.deadLetters ?? {};
    this.deadLetters = { maxSize: maxSize ?? 10_000, retentionMs: span(retention, 604_800_000) };
    this.payload = {
      maxBytes: given.payload?.maxBytes ?? 1_048_576,
      maxDepth: given.payload?.maxDepth ?? 64,
    };
    this.errors = { stacks: given.errors?.stacks ?? true, redact: given.errors?.redact };
    this.extra = given.extra ?? {};
    this.queues = backendEntries(given, {
      completed:
        given.results?.ttl === undefined
          ? undefined
          : {
              ...(DEFAULT_KEEP_COMPLETED as { ageMs: number; count: number }),
              ageMs: this.results.ttlMs ?? FOR_EVER,
            },
      failed:
        maxSize === undefined && retention === undefined
          ? undefined
          : { ageMs: this.deadLetters.retentionMs, count: this.deadLetters.maxSize },
    });
    this.limits = sharedLimits(
      given,
      this.queues.map(({ name }) => name),
    );
  }

  /**
   * These options under stronger ones: field by field, and entries of `backends` by their name, in the order they have
   * here.
   *
   * @throws TaskConfigError as the constructor does.
   */
  with(stronger: TaskConfigOptions): TaskConfig {
    return new TaskConfig(layered(this.options, checkedOptions(stronger)));
  }

  /**
   * One more queue beside those of this configuration, as its entry would be.
   *
   * @throws TaskConfigError when the name is taken, it claims to be the primary, or something is out of range.
   */
  additional(options: NamedBackendOptions): BackendEntry {
    const taken = this.queues.find(({ name }) => name === options.name);
    if (taken !== undefined || options.primary === true)
      throw new TaskConfigError(
        taken === undefined
          ? `queue "${options.name}" cannot be the primary: an application keeps the one it started with`
          : `there is a queue "${options.name}" already`,
        { path: taken === undefined ? "primary" : "name" },
        { hint: taken === undefined ? "leave primary out" : "choose another name" },
      );
    const { backends = this.queues.map(({ name }) => ({ name })), ...rest } = this.options;
    const { queues } = new TaskConfig({ ...rest, backends: [...backends, { ...options, primary: false }] });
    return queues.find(({ name }) => name === options.name)!;
  }

  get isProduction(): boolean {
    return isProductionName(this.env);
  }

  get isDevelopment(): boolean {
    return this.env === "development" || this.env === "dev";
  }

  get isTest(): boolean {
    return this.env === "test" || this.env === "testing";
  }

  /**
   * What is valid and should be known, or is not acceptable in an environment. Never shows an address.
   *
   * @param env by default that of the configuration itself.
   * @returns issues; those of severity `error` stop a production boot.
   */
  validateForEnvironment(env: string | undefined = this.env): ConfigIssue[] {
    return environmentIssues(this, isProductionName(env));
  }

  /** What was given, with secrets hidden. */
  toJSON(): Record<string, unknown> {
    return hidden(this.options) as Record<string, unknown>;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): Record<string, unknown> {
    return this.toJSON();
  }
}

/** An age that no record reaches. */
const FOR_EVER = Number.MAX_SAFE_INTEGER;

const isProductionName = (env: string | undefined): boolean => env === "production" || env === "prod";

function hidden(value: unknown): unknown {
  if (typeof value === "string") return redact(value);
  if (typeof value === "function") return "(function)";
  if (Array.isArray(value)) return value.map(hidden);
  if (typeof value !== "object" || value === null) return value;
  const { type } = value as { type?: unknown };
  const isMade = typeof (value as { queue?: unknown }).queue === "function";
  if (isMade) return `(a backend of type ${String(type)})`;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      isSecretName(key) && inner !== undefined ? "***" : hidden(inner),
    ]),
  );
}

type Span = Parameters<typeof milliseconds>[0] | undefined;

const span = (value: Span, otherwise: number): number =>
  value === undefined ? otherwise : milliseconds(value);

const spanOrNone = (value: Span | null, otherwise: number): number | null =>
  value === null ? null : span(value, otherwise);

function workerConfig(given: TaskConfigOptions): WorkerConfig {
  const worker = given.worker ?? {};
  const timeout = given.timeout ?? {};
  const unknown = worker.unknownTask ?? {};
  return {
    workerCount: worker.workerCount ?? 1,
    maxConcurrentTasks: worker.maxConcurrentTasks ?? 10,
    pollIntervalMs: span(worker.pollInterval, 100),
    shutdownTimeoutMs: span(worker.shutdownTimeout, 30_000),
    defaultTimeoutMs: span(timeout.defaultTimeout ?? worker.defaultTimeout, 300_000),
    maxTimeoutMs: span(timeout.maxTimeout ?? worker.maxTimeout, 3_600_000),
    enforceTimeout: timeout.enforceTimeout ?? worker.enforceTimeout ?? true,
    leaseMs: span(worker.lease, 15_000),
    graceMs: span(worker.grace, 5_000),
    prefetch: worker.prefetch ?? "auto",
    maxClaimBytes: worker.maxClaimBytes ?? 4_194_304,
    unknownTask: {
      policy: unknown.policy ?? "retry",
      delayMs: span(unknown.delay, 5_000),
      limit: unknown.limit ?? 100,
    },
    requeueFloorMs: span(worker.requeueFloor, 1_000),
    heartbeatMs: span(worker.heartbeat, 5_000),
    keeper: worker.keeper ?? true,
    onBlocked: worker.onBlocked ?? "warn",
    maxLoad: worker.maxLoad === -1 ? availableParallelism() : (worker.maxLoad ?? null),
    maxLagMs: spanOrNone(worker.maxLag ?? null, 0),
    maxRunTimeMs: spanOrNone(worker.maxRunTime ?? null, 0),
    recycleExitCode: worker.recycleExitCode ?? 0,
  };
}

function schedulerConfig(given: NonNullable<TaskConfigOptions["scheduler"]>): SchedulerConfig {
  const { enabled = true, timezone = "UTC" } = given;
  try {
    TimeZone.of(timezone);
  } catch (cause) {
    if (!(cause instanceof ScheduleInvalidError)) throw cause;
    const path = "tasks.scheduler.timezone";
    throw new TaskConfigError(`${path}: ${cause.message}`, { path }, { hint: cause.hint, cause });
  }
  return {
    enabled,
    timezone,
    checkIntervalMs: span(given.checkInterval, 1_000),
    misfireThresholdMs: span(given.misfireThreshold, 60_000),
    misfireWindowMs: span(given.misfireWindow, 86_400_000),
  };
}

function retryConfig(given: TaskConfigOptions): TaskConfig["retry"] {
  const { maxRetries, maxAttempts, ...backoff } = given.retry ?? {};
  if (maxRetries !== undefined && maxAttempts !== undefined)
    throw new TaskConfigError(
      "tasks.retry.maxAttempts and maxRetries are two names of one number",
      { path: "tasks.retry.maxAttempts" },
      { hint: "give one of them: maxAttempts counts the first attempt too, so it is maxRetries + 1" },
    );
  return {
    maxRetries: maxRetries ?? (maxAttempts === undefined ? 3 : maxAttempts - 1),
    backoff: backoffOf(backoff, "tasks.retry"),
  };
}
