import { ScheduleInvalidError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { at, between, CronExpression, every, inMonth, on, onDay, type Schedule } from "../../src/index.ts";

const FROM = new Date("2030-01-01T00:00:00Z");

const due = (schedule: Schedule, count: number): string[] =>
  schedule.preview(count, FROM).map((date) => date.toISOString().slice(0, 16));

function refused(make: () => unknown): ScheduleInvalidError["fields"] {
  try {
    make();
  } catch (error) {
    if (error instanceof ScheduleInvalidError) return error.fields;
    throw error;
  }
  throw new Error("it was taken");
}

describe("schedules", () => {
  test("are due at times of day", () => {
    expect(due(at("09:00", "17:30"), 3)).toEqual([
      "2030-01-01T09:00",
      "2030-01-01T17:30",
      "2030-01-02T09:00",
    ]);
    expect(at("09:00:30").next(FROM)?.toISOString()).toBe("2030-01-01T09:00:30.000Z");
  });

  test("are due in steps that begin anew each day", () => {
    expect(due(every("10h", { starting: "03:00" }), 4)).toEqual([
      "2030-01-01T03:00",
      "2030-01-01T13:00",
      "2030-01-01T23:00",
      "2030-01-02T03:00",
    ]);
  });

  test("that name days alone are due at midnight", () => {
    expect(due(on("sat", "sun"), 3)).toEqual(["2030-01-05T00:00", "2030-01-06T00:00", "2030-01-12T00:00"]);
    expect(due(onDay(31).and(inMonth("jan", "feb", "mar")), 2)).toEqual([
      "2030-01-31T00:00",
      "2030-03-31T00:00",
    ]);
  });

  test("are joined with and, and with or", () => {
    const office = every("4h").and(between("08:00", "16:00")).and(on("mon", "tue"));
    expect(due(office, 4)).toEqual([
      "2030-01-01T08:00",
      "2030-01-01T12:00",
      "2030-01-01T16:00",
      "2030-01-07T08:00",
    ]);
    const either = at("10:00")
      .and(on("wed"))
      .or(at("22:00").and(on("tue")));
    expect(due(either, 3)).toEqual(["2030-01-01T22:00", "2030-01-02T10:00", "2030-01-08T22:00"]);
    expect(due(new CronExpression("0 * * * *").and(between("23:00", "01:00")), 3)).toEqual([
      "2030-01-01T01:00",
      "2030-01-01T23:00",
      "2030-01-02T00:00",
    ]);
  });

  test("are in a zone, once for the whole", () => {
    const paris = at("09:00").and(on("mon")).in("Europe/Paris");
    expect(due(paris, 1)).toEqual(["2030-01-07T08:00"]);
    expect(paris.timezone).toBe("Europe/Paris");
    expect(due(paris.or(at("01:00")), 2)).toEqual(["2030-01-02T00:00", "2030-01-03T00:00"]);
    expect(refused(() => paris.or(at("01:00").in("Asia/Tokyo"))).field).toBe("timezone");
    expect(refused(() => at("09:00").in("Mars/Olympus")).field).toBe("timezone");
  });

  test("are written as data and read again", () => {
    const schedule = at("09:00").and(on("mon")).or(every("6h")).in("Asia/Tokyo", { gap: "skip" });
    const again = JSON.parse(JSON.stringify(schedule)) as unknown;
    expect(again).toEqual(schedule.toJSON());
  });

  test("that are never due say so when they are asked", () => {
    expect(refused(() => between("08:00", "09:00").next(FROM)).field).toBe("schedule");
    expect(refused(() => onDay(30).and(inMonth("feb")).next(FROM)).field).toBe("schedule");
    expect(refused(() => at("09:00").and(at("10:00")).next(FROM)).field).toBe("schedule");
  });

  test.each([
    [() => at(), "at", undefined],
    [() => at("9:00"), "at", undefined],
    [() => at("24:00"), "at", undefined],
    [() => every("0s"), "every", "1s"],
    [() => every("25h"), "every", "1d"],
    [() => every("1500ms"), "every", "1s"],
    [() => every("soon" as never), "every", undefined],
    [() => every("1h", { starting: "noon" as never }), "starting", undefined],
    [() => on("monday" as never), "on", "mon"],
    [() => on(1 as never), "on", undefined],
    [() => onDay(0), "onDay", "1"],
    [() => onDay(32), "onDay", "31"],
    [() => inMonth("sept" as never), "inMonth", "sep"],
    [() => between("08:00", "8" as never), "between", undefined],
  ])("refuse what they cannot be: %s", (make, field, nearest) => {
    expect(refused(make)).toMatchObject({ field, ...(nearest === undefined ? {} : { nearest }) });
  });

  test("refuse to be joined with anything else", () => {
    expect(() => at("09:00").and("10:00" as never)).toThrow("must be a schedule too");
    expect(() => at("09:00").preview(-1)).toThrow("whole number");
  });
});
