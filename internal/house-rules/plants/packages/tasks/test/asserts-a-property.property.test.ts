// breaks: nothing
import fc from "fast-check";
import { test } from "vitest";

test("asserts through the property runner", () => {
  fc.assert(fc.property(fc.integer(), (value) => value === value + 0));
});
