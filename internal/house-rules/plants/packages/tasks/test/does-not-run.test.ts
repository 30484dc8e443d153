// breaks: vitest(no-disabled-tests)
import { expect, test } from "vitest";

test.skip("proves nothing", () => {
  expect(1).toBe(1);
});
