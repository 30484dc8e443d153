import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  at,
  between,
  CronExpression,
  type DstOptions,
  every,
  inMonth,
  type Month,
  on,
  onDay,
  type Schedule,
  type TimeOfDay,
  type Weekday,
} from "../../src/index.ts";
import { changesOf, type LocalMinute, LocalMinutes } from "./oracle.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A schedule, and the same said in another way. */
interface Twin {
  readonly schedule: Schedule;
  readonly holds: (minute: LocalMinute) => boolean;
  /** Whether it is due in every hour, which decides what happens to hours that come twice. */
  readonly everyHour: boolean;
}

const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"] as const;

/** The instants of a schedule, by asking it again and again. */
function forwards(schedule: Schedule, from: number, to: number): number[] {
  const found: number[] = [];
  for (let next = schedule.next(new Date(from - 1)); next !== undefined; next = schedule.next(next)) {
    if (next.getTime() >= to) break;
    found.push(next.getTime());
  }
  return found;
}

function backwards(schedule: Schedule, from: number, to: number): number[] {
  const found: number[] = [];
  for (let last = schedule.previous(new Date(to)); last !== undefined; last = schedule.previous(last)) {
    if (last.getTime() < from) break;
    found.unshift(last.getTime());
  }
  return found;
}

interface Span {
  readonly zone: string;
  readonly from: number;
  readonly to: number;
  readonly minutes: LocalMinutes;
}

const spanOf = (zone: string, from: number, to: number): Span => ({
  zone,
  from,
  to,
  minutes: new LocalMinutes(zone, from, to),
});

function agrees(
  { schedule, holds, everyHour }: Twin,
  { zone, from, to, minutes }: Span,
  dst: DstOptions,
): void {
  const fold = dst.fold ?? (everyHour ? "both" : "first");
  const expected = minutes.due(holds, { gap: dst.gap ?? "shift", fold });
  const local = schedule.in(zone, dst);
  const about = { zone, dst, schedule: JSON.stringify(local), from: new Date(from).toISOString() };
  expect({ ...about, due: forwards(local, from, to) }).toEqual({ ...about, due: expected });
  expect({ ...about, due: backwards(local, from, to) }).toEqual({ ...about, due: expected });
}

const cron = (text: string, holds: (minute: LocalMinute) => boolean, everyHour = false): Twin => ({
  schedule: new CronExpression(text),
  holds,
  everyHour,
});

const ZONES = [
  "Europe/London",
  "Europe/Paris",
  "Europe/Moscow",
  "America/New_York",
  "America/Los_Angeles",
  "America/St_Johns",
  "America/Sao_Paulo",
  "America/Havana",
  "America/Santiago",
  "America/Caracas",
  "Africa/Casablanca",
  "Africa/Cairo",
  "Asia/Tehran",
  "Asia/Gaza",
  "Asia/Kolkata",
  "Asia/Pyongyang",
  "Australia/Lord_Howe",
  "Australia/Sydney",
  "Pacific/Apia",
  "Antarctica/Troll",
];

describe("a schedule", () => {
  test("keeps its policy at every change of the clocks of 20 zones from 1990 to 2040", () => {
    const twins: readonly Twin[] = [
      cron("30 2 * * *", ({ hour, minute }) => hour === 2 && minute === 30),
      cron("0,30 0-3 * * *", ({ hour, minute }) => hour <= 3 && minute % 30 === 0),
      cron("15 * * * *", ({ minute }) => minute === 15, true),
      cron("5 0 * * SUN,SAT", ({ hour, minute, weekday }) => hour === 0 && minute === 5 && weekday % 6 === 0),
      {
        schedule: at("01:30", "02:30", "23:45"),
        holds: ({ hour, minute }) =>
          ((hour === 1 || hour === 2) && minute === 30) || (hour === 23 && minute === 45),
        everyHour: false,
      },
      {
        schedule: every("45m", { starting: "00:10" }).and(between("22:00", "04:00")),
        holds: ({ hour, minute }) => {
          const time = hour * 60 + minute;
          return time >= 10 && (time - 10) % 45 === 0 && (time >= 1_320 || time <= 240);
        },
        everyHour: false,
      },
    ];
    const policies: readonly DstOptions[] = [
      {},
      { gap: "skip", fold: "last" },
      { gap: "skip", fold: "both" },
      { gap: "shift", fold: "first" },
    ];
    let changes = 0;
    for (const zone of ZONES)
      for (const change of changesOf(zone, Date.UTC(1990, 0, 1), Date.UTC(2040, 0, 1))) {
        const start = Math.floor(change / (HOUR / 2)) * (HOUR / 2);
        const dst = policies[changes % policies.length] as DstOptions;
        const span = spanOf(zone, start - 8 * HOUR, start + 8 * HOUR);
        // Of six schedules three each time, so that each meets each zone with each policy.
        for (let i = 0; i < 3; i++) agrees(twins[(changes + 2 * i + (changes >> 3)) % 6] as Twin, span, dst);
        changes++;
      }
    expect(changes).toBeGreaterThan(1_000);
  });

  const zone = fc.constantFrom(...Intl.supportedValuesOf("timeZone"), "UTC");
  const start = fc
    .integer({ min: Date.UTC(1990, 0, 1) / HOUR, max: Date.UTC(2040, 0, 1) / HOUR })
    .map((hour) => hour * HOUR);
  const dst = fc.record(
    { gap: fc.constantFrom("shift", "skip"), fold: fc.constantFrom("first", "last", "both") },
    { requiredKeys: [] },
  );

  /** A field of a cron expression, with the numbers it stands for. */
  const field = (
    least: number,
    most: number,
    end = most,
  ): fc.Arbitrary<{ text: string; values: Set<number> | undefined }> => {
    const number = fc.integer({ min: least, max: most });
    const range = (from: number, to: number, step = 1): Set<number> => {
      const all = new Set<number>();
      for (let n = from; n <= to; n += step) all.add(n);
      return all;
    };
    return fc.oneof(
      fc.constant({ text: "*", values: undefined }),
      number.map((n) => ({ text: `${n}`, values: new Set([n]) })),
      fc
        .uniqueArray(number, { minLength: 2, maxLength: 4 })
        .map((all) => ({ text: all.join(","), values: new Set(all) })),
      fc
        .tuple(number, number, fc.integer({ min: 1, max: most }))
        .map(([a, b, step]) => [Math.min(a, b), Math.max(a, b), step] as const)
        .map(([from, to, step]) => ({ text: `${from}-${to}/${step}`, values: range(from, to, step) })),
      fc
        .integer({ min: 1, max: most })
        .map((step) => ({ text: `*/${step}`, values: range(least, end, step) })),
    );
  };

  const cronTwin = fc
    .tuple(field(0, 59), field(0, 23), field(1, 28, 31), field(1, 12), field(0, 6))
    .map(([minute, hour, day, month, weekday]): Twin => {
      const has = (values: Set<number> | undefined, n: number): boolean => values?.has(n) ?? true;
      const either = day.values !== undefined && weekday.values !== undefined;
      return {
        schedule: new CronExpression([minute, hour, day, month, weekday].map(({ text }) => text).join(" ")),
        holds: (m) => {
          const [onDate, onWeekday] = [has(day.values, m.day), has(weekday.values, m.weekday)];
          const onIt = either ? onDate || onWeekday : onDate && onWeekday;
          return (
            onIt && has(minute.values, m.minute) && has(hour.values, m.hour) && has(month.values, m.month)
          );
        },
        everyHour: hour.values === undefined || hour.values.size === 24,
      };
    });

  test("agrees with a look at every minute, whatever its cron expression, zone and year", () => {
    fc.assert(
      fc.property(cronTwin, zone, start, dst, (twin, name, from, policy) => {
        agrees(twin, spanOf(name, from, from + 3 * DAY), policy);
      }),
      { numRuns: 300 },
    );
  });

  const time = fc
    .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
    .map(([hour, minute]) => ({
      text: `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}` as TimeOfDay,
      minutes: hour * 60 + minute,
    }));
  const minuteOf = ({ hour, minute }: LocalMinute): number => hour * 60 + minute;

  type Half = Omit<Twin, "everyHour">;
  const due: fc.Arbitrary<Half & { readonly times: (minutes: number) => boolean }> = fc.oneof(
    time.map(({ text, minutes }) => ({
      schedule: at(text),
      holds: (m: LocalMinute) => minuteOf(m) === minutes,
      times: (n: number) => n === minutes,
    })),
    fc.tuple(fc.integer({ min: 5, max: 600 }), time).map(([step, { text, minutes }]) => {
      const times = (n: number): boolean => n >= minutes && (n - minutes) % step === 0;
      return {
        schedule: every(step * MINUTE, { starting: text }),
        holds: (m: LocalMinute) => times(minuteOf(m)),
        times,
      };
    }),
  );
  const days: fc.Arbitrary<Half> = fc.oneof(
    fc.uniqueArray(fc.constantFrom<Weekday>(...weekdays), { minLength: 1, maxLength: 4 }).map((all) => ({
      schedule: on(...all),
      holds: (m: LocalMinute) => all.includes(weekdays[m.weekday] as Weekday),
    })),
    fc.uniqueArray(fc.integer({ min: 1, max: 31 }), { minLength: 1, maxLength: 20 }).map((all) => ({
      schedule: onDay(...all),
      holds: (m: LocalMinute) => all.includes(m.day),
    })),
    fc.uniqueArray(fc.constantFrom<Month>(...months), { minLength: 1, maxLength: 8 }).map((all) => ({
      schedule: inMonth(...all),
      holds: (m: LocalMinute) => all.includes(months[m.month - 1] as Month),
    })),
  );

  test("agrees with a look at every minute, however it is put together", () => {
    fc.assert(
      fc.property(fc.tuple(due, days, due), zone, start, (parts, name, from) => {
        const [first, second, third] = parts;
        const schedule = first.schedule.and(second.schedule).or(third.schedule);
        // Each alternative decides for itself what happens to hours that come twice, so it is said here.
        agrees(
          { schedule, holds: (m) => (first.holds(m) && second.holds(m)) || third.holds(m), everyHour: false },
          spanOf(name, from, from + 3 * DAY),
          { fold: "both" },
        );
      }),
      { numRuns: 200 },
    );
  });

  test("is narrowed by a window, over midnight too", () => {
    fc.assert(
      fc.property(fc.tuple(fc.integer({ min: 5, max: 90 }), time, time), zone, start, (parts, name, from) => {
        const [step, begin, end] = parts;
        const inside = (n: number): boolean =>
          begin.minutes <= end.minutes
            ? n >= begin.minutes && n <= end.minutes
            : n >= begin.minutes || n <= end.minutes;
        const holds = (m: LocalMinute): boolean => minuteOf(m) % step === 0 && inside(minuteOf(m));
        fc.pre(Array.from({ length: 1_440 }, (_, n) => n).some((n) => n % step === 0 && inside(n)));
        agrees(
          {
            schedule: every(step * MINUTE).and(between(begin.text, end.text)),
            holds,
            everyHour: false,
          },
          spanOf(name, from, from + 2 * DAY),
          { fold: "last" },
        );
      }),
      { numRuns: 100 },
    );
  });
});
