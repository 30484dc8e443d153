import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatDuration, milliseconds } from "@lexigram/contracts";

describe("duration", () => {
  test("reads back every span that it writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (ms) => {
        expect(milliseconds(formatDuration(ms))).toBe(ms);
      }),
    );
  });

  test("adds up its units", () => {
    const n = fc.integer({ min: 0, max: 999 });
    fc.assert(
      fc.property(n, n, n, (d, h, m) => {
        expect(milliseconds(`${d}d${h}h${m}m`)).toBe(((d * 24 + h) * 60 + m) * 60_000);
      }),
    );
  });

  test("gives a whole number of milliseconds or a typed error for any text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9dhms. -]{0,8}$/)), (text) => {
        try {
          expect(Number.isSafeInteger(milliseconds(text))).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: "LEX_ERR_DURATION_INVALID", fields: { value: text } });
        }
      }),
    );
  });
});
