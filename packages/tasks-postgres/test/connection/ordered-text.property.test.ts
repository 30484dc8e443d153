import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromOrderedText, toOrderedText } from "../../src/connection/ordered-text.ts";

/** Any code units, halves of surrogate pairs among them, mostly of the kinds where orders differ. */
const unit = fc.oneof(
  fc.constantFrom(
    0,
    1,
    2,
    0x61,
    0x7f,
    0x80,
    0xd7ff,
    0xd800,
    0xdbff,
    0xdc00,
    0xdfff,
    0xe000,
    0xf7ff,
    0xf800,
    0xfeff,
    0xffff,
  ),
  fc.integer({ min: 0, max: 0xffff }),
);
const text = fc.array(unit, { maxLength: 8 }).map((units) => String.fromCharCode(...units));

const bytes = (t: string): Buffer => Buffer.from(toOrderedText(t));

describe("an ordered text", () => {
  test("comes back from UTF-8 as it was", () => {
    fc.assert(
      fc.property(text, (t) => {
        expect(fromOrderedText(bytes(t).toString())).toBe(t);
      }),
    );
  });

  test("orders by bytes as texts order by code units", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const expected = a === b ? 0 : a < b ? -1 : 1;
        expect(Buffer.compare(bytes(a), bytes(b))).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  test("begins with a prefix when the text does", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(bytes(a + b).subarray(0, bytes(a).length)).toEqual(bytes(a));
        expect(bytes(a).toString("latin1").startsWith(bytes(b).toString("latin1"))).toBe(a.startsWith(b));
      }),
      { numRuns: 2_000 },
    );
  });

  test("never holds what PostgreSQL has no character for, nor more than an index holds", () => {
    fc.assert(
      fc.property(text, (t) => {
        expect(bytes(t).includes(0)).toBe(false);
        expect(bytes(t).length).toBeLessThanOrEqual(4 * t.length);
      }),
    );
  });
});
