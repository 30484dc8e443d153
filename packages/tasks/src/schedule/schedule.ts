import { refuseUnless, ScheduleInvalidError, systemClock } from "@lexigram/contracts";
import { CalendarRecurrence } from "./calendar-recurrence.ts";
import { checkDst, type DstOptions } from "./dst-policy.ts";
import { dateOf, instantOf } from "./instant.ts";
import { AnyOf, type Recurrence } from "./recurrence.ts";
import { ruleOf, type SchedulePart } from "./schedule-part.ts";
import { TimeZone } from "./time-zone.ts";

/** A schedule as it is stored: it is due when all parts of any of its lists hold. */
export interface CalendarData {
  readonly any: readonly (readonly SchedulePart[])[];
  readonly timezone?: string;
  readonly dst?: DstOptions;
}

const UTC = "UTC";
const MOST_PREVIEWED = 10_000;
/** Lists that `and` multiplies out to, at most. */
const MOST_ALTERNATIVES = 1_000;

/**
 * When something is due, in the local time of a zone. Immutable; made by `at`, `every`, `on`, `onDay`, `inMonth`,
 * `between` and {@link CronExpression}, and combined with `and` and `or`. Seconds are its finest measure.
 */
export class Schedule {
  readonly #data: CalendarData;
  readonly #byZone = new Map<string, Recurrence>();

  /** Use the functions that make schedules. @throws ScheduleInvalidError for an unknown zone or policy. */
  constructor(data: CalendarData) {
    this.#data = data;
    if (data.dst !== undefined) checkDst(data.dst);
    if (data.timezone !== undefined) TimeZone.of(data.timezone);
  }

  /** Its own zone; without one it is in that of whoever uses it. */
  get timezone(): string | undefined {
    return this.#data.timezone;
  }

  /** Due when both are. */
  and(other: Schedule): Schedule {
    const [mine, theirs] = [this.#data.any, partsOf(other)];
    refuseUnless(
      mine.length * theirs.length <= MOST_ALTERNATIVES,
      "schedule.and",
      "other",
      `has too many alternatives: ${mine.length * theirs.length}, and ${MOST_ALTERNATIVES} are allowed`,
    );
    return new Schedule({
      any: mine.flatMap((parts) => theirs.map((more) => [...parts, ...more])),
      ...this.#shared(other),
    });
  }

  /** Due when either is. */
  or(other: Schedule): Schedule {
    return new Schedule({ any: [...this.#data.any, ...partsOf(other)], ...this.#shared(other) });
  }

  /**
   * The same in a zone, and with a policy for the days on which its clocks are changed.
   *
   * @param timezone an IANA name, such as `Europe/Paris`.
   * @throws ScheduleInvalidError for an unknown zone, with the nearest one.
   */
  in(timezone: string, dst?: DstOptions): Schedule {
    const { any, dst: own } = this.#data;
    const policy = dst ?? own;
    return new Schedule({ any, timezone, ...(policy === undefined ? {} : { dst: policy }) });
  }

  /**
   * The first instant after another one, by default now; `undefined` when there is none within a hundred years.
   *
   * @throws ScheduleInvalidError when it is never due, as the parts never hold together; so do the other two.
   */
  next(after?: Date): Date | undefined {
    return dateOf(this.recurrence(UTC).next(from("next", after)));
  }

  /** The last instant before another one, by default now. */
  previous(before?: Date): Date | undefined {
    return dateOf(this.recurrence(UTC).previous(from("previous", before)));
  }

  /** The next instants after another one, by default now. @param count how many, at most 10,000. */
  preview(count: number, after?: Date): Date[] {
    return previewed(this.recurrence(UTC), count, from("preview", after));
  }

  /**
   * Its instants, where it names no zone in the given one.
   *
   * @throws ScheduleInvalidError when it is never due.
   */
  recurrence(zone: string): Recurrence {
    const name = this.#data.timezone ?? zone;
    let known = this.#byZone.get(name);
    if (known === undefined) this.#byZone.set(name, (known = compiled(this.#data, name)));
    return known;
  }

  /** As it is stored. */
  toJSON(): CalendarData {
    return this.#data;
  }

  #shared(other: Schedule): Pick<CalendarData, "timezone" | "dst"> {
    const [mine, theirs] = [this.#data, other.toJSON()];
    return {
      ...same("timezone", mine.timezone, theirs.timezone),
      ...same("dst", mine.dst, theirs.dst),
    };
  }
}

function partsOf(other: unknown): CalendarData["any"] {
  refuseUnless(other instanceof Schedule, "a schedule", "other", "must be a schedule too");
  return (other as Schedule).toJSON().any;
}

function same<K extends string, T>(field: K, mine: T | undefined, theirs: T | undefined): { [_ in K]?: T } {
  const chosen = mine ?? theirs;
  if (chosen === undefined) return {};
  if (theirs !== undefined && JSON.stringify(chosen) !== JSON.stringify(theirs))
    throw new ScheduleInvalidError(
      `schedules with different values of ${field} cannot be one`,
      { rule: JSON.stringify([mine, theirs]), field },
      { hint: "give the zone once, to the whole: at(…).and(on(…)).in(zone)" },
    );
  return { [field]: chosen } as { [_ in K]?: T };
}

const from = (method: string, date: Date | undefined): number =>
  date === undefined ? systemClock.now() : instantOf(`schedule.${method}`, "date", date);

/** @throws TaskValidationError for a count out of range. */
export function previewed(recurrence: Recurrence, count: number, after: number): Date[] {
  refuseUnless(
    Number.isInteger(count) && count >= 0 && count <= MOST_PREVIEWED,
    "preview",
    "count",
    `must be a whole number from 0 to ${MOST_PREVIEWED}`,
  );
  const found: Date[] = [];
  for (let at = recurrence.next(after); at !== undefined && found.length < count; at = recurrence.next(at))
    found.push(dateOf(at));
  return found;
}

function compiled({ any, dst = {} }: CalendarData, name: string): Recurrence {
  const zone = TimeZone.of(name);
  const rules = any.flatMap((parts) => ruleOf(parts) ?? []);
  const all = rules.map((rule) => new CalendarRecurrence(rule, zone, dst));
  const whole = all.length === 1 && all[0] !== undefined ? all[0] : new AnyOf(all);
  if (whole.next(0) === undefined)
    throw new ScheduleInvalidError(
      "the schedule is never due: its parts do not hold together on any day",
      { rule: JSON.stringify(any), field: "schedule" },
      {
        hint: "between needs times to choose from, of at, every or a cron expression; onDay needs months that have the day",
      },
    );
  return whole;
}
