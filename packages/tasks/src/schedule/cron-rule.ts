import { ScheduleInvalidError } from "@lexigram/contracts";
import { CronExpressionParser } from "cron-parser";
import type { CalendarRule } from "./calendar-recurrence.ts";
import { type CivilDay, daysInMonth } from "./civil-day.ts";
import { cronFields } from "./cron-text.ts";

/**
 * What a cron expression says, as a rule in local time. A day counts when both its fields hold; when both name days, when
 * one of them does.
 *
 * @throws ScheduleInvalidError for what is no cron expression.
 */
export function cronRule(expression: string): CalendarRule {
  const { second, minute, hour, dayOfMonth, month, dayOfWeek } = parsed(expression);
  const onDate = dateTest(dayOfMonth.values);
  const onWeekday = weekdayTest(dayOfWeek.values, dayOfWeek.nthDay);
  const either = !dayOfMonth.isWildcard && !dayOfWeek.isWildcard;
  return {
    months: bits(month.values),
    holdsOn: either ? (day) => onDate(day) || onWeekday(day) : (day) => onDate(day) && onWeekday(day),
    times: timesOf(hour.values, minute.values, second.values),
  };
}

function parsed(expression: string): ReturnType<typeof CronExpressionParser.parse>["fields"] {
  const fields = cronFields(expression);
  try {
    return CronExpressionParser.parse(fields.join(" "), { tz: "UTC", currentDate: 0 }).fields;
  } catch (cause) {
    // What is left after each field was found right: dates that no month has.
    throw new ScheduleInvalidError(
      `${JSON.stringify(expression)} is no cron expression: no month that it names has its days`,
      { rule: expression, field: "dayOfMonth" },
      { cause },
    );
  }
}

type Values = readonly (number | string)[];

function bits(values: Values): number {
  let all = 0;
  for (const value of values) all |= 1 << Number(value);
  return all;
}

function dateTest(values: Values): (day: CivilDay) => boolean {
  const days = bits(values.filter((value) => typeof value === "number"));
  const last = values.includes("L");
  return ({ year, month, day }) => (days & (1 << day)) !== 0 || (last && day === daysInMonth(year, month));
}

function weekdayTest(values: Values, nth: number): (day: CivilDay) => boolean {
  const ofWeek = (value: number | string): number => Number.parseInt(String(value), 10) % 7;
  const days = bits(values.filter((value) => typeof value === "number").map(ofWeek));
  const lasts = bits(values.filter((value) => typeof value === "string").map(ofWeek));
  return ({ year, month, day, weekday }) => {
    const isDay = (days & (1 << weekday)) !== 0 && (nth === 0 || Math.ceil(day / 7) === nth);
    return isDay || ((lasts & (1 << weekday)) !== 0 && day + 7 > daysInMonth(year, month));
  };
}

function timesOf(hours: Values, minutes: Values, seconds: Values): Int32Array {
  const times = new Int32Array(hours.length * minutes.length * seconds.length);
  let at = 0;
  for (const hour of hours)
    for (const minute of minutes)
      for (const second of seconds) times[at++] = (Number(hour) * 60 + Number(minute)) * 60 + Number(second);
  return times.sort();
}
