import type { JobId } from "@lexigram/contracts";
import { JobTemplate } from "../job/job-template.ts";
import { dateOf, instantOf } from "./instant.ts";
import type { Recurrence } from "./recurrence.ts";
import { previewed } from "./schedule.ts";
import { recurrenceOf } from "./schedule-plan.ts";
import type { StoredSchedule } from "./scheduler-store.ts";

/** A schedule as it stood when it was asked for. */
export class ScheduledJob {
  readonly id: string;
  /** The task's name. */
  readonly task: string;
  readonly enabled: boolean;
  /** Whether it stands in code, so that only processes with that code fire it. */
  readonly declared: boolean;
  /** Its cron expression, when it is one. */
  readonly cronExpression: string | undefined;
  /** Its zone, when it has one. */
  readonly timezone: string | undefined;
  /** What each of its jobs is. */
  readonly jobTemplate: JobTemplate;
  /** Up to here occurrences were fired or passed over. */
  readonly lastPlanned: Date;
  /** The job of the last occurrence that was fired. */
  readonly lastJob: { readonly queue: string; readonly id: JobId } | undefined;
  readonly #recurrence: Recurrence;

  constructor({ id, record }: StoredSchedule) {
    const { rule, options, input } = record;
    const [only] = "any" in rule && rule.any.length === 1 ? (rule.any[0] ?? []) : [];
    this.id = id;
    this.task = record.task;
    this.enabled = record.enabled;
    this.declared = record.declared;
    this.cronExpression = only !== undefined && "cron" in only ? only.cron : undefined;
    this.timezone = "any" in rule ? rule.timezone : undefined;
    this.jobTemplate = new JobTemplate({
      name: record.task,
      ...(input === undefined ? {} : { input }),
      ...(options.priority === undefined ? {} : { priority: options.priority }),
      ...(options.maxRetries === undefined ? {} : { maxRetries: options.maxRetries }),
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    });
    this.lastPlanned = dateOf(record.lastPlanned);
    this.lastJob = record.lastJob;
    this.#recurrence = recurrenceOf(rule);
  }

  /** The first occurrence that was not dealt with; `undefined` while it is disabled, or when there is none. */
  get nextRun(): Date | undefined {
    return this.enabled ? this.calculateNextRun(this.lastPlanned) : undefined;
  }

  /** The first occurrence after an instant. */
  calculateNextRun(after: Date): Date | undefined {
    return dateOf(this.#recurrence.next(instantOf("calculateNextRun", "after", after)));
  }

  /** The next occurrences, whether or not it is enabled. @param count at most 10,000. */
  preview(count: number, after: Date = this.lastPlanned): Date[] {
    return previewed(this.#recurrence, count, instantOf("preview", "after", after));
  }
}
