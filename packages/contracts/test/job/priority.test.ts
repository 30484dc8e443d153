import { describe, expect, test } from "vitest";
import { isPriority, Priority } from "@lexigram/contracts";

describe("priority", () => {
  test("has the ancestor's named levels", () => {
    expect(Priority).toEqual({ LOW: 0, NORMAL: 5, HIGH: 10, CRITICAL: 20 });
  });
  test.each([0, 1, 5, 20])("takes %d", (level) => expect(isPriority(level)).toBe(true));
  test.each([-1, 21, 1.5, Number.NaN, "5", undefined])("refuses %s", (level) =>
    expect(isPriority(level)).toBe(false),
  );
});
