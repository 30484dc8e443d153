import { TaskConfigError } from "@lexigram/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Backoff, backoffDelay, backoffOf } from "../../src/retry/backoff.ts";

const backoff = fc.record({
  strategy: fc.constantFrom("exponential" as const, "linear" as const, "fixed" as const),
  baseDelayMs: fc.nat(100_000),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  maxDelayMs: fc.nat(1_000_000),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
}) satisfies fc.Arbitrary<Backoff>;
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("a backoff", () => {
  test("is a whole number, never negative and never above its cap plus jitter", () => {
    fc.assert(
      fc.property(backoff, fc.integer({ min: 1, max: 10_000 }), chance, (given, attempt, random) => {
        const delay = backoffDelay(given, attempt, () => random);
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(Math.ceil(given.maxDelayMs * (1 + given.jitter)));
      }),
    );
  });

  test("never shrinks from one attempt to the next without jitter", () => {
    fc.assert(
      fc.property(backoff, fc.integer({ min: 1, max: 200 }), (given, attempt) => {
        const exact = { ...given, jitter: 0 };
        const [now, next] = [attempt, attempt + 1].map((n) => backoffDelay(exact, n, () => 0.5));
        expect(next).toBeGreaterThanOrEqual(now!);
      }),
    );
  });

  test("stays within its share of jitter around the exact wait", () => {
    fc.assert(
      fc.property(backoff, fc.integer({ min: 1, max: 50 }), chance, (given, attempt, random) => {
        const exact = backoffDelay({ ...given, jitter: 0 }, attempt, () => 0.5);
        const delay = backoffDelay(given, attempt, () => random);
        expect(Math.abs(delay - exact)).toBeLessThanOrEqual(exact * given.jitter + 1 + given.jitter);
      }),
    );
  });

  test("refuses what is out of range, naming the field", () => {
    const cases = [
      [{ factor: 0.5 }, "factor"],
      [{ jitter: 2 }, "jitter"],
      [{ strategy: "odd" as never }, "strategy"],
    ] as const;
    for (const [options, field] of cases) {
      expect(() => backoffOf(options, "retry")).toThrow(TaskConfigError);
      expect(() => backoffOf(options, "retry")).toThrow(
        expect.objectContaining({ fields: { path: `retry.${field}` } }),
      );
    }
  });
});
