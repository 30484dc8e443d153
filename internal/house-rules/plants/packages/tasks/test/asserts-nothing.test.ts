// breaks: vitest(expect-expect)
import { test } from "vitest";

test("looks busy", () => {
  const one = 1;
  return void one;
});
