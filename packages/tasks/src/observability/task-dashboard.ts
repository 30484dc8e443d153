import {
  type Clock,
  countOption,
  type Duration,
  holdsOptions,
  isSerializedError,
  type JobId,
  refuseUnknownOptions,
  refuseUnless,
  serviceOption,
  spanOption,
  systemClock,
} from "@lexigram/contracts";
import { ExecutionRecord } from "./execution-record.ts";
import { type Moment, momentOf } from "./moment.ts";
import { percentile } from "./percentile.ts";
import { SlidingWindow } from "./sliding-window.ts";

export interface TaskDashboardOptions {
  /** Executions that are remembered one by one. Default 1,000. */
  readonly historySize?: number;
  /** The span of `windowThroughputPerSecond`. Default 5 minutes. */
  readonly window?: Duration;
  readonly clock?: Clock;
}

/** An attempt that ended, as it is reported. */
export interface Execution {
  readonly taskName: string;
  readonly jobId?: JobId;
  readonly durationMs?: number;
  /** Default true. */
  readonly success?: boolean;
  /** What it failed with: the name of the error, and what it says. */
  readonly error?: { readonly name: string; readonly message: string };
  readonly workerId?: string;
}

export interface DashboardSummary {
  readonly totalExecuted: number;
  readonly totalFailed: number;
  /** Percent; 0 when nothing was executed. */
  readonly errorRatePercent: number;
  /** Over the whole time. */
  readonly throughputPerSecond: number;
  /** Over the window, or the whole time when that is shorter. */
  readonly windowThroughputPerSecond: number;
  readonly uptimeSeconds: number;
  /** Names of tasks that were executed; beyond 1,000 they share the name `(other)`. */
  readonly taskTypes: readonly string[];
}

/** Milliseconds, over the last 100 executions of a task. */
interface LatencyStats {
  readonly avg: number;
  readonly min: number;
  readonly max: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface TaskStats {
  readonly count: number;
  readonly failures: number;
  /** Percent. */
  readonly errorRatePercent: number;
  readonly latencyMs: LatencyStats;
}

export interface ErrorStats {
  readonly count: number;
  /** The last 5, newest first. */
  readonly recent: readonly {
    readonly taskName: string;
    readonly message: string;
    readonly timestamp: number;
  }[];
}

const NAME = "TaskDashboard";
const RECORD = "recordExecution";
const OTHER = "(other)";
const MAX_NAMES = 1_000;
const MAX_ERROR_TYPES = 200;
const ERRORS_KEPT = 5;
const SAMPLES = 100;
const MAX_MESSAGE = 500;

class TaskTally {
  count = 0;
  failures = 0;
  readonly latencies = new Float64Array(SAMPLES);
}

interface ErrorTally {
  count: number;
  /** Oldest first. */
  readonly recent: { readonly taskName: string; readonly message: string; readonly timestamp: number }[];
}

/**
 * Statistics of what this process executed. What it holds is bounded however many executions, task names and kinds
 * of errors come by.
 */
export class TaskDashboard {
  readonly #clock: Clock;
  readonly #historySize: number;
  readonly #windowMs: number;
  readonly #window: SlidingWindow;
  #startedAt: number;
  #executed = 0;
  #failed = 0;
  /** A ring; the next record goes to `#executed % #historySize`. */
  #history: ExecutionRecord[] = [];
  readonly #tasks = new Map<string, TaskTally>();
  readonly #errors = new Map<string, ErrorTally>();

  /** @throws TaskConfigError for an option that is unknown or out of range. */
  constructor(options: TaskDashboardOptions = {}) {
    refuseUnknownOptions(NAME, options, ["historySize", "window", "clock"]);
    this.#clock = serviceOption(NAME, "clock", "clock", options.clock ?? systemClock);
    this.#historySize = countOption(NAME, "historySize", options.historySize ?? 1_000, 1);
    this.#windowMs = spanOption(NAME, "window", options.window ?? "5m", { above: 0 });
    this.#window = new SlidingWindow(this.#windowMs);
    this.#startedAt = this.#clock.monotonic();
  }

  /** Counts one attempt that ended. Cheap enough for every job. @param at of its own clock. Default: now. */
  recordExecution(execution: Execution, at: Moment = momentOf(this.#clock)): void {
    refuseUnless(holdsOptions(execution), RECORD, "", "must be an object");
    const { taskName, durationMs = 0, success = true, error } = execution;
    refuseUnless(typeof durationMs === "number", RECORD, "durationMs", "must be a number of milliseconds");
    refuseUnless(
      error === undefined || isSerializedError(error),
      RECORD,
      "error",
      "must have name and message",
    );
    const timestamp = at.now;
    const tally = this.#tally(taskName);
    tally.latencies[tally.count % SAMPLES] = durationMs;
    tally.count++;
    this.#history[this.#executed % this.#historySize] = new ExecutionRecord({
      jobId: execution.jobId ?? "",
      taskName,
      success,
      durationMs,
      error: error === undefined ? "" : cut(error.message),
      timestamp,
      workerId: execution.workerId ?? "",
    });
    this.#executed++;
    this.#window.add(at.monotonic);
    if (success) return;
    tally.failures++;
    this.#failed++;
    this.#recordError(error?.name ?? "Error", taskName, cut(error?.message ?? ""), timestamp);
  }

  getSummary(): DashboardSummary {
    const now = this.#clock.monotonic();
    const uptimeMs = now - this.#startedAt;
    return {
      totalExecuted: this.#executed,
      totalFailed: this.#failed,
      errorRatePercent: rate(this.#failed, this.#executed),
      throughputPerSecond: perSecond(this.#executed, uptimeMs),
      windowThroughputPerSecond: perSecond(this.#window.count(now), Math.min(uptimeMs, this.#windowMs)),
      uptimeSeconds: uptimeMs / 1_000,
      taskTypes: [...this.#tasks.keys()].toSorted(),
    };
  }

  /** By task name. */
  getPerTaskStats(): Readonly<Record<string, TaskStats>> {
    const all = new Map<string, TaskStats>();
    for (const [name, { count, failures, latencies }] of this.#tasks)
      all.set(name, {
        count,
        failures,
        errorRatePercent: rate(failures, count),
        latencyMs: latencyStats(latencies.slice(0, Math.min(count, SAMPLES))),
      });
    return Object.fromEntries(all);
  }

  /** Newest first. */
  getRecentExecutions(
    query: { readonly limit?: number; readonly taskName?: string } = {},
  ): readonly ExecutionRecord[] {
    refuseUnknownOptions("getRecentExecutions", query, ["limit", "taskName"]);
    const limit = query.limit ?? 50;
    const found: ExecutionRecord[] = [];
    const held = this.#history.length;
    for (let back = 1; back <= held && found.length < limit; back++) {
      const record = this.#history[(this.#executed - back) % this.#historySize] as ExecutionRecord;
      if (query.taskName === undefined || record.taskName === query.taskName) found.push(record);
    }
    return found;
  }

  /** By the name of the error. */
  getErrorBreakdown(): Readonly<Record<string, ErrorStats>> {
    const all = new Map<string, ErrorStats>();
    for (const [name, { count, recent }] of this.#errors)
      all.set(name, { count, recent: recent.toReversed() });
    return Object.fromEntries(all);
  }

  /** Forgets everything and starts to count anew. */
  reset(): void {
    this.#startedAt = this.#clock.monotonic();
    this.#executed = 0;
    this.#failed = 0;
    this.#history = [];
    this.#tasks.clear();
    this.#errors.clear();
    this.#window.clear();
  }

  #tally(taskName: string): TaskTally {
    let tally = this.#tasks.get(taskName);
    if (tally !== undefined) return tally;
    const name = this.#tasks.size < MAX_NAMES ? taskName : OTHER;
    tally = this.#tasks.get(name);
    if (tally === undefined) this.#tasks.set(name, (tally = new TaskTally()));
    return tally;
  }

  #recordError(errorName: string, taskName: string, message: string, timestamp: number): void {
    const name = this.#errors.has(errorName) || this.#errors.size < MAX_ERROR_TYPES ? errorName : OTHER;
    let tally = this.#errors.get(name);
    if (tally === undefined) this.#errors.set(name, (tally = { count: 0, recent: [] }));
    tally.count++;
    tally.recent.push({ taskName, message, timestamp });
    if (tally.recent.length > ERRORS_KEPT) tally.recent.shift();
  }
}

function latencyStats(samples: Float64Array): LatencyStats {
  const sorted = [...samples.sort()];
  const sum = sorted.reduce((total, sample) => total + sample, 0);
  return {
    avg: sorted.length === 0 ? 0 : sum / sorted.length,
    min: sorted[0] ?? 0,
    max: sorted.at(-1) ?? 0,
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
  };
}

function rate(part: number, whole: number): number {
  return whole === 0 ? 0 : (part / whole) * 100;
}

function perSecond(count: number, ms: number): number {
  return ms <= 0 ? 0 : (count / ms) * 1_000;
}

function cut(text: string): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text;
}
