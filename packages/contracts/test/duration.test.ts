import { describe, expect, expectTypeOf, test } from "vitest";
import { type Duration, milliseconds } from "@lexigram/contracts";

describe("milliseconds", () => {
  test.each([
    [0, 0],
    [1_500, 1_500],
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["7d", 604_800_000],
    ["1s500ms", 1_500],
    ["1500", 1_500],
  ])("reads %j as %d", (value, expected) => {
    expect(milliseconds(value)).toBe(expected);
  });

  test.each(["", "5 minutes", "abc", "30sec", "1.5h", "30m1h", "-5s", "0x10s", "5 s", " 5m", "1e3s", "5m5m"])(
    "refuses %j and says what it wants",
    (value) => {
      expect(() => milliseconds(value)).toThrow(
        expect.objectContaining({ code: "LEX_ERR_DURATION_INVALID", hint: expect.stringContaining('"30s"') }),
      );
    },
  );

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("refuses the number %d", (value) => {
    expect(() => milliseconds(value)).toThrow("is not a duration");
  });
});

describe("Duration", () => {
  test("takes literals the parser takes, and refuses what it refuses", () => {
    expectTypeOf<"30s">().toExtend<Duration>();
    expectTypeOf<"1h30m">().toExtend<Duration>();
    expectTypeOf<"250ms">().toExtend<Duration>();
    expectTypeOf<"5 minutes">().not.toExtend<Duration>();
    expectTypeOf<"1.5h">().not.toExtend<Duration>();
    expectTypeOf<"30m1h">().not.toExtend<Duration>();
    expectTypeOf<string>().not.toExtend<Duration>();
  });
});
