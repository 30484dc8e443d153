import {
  type Duration,
  InvalidDurationError,
  milliseconds,
  nearest,
  refuseUnknownOptions,
  ScheduleInvalidError,
  shown,
} from "@lexigram/contracts";
import { MONTHS, WEEKDAYS } from "./cron-text.ts";
import { DAY_SECONDS } from "./civil-day.ts";
import { Schedule } from "./schedule.ts";

/** A time of day: `"09:00"`, or with seconds `"09:00:30"`. */
export type TimeOfDay = `${number}:${number}` | `${number}:${number}:${number}`;
export type Weekday = "sun" | "mon" | "tue" | "wed" | "thu" | "fri" | "sat";
export type Month =
  | "jan"
  | "feb"
  | "mar"
  | "apr"
  | "may"
  | "jun"
  | "jul"
  | "aug"
  | "sep"
  | "oct"
  | "nov"
  | "dec";

const TIME = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;

/** Due at times of day, each day. @throws ScheduleInvalidError for what is no time of day. */
export function at(...times: readonly TimeOfDay[]): Schedule {
  return new Schedule({ any: some("at", times).map((time) => [{ at: secondOf("at", time) }]) });
}

/**
 * Due in steps of a span from a time of day on, until midnight; each day begins anew. A span that does not fit into a
 * day, or does not begin anew, is `every` of a schedule's options.
 *
 * @param span whole seconds, at most a day.
 * @throws ScheduleInvalidError for another span, or a start that is no time of day.
 */
export function every(span: Duration, options: { readonly starting?: TimeOfDay } = {}): Schedule {
  refuseUnknownOptions("every", options, ["starting"]);
  const seconds = spanOf(span) / 1_000;
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > DAY_SECONDS)
    throw new ScheduleInvalidError(
      `every takes whole seconds, from 1s to 1d, not ${shown(span)}`,
      { rule: String(span), field: "every", nearest: seconds > DAY_SECONDS ? "1d" : "1s" },
      { hint: "for other spans give { every: span } as the schedule of a task" },
    );
  const starting = secondOf("starting", options.starting ?? "00:00");
  return new Schedule({ any: [[{ every: seconds, starting }]] });
}

/** Due on days of the week; by itself at midnight. */
export function on(...days: readonly Weekday[]): Schedule {
  return new Schedule({ any: [[{ on: some("on", days).map((day) => placeOf("on", day, WEEKDAYS)) }]] });
}

/** Due on days of the month, 1 to 31; by itself at midnight. Months without the day are left out. */
export function onDay(...days: readonly number[]): Schedule {
  for (const day of some("onDay", days))
    if (!(Number.isInteger(day) && day >= 1 && day <= 31))
      throw new ScheduleInvalidError(`onDay takes 1 to 31, not ${shown(day)}`, {
        rule: String(day),
        field: "onDay",
        nearest: day > 31 ? "31" : "1",
      });
  return new Schedule({ any: [[{ onDay: [...days] }]] });
}

/** Due in months; by itself at the midnight that begins each of their days. */
export function inMonth(...months: readonly Month[]): Schedule {
  const numbers = some("inMonth", months).map((month) => placeOf("inMonth", month, MONTHS) + 1);
  return new Schedule({ any: [[{ inMonth: numbers }]] });
}

/**
 * Between two times of day, both included; over midnight when the second is the earlier. Has no times of its own: it
 * narrows other schedules, as in `every("15m").and(between("08:00", "18:00"))`.
 */
export function between(from: TimeOfDay, to: TimeOfDay): Schedule {
  return new Schedule({ any: [[{ between: [secondOf("between", from), secondOf("between", to)] }]] });
}

function some<T>(field: string, given: readonly T[]): readonly T[] {
  if (given.length > 0) return given;
  throw new ScheduleInvalidError(`${field} needs a value at least`, { rule: `${field}()`, field });
}

function spanOf(span: Duration): number {
  try {
    return milliseconds(span);
  } catch (cause) {
    if (!(cause instanceof InvalidDurationError)) throw cause;
    throw new ScheduleInvalidError(
      cause.message,
      { rule: String(span), field: "every" },
      { cause, hint: cause.hint },
    );
  }
}

function secondOf(field: string, time: string): number {
  const [, hour, minute, second = 0] = (typeof time === "string" && TIME.exec(time)) || [];
  if (hour !== undefined) return (Number(hour) * 60 + Number(minute)) * 60 + Number(second);
  throw new ScheduleInvalidError(
    `${field} takes a time of day, not ${shown(time)}`,
    { rule: String(time), field },
    { hint: 'write two digits for each part: "09:00", or "09:00:30" with seconds' },
  );
}

/** Where a name stands in a list of names of three letters. */
function placeOf(field: string, name: string, names: readonly string[]): number {
  const place = typeof name === "string" ? names.indexOf(name.toUpperCase()) : -1;
  if (place >= 0) return place;
  const near = typeof name === "string" ? nearest(name.slice(0, 3), names)?.toLowerCase() : undefined;
  throw new ScheduleInvalidError(
    `${field} takes ${names.map((one) => one.toLowerCase()).join(", ")}, not ${shown(name)}`,
    { rule: String(name), field, ...(near === undefined ? {} : { nearest: near }) },
  );
}
