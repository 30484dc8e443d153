import { expect, test } from "vitest";
import { SkewedClock } from "../src/processes/skewed-clock.ts";

test("a skewed clock has a wrong wall clock, and true spans", () => {
  const clock = new SkewedClock();
  const ahead = (): number => clock.now() - Date.now();
  expect(Math.abs(ahead())).toBeLessThan(1_000);
  clock.skewMs = 3_600_000;
  expect(Math.abs(ahead() - 3_600_000)).toBeLessThan(1_000);
  expect(Math.abs(clock.monotonic() - performance.now())).toBeLessThan(1_000);
});
