import { ScheduleInvalidError } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { CronExpression, type DstOptions } from "../../src/index.ts";

const due = (expression: string, after: string, count = 3, timezone = "UTC", dst?: DstOptions): string[] =>
  new CronExpression(expression, { timezone, ...(dst === undefined ? {} : { dst }) })
    .preview(count, new Date(after))
    .map((date) => date.toISOString().replace(":00.000Z", "Z"));

function refusal(expression: unknown, options?: object): ScheduleInvalidError {
  try {
    void new CronExpression(expression as string, options);
  } catch (error) {
    if (error instanceof ScheduleInvalidError) return error;
    throw error;
  }
  throw new Error(`${String(expression)} was taken`);
}

describe("a cron expression", () => {
  test("has five fields, or six with seconds first", () => {
    expect(due("30 9 * * *", "2030-01-01T00:00:00Z", 2)).toEqual(["2030-01-01T09:30Z", "2030-01-02T09:30Z"]);
    expect(
      new CronExpression("*/20 0 12 * * *")
        .preview(3, new Date("2030-01-01T00:00:00Z"))
        .map((d) => d.getTime()),
    ).toEqual([0, 20_000, 40_000].map((ms) => Date.UTC(2030, 0, 1, 12) + ms));
  });

  test.each([
    ["@yearly", "2031-01-01T00:00Z"],
    ["@annually", "2031-01-01T00:00Z"],
    ["@monthly", "2030-03-01T00:00Z"],
    ["@weekly", "2030-02-17T00:00Z"],
    ["@daily", "2030-02-16T00:00Z"],
    ["@midnight", "2030-02-16T00:00Z"],
    ["@hourly", "2030-02-15T11:00Z"],
    ["0 12 L * *", "2030-02-28T12:00Z"],
    ["0 12 * * 5L", "2030-02-22T12:00Z"],
    ["0 12 * * FRI#3", "2030-02-15T12:00Z"],
    ["0 12 * * mon-wed", "2030-02-18T12:00Z"],
    ["0 12 * * 5-7", "2030-02-15T12:00Z"],
    ["0 12 * * 7", "2030-02-17T12:00Z"],
    ["0 12 20 * SUN", "2030-02-17T12:00Z"],
    ["0 12 ? 6 *", "2030-06-01T12:00Z"],
    ["0 0 29 2 *", "2032-02-29T00:00Z"],
    ["1,1 * * * *", "2030-02-15T11:01Z"],
  ])("%s is next due at %s", (expression, next) => {
    expect(due(expression, "2030-02-15T10:30:00Z", 1)).toEqual([next]);
  });

  test("goes back as well, and never answers with the instant it is asked about", () => {
    const noon = new CronExpression("0 12 * * *");
    const at = new Date("2030-01-05T12:00:00Z");
    expect(noon.getNext(at)?.toISOString()).toBe("2030-01-06T12:00:00.000Z");
    expect(noon.getPrev(at)?.toISOString()).toBe("2030-01-04T12:00:00.000Z");
    expect(String(noon)).toBe("0 12 * * *");
  });

  test("ends where a century has no such day", () => {
    expect(refusal("0 0 30 2 *").fields).toMatchObject({ field: "dayOfMonth" });
  });

  test.each([
    ["60 * * * *", "minute", "59"],
    ["* 24 * * *", "hour", "23"],
    ["99 * * * * *", "second", "59"],
    ["0 0 0 * *", "dayOfMonth", "1"],
    ["0 0 1 13 *", "month", "12"],
    ["0 0 1 JANU *", "month", "JAN"],
    ["0 0 * * MNO", "dayOfWeek", "MON"],
    ["0 0 * * 8", "dayOfWeek", "7"],
    ["30-10 * * * *", "minute", "10-30"],
    ["*/0 * * * *", "minute", "*/1"],
    ["*/61 * * * *", "minute", "*/59"],
    ["0 0 * * MON#6", "dayOfWeek", "MON#1"],
    ["@dayly", "expression", "@daily"],
  ])("%s is refused for its %s, with %s near", (expression, field, nearest) => {
    const error = refusal(expression);
    expect(error.fields).toMatchObject({ field, nearest });
    expect(error.hint).toContain(nearest);
  });

  test.each([
    ["", "expression"],
    ["* * *", "expression"],
    ["* * * * * * *", "expression"],
    ["@reboot", "expression"],
    [7, "expression"],
    [null, "expression"],
    ["x".repeat(300), "expression"],
    ["1,,2 * * * *", "minute"],
    ["1-2-3 * * * *", "minute"],
    ["1/2/3 * * * *", "minute"],
    ["-1 * * * *", "minute"],
    ["1.5 * * * *", "minute"],
    ["*,5 * * * *", "minute"],
    ["? * * * *", "minute"],
    ["0 0 15W * *", "dayOfMonth"],
    ["0 0 L,15 * *", "dayOfMonth"],
    ["0 0 * * L", "dayOfWeek"],
    ["H * * * *", "minute"],
  ])("%j is refused for its %s", (expression, field) => {
    expect(refusal(expression).fields.field).toBe(field);
  });

  test("is refused with the nearest zone and the policies there are", () => {
    expect(refusal("@daily", { timezone: "Europe/Pari" }).fields).toMatchObject({
      field: "timezone",
      nearest: "Europe/Paris",
    });
    expect(refusal("@daily", { dst: { gap: "leap" } }).fields.field).toBe("dst.gap");
    expect(refusal("@daily", { dst: { fold: "twice" } }).fields.field).toBe("dst.fold");
    expect(() => new CronExpression("@daily", { zone: "UTC" } as object)).toThrow('no option "zone"');
  });
});

describe("when clocks go forward", () => {
  const night = "2030-03-30T12:00:00Z";

  test("a time that does not exist is shifted, once", () => {
    expect(due("30 2 * * *", night, 2, "Europe/Paris")).toEqual(["2030-03-31T01:30Z", "2030-04-01T00:30Z"]);
  });

  test("or left out", () => {
    expect(due("30 2 * * *", night, 1, "Europe/Paris", { gap: "skip" })).toEqual(["2030-04-01T00:30Z"]);
  });

  test("what is due every half hour is due every half hour", () => {
    expect(due("*/30 * * * *", "2030-03-31T00:00:00Z", 4, "Europe/Paris")).toEqual([
      "2030-03-31T00:30Z",
      "2030-03-31T01:00Z",
      "2030-03-31T01:30Z",
      "2030-03-31T02:00Z",
    ]);
  });
});

describe("when clocks go back", () => {
  const night = "2030-10-26T12:00:00Z";

  test("a time that comes twice is due the first time", () => {
    expect(due("30 2 * * *", night, 2, "Europe/Paris")).toEqual(["2030-10-27T00:30Z", "2030-10-28T01:30Z"]);
  });

  test("or the last, or both", () => {
    expect(due("30 2 * * *", night, 1, "Europe/Paris", { fold: "last" })).toEqual(["2030-10-27T01:30Z"]);
    expect(due("30 2 * * *", night, 2, "Europe/Paris", { fold: "both" })).toEqual([
      "2030-10-27T00:30Z",
      "2030-10-27T01:30Z",
    ]);
  });

  test("what is due every hour goes through both", () => {
    expect(due("0 * * * *", "2030-10-26T23:30:00Z", 3, "Europe/Paris")).toEqual([
      "2030-10-27T00:00Z",
      "2030-10-27T01:00Z",
      "2030-10-27T02:00Z",
    ]);
  });

  test("what is due every second is found as fast as ever", () => {
    const each = new CronExpression("* * * * * *", { timezone: "Europe/Paris" });
    const from = new Date("2030-10-27T00:59:00Z");
    expect(each.preview(10_000, from).at(-1)?.getTime()).toBe(from.getTime() + 10_000_000);
  });
});
