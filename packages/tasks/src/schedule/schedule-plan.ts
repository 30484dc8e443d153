import { createHash } from "node:crypto";
import {
  countOption,
  type Duration,
  refuseUnknownOptions,
  ScheduleInvalidError,
  shown,
  spanOption,
  TaskConfigError,
  TaskValidationError,
} from "@lexigram/contracts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";
import type { Enqueueable } from "../dispatch/task-dispatcher.ts";
import { dataIssue } from "../job/payload-data.ts";
import { CronExpression } from "./cron-expression.ts";
import { type IntervalData, intervalOf, IntervalRecurrence } from "./interval-recurrence.ts";
import type { Recurrence } from "./recurrence.ts";
import { type CalendarData, Schedule } from "./schedule.ts";
import { type ScheduleSettings, type ScheduleTiming, SETTING_KEYS, TIMING_KEYS } from "./schedule-options.ts";

/** When, as it is stored. */
export type RuleData = CalendarData | IntervalData;

/** What happens to occurrences that are late. Milliseconds. */
export interface Misfire {
  readonly run: "skip" | "once" | "all";
  readonly upTo: number;
  readonly withinMs: number;
}

/** What a schedule says, as data. */
export interface ScheduleFacts {
  readonly rule: RuleData;
  readonly task: string;
  readonly input?: unknown;
  readonly options: EnqueueOptions;
  readonly misfire: Misfire;
  readonly overlap: "allow" | "skip" | "cancel";
  readonly jitterMs: number;
  /** Whether it stands in code: then only processes with that code fire it. */
  readonly declared: boolean;
}

/** A schedule that can be fired. */
export interface SchedulePlan extends ScheduleFacts {
  readonly id: string;
  readonly recurrence: Recurrence;
  /** What is enqueued: the task itself where it is at hand, else its name. */
  readonly target: Enqueueable;
  /** Names what it says: two plans with the same hash say the same. */
  readonly hash: string;
  /** Whether it is enabled when it is first stored. */
  readonly enabled: boolean;
}

/** What schedules take over from their scheduler. */
export interface ScheduleDefaults {
  readonly timezone: string;
  readonly misfireWindowMs: number;
}

const SCHEDULE_ID = /^[^\s\p{Cc}]{1,100}$/u;
const RUNS = ["skip", "once", "all"] as const;
const OVERLAPS = ["allow", "skip", "cancel"] as const;
const MOST_LATE = 100;
const HASH_LENGTH = 10;
const MOST_LEVELS = 64;

/** @throws TaskConfigError for what cannot name a schedule. */
function checkScheduleId(id: unknown): asserts id is string {
  if (typeof id === "string" && SCHEDULE_ID.test(id)) return;
  throw new TaskConfigError(
    `a schedule cannot be named ${shown(id)}`,
    { path: "id" },
    { hint: "an id has 1 to 100 characters without spaces" },
  );
}

/** What is to be planned. */
export interface PlannedJob {
  readonly task: string;
  readonly target: Enqueueable;
  readonly input: unknown;
  /** What the job itself says; settings of the schedule win. */
  readonly options: EnqueueOptions;
  readonly declared: boolean;
}

/**
 * Checks a schedule and makes its plan.
 *
 * @param nameless how it is called without an `id`, by what it says.
 * @throws ScheduleInvalidError for a rule that cannot be; TaskConfigError for a setting that is unknown or out of range.
 */
export function planOf(
  job: PlannedJob,
  when: ScheduleTiming & ScheduleSettings,
  defaults: ScheduleDefaults,
  nameless: (hash: string) => string,
): SchedulePlan {
  const owner = `the schedule of task "${job.task}"`;
  refuseUnknownOptions(owner, when, [...TIMING_KEYS, ...SETTING_KEYS]);
  const rule = ruleData(owner, when, defaults.timezone);
  const issue = dataIssue(job.input, MOST_LEVELS);
  if (issue !== undefined)
    throw new TaskValidationError(
      { subject: `the input of ${owner}`, issues: [issue] },
      { hint: "a schedule is stored as JSON: give it plain data" },
    );
  const { queue, priority, maxRetries, headers, overlap = "allow", jitter, enabled = true } = when;
  oneOf(owner, "overlap", overlap, OVERLAPS);
  const given = { queue, priority, maxRetries, headers };
  const facts: ScheduleFacts = {
    rule,
    task: job.task,
    ...(job.input === undefined ? {} : { input: job.input }),
    options: { ...job.options, ...withoutAbsent(given) },
    misfire: misfireOf(owner, when.misfire, defaults.misfireWindowMs),
    overlap,
    jitterMs: jitter === undefined ? 0 : spanOption(owner, "jitter", jitter),
    declared: job.declared,
  };
  const hash = hashOf(facts);
  const id = when.id ?? nameless(hash);
  checkScheduleId(id);
  return { ...facts, id, hash, enabled, target: job.target, recurrence: recurrenceOf(rule) };
}

/** @throws ScheduleInvalidError when it is never due. */
export function recurrenceOf(rule: RuleData): Recurrence {
  return "any" in rule ? new Schedule(rule).recurrence("UTC") : new IntervalRecurrence(rule);
}

export function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, HASH_LENGTH);
}

function ruleData(owner: string, when: ScheduleTiming, zone: string): RuleData {
  const given = (["cron", "schedule", "every"] as const).filter((key) => when[key] !== undefined);
  if (given.length !== 1)
    throw new TaskConfigError(
      given.length === 0
        ? `${owner} does not say when`
        : `${owner} says when in two ways: ${given.join(" and ")}`,
      { path: given[1] ?? "cron" },
      { hint: "give one of cron, schedule and every" },
    );
  if (when.every !== undefined) {
    if (when.timezone !== undefined || when.dst !== undefined)
      throw new TaskConfigError(
        `${owner} has equal spans, which no zone changes`,
        { path: "timezone" },
        { hint: "leave timezone and dst out, or say when with cron or schedule" },
      );
    return intervalOf(owner, when.every, when.starting);
  }
  if (when.starting !== undefined)
    throw new TaskConfigError(
      `${owner} has a start, and no spans`,
      { path: "starting" },
      { hint: "give every" },
    );
  const schedule = when.cron === undefined ? when.schedule : new CronExpression(when.cron);
  if (!(schedule instanceof Schedule))
    throw new ScheduleInvalidError(`schedule of ${owner} is none: ${shown(schedule)}`, {
      rule: String(schedule),
      field: "schedule",
    });
  // Stored with its zone, so that every scheduler reads the same.
  return schedule.in(when.timezone ?? schedule.timezone ?? zone, when.dst).toJSON();
}

function misfireOf(owner: string, misfire: ScheduleSettings["misfire"] = "once", windowMs: number): Misfire {
  if (typeof misfire === "string") {
    oneOf(owner, "misfire", misfire, RUNS);
    return { run: misfire, upTo: MOST_LATE, withinMs: windowMs };
  }
  refuseUnknownOptions(`misfire of ${owner}`, misfire, ["run", "upTo", "within"]);
  const { run, upTo = MOST_LATE, within } = misfire;
  oneOf(owner, "misfire.run", run, RUNS);
  const span = (value: Duration): number => spanOption(owner, "misfire.within", value, { above: 0 });
  return {
    run,
    upTo: countOption(owner, "misfire.upTo", upTo, 1),
    withinMs: within === undefined ? windowMs : span(within),
  };
}

function oneOf(owner: string, path: string, value: unknown, allowed: readonly string[]): void {
  if (typeof value === "string" && allowed.includes(value)) return;
  throw new TaskConfigError(
    `${path} of ${owner} must be one of ${allowed.map((name) => `"${name}"`).join(", ")}, not ${shown(value)}`,
    { path },
  );
}

function withoutAbsent(options: {
  readonly [K in keyof EnqueueOptions]: EnqueueOptions[K] | undefined;
}): EnqueueOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
