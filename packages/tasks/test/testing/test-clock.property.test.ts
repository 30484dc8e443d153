import fc from "fast-check";
import { expect, test } from "vitest";
import { TestClock } from "../../src/testing/test-clock.ts";

test("timers fire in the order of their moments, those of one moment as they were set, and taken back ones never", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ ms: fc.integer({ min: 1, max: 50 }), cancelled: fc.boolean() }), {
        maxLength: 40,
      }),
      fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 6 }),
      async (timers, moves) => {
        const clock = new TestClock();
        const fired: [number, number][] = [];
        const set = timers.map(({ ms }, i) => clock.setTimer(() => fired.push([clock.monotonic(), i]), ms));
        timers.forEach(({ cancelled }, i) => cancelled && set[i]?.cancel());
        for (const ms of moves) await clock.advance(ms);
        const end = moves.reduce((sum, ms) => sum + ms, 0);
        const expected = timers
          .map(({ ms, cancelled }, i) => ({ ms, i, cancelled }))
          .filter(({ ms, cancelled }) => !cancelled && ms <= end)
          .sort((a, b) => a.ms - b.ms || a.i - b.i)
          .map(({ ms, i }) => [ms, i]);
        expect(fired).toEqual(expected);
        expect(clock.monotonic()).toBe(end);
      },
    ),
    { numRuns: 60 },
  );
});
