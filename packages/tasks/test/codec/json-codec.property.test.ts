import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodecRegistry } from "../../src/job/codec-registry.ts";
import { dataIssue, isDeeperThan, looksLikeData } from "../../src/job/payload-data.ts";

const codecs = new CodecRegistry();
/** JSON has no negative zero, and `__proto__` is dropped on purpose. */
const data = fc
  .jsonValue()
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
  .filter((value) => !JSON.stringify(value).includes("__proto__"));
const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: false,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withTypedArray: true,
});

describe("the JSON codec", () => {
  test("brings any data back as it was", () => {
    fc.assert(
      fc.property(data, (input) => {
        const value = codecs.decode(codecs.encode({ v: 1, input }, "x")).input;
        expect(value).toEqual(input);
      }),
    );
  });

  test("writes a value or refuses it, and never writes what it calls no data", () => {
    fc.assert(
      fc.property(anything, (value) => {
        const issue = dataIssue(value, 64);
        if (issue === undefined) codecs.encodeValue(value, "x");
        else expect(() => codecs.encodeValue(value, "x")).toThrow(issue.message);
      }),
    );
  });

  test("looks quickly and closely to the same end", () => {
    fc.assert(
      fc.property(anything, fc.nat(8), (value, depth) => {
        if (looksLikeData(value, depth)) expect(dataIssue(value, depth)).toBeUndefined();
      }),
    );
  });

  test("counts levels alike when writing and reading", () => {
    fc.assert(
      fc.property(data, fc.nat(6), (value, depth) => {
        expect(isDeeperThan(value, depth)).toBe(dataIssue(value, depth) !== undefined);
      }),
    );
  });

  test("answers any text with a value or a refusal", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          codecs.decode({ data: text, encoding: "json" });
        } catch (error) {
          expect(error).toMatchObject({ code: "LEX_ERR_TASK_VALIDATION" });
        }
      }),
    );
  });
});
