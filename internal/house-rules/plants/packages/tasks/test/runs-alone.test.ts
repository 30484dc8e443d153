// breaks: vitest(no-focused-tests)
import { expect, test } from "vitest";

test.only("hides every other test", () => {
  expect(1).toBe(1);
});
