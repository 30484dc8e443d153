import { countOption, refuseUnknownOptions } from "@lexigram/contracts";
import type { TaskExecutionContext, TaskMiddleware } from "./middleware.ts";

/** How the attempts of one task went. Milliseconds. */
export interface TaskMetrics {
  readonly count: number;
  readonly errors: number;
  readonly totalMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly avgMs: number;
}

export interface MetricsStats {
  /** By task name; beyond the bound all others together, under `(other)`. */
  readonly tasks: Readonly<Record<string, TaskMetrics>>;
  readonly totalExecuted: number;
  readonly totalFailed: number;
}

class Tally {
  count = 0;
  errors = 0;
  totalMs = 0;
  minMs = Infinity;
  maxMs = 0;

  add(ms: number, failed: boolean): void {
    this.count++;
    if (failed) this.errors++;
    this.totalMs += ms;
    if (ms < this.minMs) this.minMs = ms;
    if (ms > this.maxMs) this.maxMs = ms;
  }
}

const OTHER = "(other)";

/** Counts and times attempts, by task, in this process. */
export class MetricsMiddleware implements TaskMiddleware {
  readonly #byTask = new Map<string, Tally>();
  readonly #maxTasks: number;
  #executed = 0;
  #failed = 0;

  /** @param options `maxTasks`: names counted apart. Default 1,000. */
  constructor(options: { readonly maxTasks?: number } = {}) {
    refuseUnknownOptions("MetricsMiddleware", options, ["maxTasks"]);
    this.#maxTasks = countOption("MetricsMiddleware", "maxTasks", options.maxTasks ?? 1_000, 1);
  }

  afterExecute(context: TaskExecutionContext): void {
    this.#executed++;
    this.#tally(context.taskName).add(context.durationMs, false);
  }

  onError(context: TaskExecutionContext): void {
    this.#executed++;
    this.#failed++;
    this.#tally(context.taskName).add(context.durationMs, true);
  }

  getStats(): MetricsStats {
    const tasks: Record<string, TaskMetrics> = {};
    for (const [name, { count, errors, totalMs, minMs, maxMs }] of this.#byTask)
      tasks[name] = { count, errors, totalMs, minMs, maxMs, avgMs: totalMs / count };
    return { tasks, totalExecuted: this.#executed, totalFailed: this.#failed };
  }

  reset(): void {
    this.#byTask.clear();
    this.#executed = 0;
    this.#failed = 0;
  }

  #tally(taskName: string): Tally {
    let tally = this.#byTask.get(taskName);
    if (tally !== undefined) return tally;
    const name = this.#byTask.size < this.#maxTasks ? taskName : OTHER;
    tally = this.#byTask.get(name) ?? new Tally();
    this.#byTask.set(name, tally);
    return tally;
  }
}
