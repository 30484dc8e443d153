import { arrayOption, refuseUnknownOptions, TaskConfigError, told } from "@lexigram/contracts";
import { specOf } from "../define/task-definition.ts";
import { TaskSignature } from "../define/task-signature.ts";
import { JobTemplate } from "../job/job-template.ts";
import { CronExpression } from "./cron-expression.ts";
import { type Schedulable, plannedJob } from "./planned-job.ts";
import type { Schedule } from "./schedule.ts";
import { type ScheduleSettings, type ScheduleTiming, SETTING_KEYS, TIMING_KEYS } from "./schedule-options.ts";
import { planOf, type SchedulePlan } from "./schedule-plan.ts";
import type { TaskScheduler } from "./task-scheduler.ts";

interface EntryOfTask extends ScheduleSettings {
  /** A task, what its `signature(input)` returns, a `JobTemplate`, or a task's name. */
  readonly task: Schedulable;
}

/** A schedule of `configure({ schedules })`. Without an `id` it is named after its task; the second of one task `task#2`. */
export type ScheduleEntry =
  | (EntryOfTask & ScheduleTiming & { readonly input?: unknown; readonly schedules?: never })
  | (EntryOfTask & {
      /** Several schedules of one task: each a cron expression or a schedule, with what its jobs are given. */
      readonly schedules: readonly (readonly [when: string | Schedule, input: unknown])[];
      readonly input?: never;
      readonly cron?: never;
      readonly every?: never;
      readonly schedule?: never;
      /** Of those that name none. */
      readonly timezone?: string;
      readonly dst?: ScheduleTiming["dst"];
    });

/** One schedule of an entry. */
interface OneOfEntry {
  readonly job: Schedulable;
  readonly when: ScheduleTiming & ScheduleSettings;
}

const KEYS = [...TIMING_KEYS, ...SETTING_KEYS, "task", "input", "schedules"];
const ANYWHERE = { timezone: "UTC", misfireWindowMs: 1 };

/** Adds the schedules of an entry. Throws as `TaskScheduler.declare` does. */
export function declareEntry(scheduler: TaskScheduler, entry: ScheduleEntry): readonly string[] {
  return schedulesOf(entry).map(({ job, when }) => scheduler.declare(job, when));
}

/**
 * Checks an entry where it is written.
 *
 * @throws TaskConfigError, ScheduleInvalidError, TaskValidationError for what cannot be scheduled.
 */
export function checkScheduleEntry(entry: ScheduleEntry): void {
  for (const { job, when } of schedulesOf(entry)) checkSchedule(job, when);
}

/** Makes a plan and throws it away. */
export function checkSchedule(job: Schedulable, when: ScheduleTiming & ScheduleSettings): SchedulePlan {
  return planOf(
    plannedJob(job, true, () => undefined),
    when,
    ANYWHERE,
    () => "unnamed",
  );
}

function schedulesOf(entry: ScheduleEntry): readonly OneOfEntry[] {
  refuseUnknownOptions("an entry of schedules", entry, KEYS);
  const { task, input, schedules, ...when } = entry;
  if (schedules === undefined) return [{ job: withInput(task, input), when: when as OneOfEntry["when"] }];
  arrayOption("an entry", "schedules", schedules);
  const { id, cron, every, schedule, ...settings } = when as OneOfEntry["when"] &
    Readonly<Record<string, unknown>>;
  if (input !== undefined || cron !== undefined || every !== undefined || schedule !== undefined)
    throw new TaskConfigError(
      "an entry says when in two ways: schedules and a single one",
      { path: "schedules" },
      { hint: "list it among schedules, with its input" },
    );
  return schedules.map(([rule, payload], i) => ({
    job: withInput(task, payload),
    when: {
      ...settings,
      ...(typeof rule === "string" ? { schedule: new CronExpression(rule) } : { schedule: rule }),
      ...(id === undefined ? {} : { id: i === 0 ? id : [id, i + 1].join("#") }),
    } as unknown as OneOfEntry["when"],
  }));
}

function withInput(task: Schedulable, input: unknown): Schedulable {
  if (input === undefined) return task;
  if (typeof task === "string") return { task, input };
  const spec = specOf(task);
  if (spec !== undefined) return new TaskSignature(spec, input);
  throw new TaskConfigError(
    `an entry of schedules has an input beside ${task instanceof JobTemplate ? "a template" : told(task)}`,
    { path: "input" },
    { hint: "give the input with a task or its name; a signature and a template have their own" },
  );
}
