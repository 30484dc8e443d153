import { describe, expect, test } from "vitest";
import { trendOf } from "../src/soak/trend.ts";

const MINUTE = 60_000;
const series = (values: readonly number[]) => values.map((value, i) => ({ at: i * MINUTE, value }));

describe("a trend", () => {
  test("of a line that rises is its slope, and does not hold", () => {
    const trend = trendOf(series(Array.from({ length: 61 }, (_, i) => 100 + i)), 5);
    expect(trend).toMatchObject({ first: 115, last: 160, most: 160, holds: false });
    expect(trend.perHour).toBeCloseTo(60);
    expect(trend.growth).toBeCloseTo(45);
  });

  test("of what goes up and down is level", () => {
    const trend = trendOf(series(Array.from({ length: 60 }, (_, i) => 100 + (i % 2) * 10)), 5);
    expect(trend.holds).toBe(true);
    expect(Math.abs(trend.growth)).toBeLessThan(2);
  });

  test("leaves out the beginning, in which everything fills up", () => {
    const values = [
      ...Array.from({ length: 10 }, (_, i) => i * 50),
      ...Array.from({ length: 30 }, () => 500),
    ];
    expect(trendOf(series(values), 1)).toMatchObject({ growth: 0, holds: true });
  });

  test("may grow by its noise, or by a twentieth, whichever is more", () => {
    const rising = (by: number, from: number) =>
      series(Array.from({ length: 41 }, (_, i) => from + (by * i) / 30));
    expect(trendOf(rising(9, 100), 10).holds).toBe(true);
    expect(trendOf(rising(11, 100), 10).holds).toBe(false);
    expect(trendOf(rising(45, 1_000), 10).holds).toBe(true);
    expect(trendOf(rising(60, 1_000), 10).holds).toBe(false);
  });

  test("that falls holds", () => {
    expect(trendOf(series([10, 10, 8, 4, 2]), 1).holds).toBe(true);
  });

  test("of one look there is none", () => {
    expect(() => trendOf(series([1]), 1)).toThrow(RangeError);
  });
});
