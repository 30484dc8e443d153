import { describe, expect, test } from "vitest";
import { nearest, unknownKeys } from "@lexigram/contracts";

describe("nearest", () => {
  const known = ["timeout", "maxRetries", "priority", "workerCount"];

  test.each([
    ["timout", "timeout"],
    ["maxretries", "maxRetries"],
    ["priorty", "priority"],
    ["workerCout", "workerCount"],
    ["tiemout", "timeout"],
  ])("finds what %j meant", (typed, meant) => {
    expect(nearest(typed, known)).toBe(meant);
  });

  test("says nothing when nothing is near", () => {
    expect(nearest("colour", known)).toBeUndefined();
    expect(nearest("x", [])).toBeUndefined();
  });
});

describe("unknownKeys", () => {
  test("lists what is not known, each with its nearest name", () => {
    const options = { timeout: 1, timout: 2, colour: 3 };
    expect(unknownKeys(options, ["timeout", "priority"])).toEqual([
      { key: "timout", nearest: "timeout" },
      { key: "colour", nearest: undefined },
    ]);
  });
});
