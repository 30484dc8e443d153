import type { CalendarRule } from "./calendar-recurrence.ts";
import { type CivilDay, DAY_SECONDS } from "./civil-day.ts";
import { cronRule } from "./cron-rule.ts";

/** One condition of a schedule, as data. Times are seconds since midnight. */
export type SchedulePart =
  | { readonly cron: string }
  | { readonly at: number }
  | { readonly every: number; readonly starting: number }
  | { readonly on: readonly number[] }
  | { readonly onDay: readonly number[] }
  | { readonly inMonth: readonly number[] }
  | { readonly between: readonly [from: number, to: number] };

const ALL_MONTHS = 0b1_1111_1111_1110;

/**
 * What holds when all of the parts hold. Days without a time are due at midnight.
 *
 * @returns nothing when they never hold together at any time of day.
 */
export function ruleOf(parts: readonly SchedulePart[]): CalendarRule | undefined {
  let months = ALL_MONTHS;
  const onDays: ((day: CivilDay) => boolean)[] = [];
  const windows: (readonly [number, number])[] = [];
  let times: Int32Array | undefined;
  for (const part of parts) {
    if ("cron" in part) {
      const rule = cronRule(part.cron);
      months &= rule.months;
      onDays.push(rule.holdsOn);
      times = common(times, rule.times);
    } else if ("at" in part) times = common(times, Int32Array.of(part.at));
    else if ("every" in part) times = common(times, grid(part.every, part.starting));
    else if ("on" in part) onDays.push(({ weekday }) => part.on.includes(weekday));
    else if ("onDay" in part) onDays.push(({ day }) => part.onDay.includes(day));
    else if ("inMonth" in part) months &= part.inMonth.reduce((bits, month) => bits | (1 << month), 0);
    else windows.push(part.between);
  }
  // A window chooses from times, and there are none.
  if (times === undefined && windows.length > 0) return undefined;
  times = (times ?? Int32Array.of(0)).filter((time) => windows.every((window) => isWithin(time, window)));
  if (times.length === 0 || months === 0) return undefined;
  return { months, times, holdsOn: (day) => onDays.every((holds) => holds(day)) };
}

function common(some: Int32Array | undefined, others: Int32Array): Int32Array {
  if (some === undefined) return others;
  const allowed = new Set(others);
  return some.filter((time) => allowed.has(time));
}

function grid(every: number, starting: number): Int32Array {
  return Int32Array.from(
    { length: Math.ceil((DAY_SECONDS - starting) / every) },
    (_, i) => starting + i * every,
  );
}

/** Both ends are inside; a window that ends before it begins goes over midnight. */
function isWithin(time: number, [from, to]: readonly [number, number]): boolean {
  return from <= to ? time >= from && time <= to : time >= from || time <= to;
}
