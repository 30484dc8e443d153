import { type CivilDay, civilDay, DAY_MS, dayNumber } from "./civil-day.ts";
import type { DstOptions } from "./dst-policy.ts";
import type { Recurrence } from "./recurrence.ts";
import type { TimeZone } from "./time-zone.ts";

/** A rule in local time: the days it holds on, and its times on each of them. */
export interface CalendarRule {
  /** One bit for each month that it may hold in, 1 to 12. */
  readonly months: number;
  readonly holdsOn: (day: CivilDay) => boolean;
  /** Seconds since midnight, rising, at least one. */
  readonly times: Int32Array;
}

/** Local times of one day between which clocks are not changed. */
interface Stretch {
  readonly offset: number;
  /** Local milliseconds, as if they were UTC; the second is excluded. */
  from: number;
  to: number;
}

/** Further than any zone is from UTC. */
const REACH_MS = 16 * 3_600_000;
/** A zone may leave out a whole day, whose times are then those of the next. */
const DAYS_AROUND = 2;
const DAYS_OF_SEARCH = 36_525;

/** The instants of a rule in a zone. */
export class CalendarRecurrence implements Recurrence {
  readonly #rule: CalendarRule;
  readonly #zone: TimeZone;
  readonly #gap: "shift" | "skip";
  readonly #fold: "first" | "last" | "both";

  constructor(rule: CalendarRule, zone: TimeZone, dst: DstOptions) {
    this.#rule = rule;
    this.#zone = zone;
    this.#gap = dst.gap ?? "shift";
    this.#fold = dst.fold ?? (holdsEveryHour(rule.times) ? "both" : "first");
  }

  next(after: number): number | undefined {
    const first = this.#localDay(after) - DAYS_AROUND;
    for (let day = first; day < first + DAYS_OF_SEARCH; day++) {
      const date = civilDay(day);
      if ((this.#rule.months & (1 << date.month)) === 0) {
        day = firstOfNextMonth(date) - 1;
        continue;
      }
      const found = this.#firstOn(day, date, after);
      if (found === undefined) continue;
      // What a gap has moved may come after times of the next day.
      const later = found.moved ? this.#firstOn(day + 1, civilDay(day + 1), after) : undefined;
      return later === undefined ? found.at : Math.min(found.at, later.at);
    }
    return undefined;
  }

  previous(before: number): number | undefined {
    const last = this.#localDay(before) + DAYS_AROUND;
    for (let day = last; day > last - DAYS_OF_SEARCH; day--) {
      const date = civilDay(day);
      if ((this.#rule.months & (1 << date.month)) === 0) {
        day = dayNumber(date.year, date.month, 1);
        continue;
      }
      const found = this.#lastOn(day, date, before);
      if (found === undefined) continue;
      const earlier = this.#lastOn(day - 1, civilDay(day - 1), before);
      return earlier === undefined ? found : Math.max(found, earlier);
    }
    return undefined;
  }

  #localDay(instant: number): number {
    return Math.floor((instant + this.#zone.offsetAt(instant)) / DAY_MS);
  }

  #holds(date: CivilDay): boolean {
    return (this.#rule.months & (1 << date.month)) !== 0 && this.#rule.holdsOn(date);
  }

  #firstOn(day: number, date: CivilDay, after: number): { at: number; moved: boolean } | undefined {
    if (!this.#holds(date)) return undefined;
    const { times } = this.#rule;
    const start = day * DAY_MS;
    const stretches = this.#stretches(start);
    let best: number | undefined;
    for (const { offset, from, to } of stretches) {
      const least = Math.max(from, after + offset + 1) - start;
      const time = times[indexFrom(times, Math.ceil(least / 1_000))];
      if (time === undefined || start + time * 1_000 >= to) continue;
      const at = start + time * 1_000 - offset;
      if (best === undefined || at < best) best = at;
    }
    return best === undefined ? undefined : { at: best, moved: stretches.length > 1 };
  }

  #lastOn(day: number, date: CivilDay, before: number): number | undefined {
    if (!this.#holds(date)) return undefined;
    const { times } = this.#rule;
    const start = day * DAY_MS;
    let best: number | undefined;
    for (const { offset, from, to } of this.#stretches(start)) {
      const end = Math.min(to, before + offset) - start;
      const time = times[indexFrom(times, Math.ceil(end / 1_000)) - 1];
      if (time === undefined || start + time * 1_000 < from) continue;
      const at = start + time * 1_000 - offset;
      if (best === undefined || at > best) best = at;
    }
    return best;
  }

  /** The local times of a day that exist, in order, with what the policy says of those that do not or come twice. */
  #stretches(start: number): readonly Stretch[] {
    const from = start - REACH_MS;
    const changes = this.#zone.changes(from, start + DAY_MS + REACH_MS);
    let last: Stretch = { offset: this.#zone.offsetAt(from), from: start, to: start + DAY_MS };
    const stretches = [last];
    for (const { at, before, after } of changes) {
      const [left, entered] = [at + before, at + after];
      const isGap = after > before;
      last.to = Math.min(last.to, (isGap ? this.#gap === "shift" : this.#fold === "last") ? entered : left);
      last = {
        offset: after,
        from: Math.max(start, !isGap && this.#fold === "first" ? left : entered),
        to: start + DAY_MS,
      };
      stretches.push(last);
    }
    return stretches;
  }
}

/** The place of the first time that is not before a second of the day. */
function indexFrom(times: Int32Array, second: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] as number) < second) low = middle + 1;
    else high = middle;
  }
  return low;
}

function firstOfNextMonth({ year, month }: CivilDay): number {
  return month === 12 ? dayNumber(year + 1, 1, 1) : dayNumber(year, month + 1, 1);
}

function holdsEveryHour(times: Int32Array): boolean {
  return new Set(times.map((time) => Math.floor(time / 3_600))).size === 24;
}
