import { expect, test } from "vitest";
import { isAsked, SYSTEMS } from "../src/systems.ts";

const asked = (...names: string[]): string[] =>
  Object.keys(SYSTEMS["postgres"] ?? {}).filter((key) => isAsked(key, new Set(names)));

test("a name means all variants of a system, a name with a variant that one", () => {
  expect(asked("pg-boss")).toEqual(["pg-boss", "pg-boss, batched", "pg-boss, fetch"]);
  expect(asked("ours/", "graphile-worker/batched")).toEqual(["ours", "graphile-worker, batched"]);
  expect(asked("ours/keepCompleted: 0", "spike")).toEqual(["spike", "ours, keepCompleted: 0"]);
  expect(asked("pg")).toEqual([]);
  expect(isAsked("ours", undefined)).toBe(true);
});
