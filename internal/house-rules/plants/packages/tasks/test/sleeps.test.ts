// breaks: tests-never-sleep
import { expect, test } from "vitest";

test("waits and hopes", async () => {
  await new Promise((resolve) => {
    setTimeout(resolve, 1);
  });
  expect(1).toBe(1);
});
