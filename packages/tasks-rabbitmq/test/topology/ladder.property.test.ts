import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nextRung, RUNG_WAITS } from "../../src/topology/ladder.ts";

const DAY_MS = 86_400_000;

/** The rungs of a whole wait, when each hop takes no time. */
function climb(waitMs: number): number[] {
  const rungs: number[] = [];
  for (let left = waitMs; left > 0; left -= rungs.at(-1)!) rungs.push(nextRung(left));
  return rungs;
}

describe("the ladder of delays", () => {
  test("never ends a wait early, and at most 50 ms late, over rungs that there are", () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(10_000), fc.nat(100 * DAY_MS)), (waitMs) => {
        const rungs = climb(waitMs);
        const lateMs = rungs.reduce((sum, rung) => sum + rung, 0) - waitMs;
        expect(lateMs).toBeGreaterThanOrEqual(0);
        expect(lateMs).toBeLessThanOrEqual(50);
        for (const rung of rungs) expect(RUNG_WAITS).toContain(rung);
      }),
    );
  });

  test("takes few rungs: one for each digit of the wait in binary, at most", () => {
    fc.assert(
      fc.property(fc.nat(19 * DAY_MS), (waitMs) => {
        expect(climb(waitMs).length).toBeLessThanOrEqual(RUNG_WAITS.length);
      }),
    );
  });

  test.each([
    [0, 50],
    [50, 50],
    [51, 100],
    [100, 100],
    [140, 100],
    [160, 200],
    [1_600, 1_600],
    [3_600_000, 3_276_800],
  ])("puts a wait of %i ms on the rung of %i", (waitMs, rung) => {
    expect(nextRung(waitMs)).toBe(rung);
  });
});
