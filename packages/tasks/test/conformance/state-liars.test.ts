import { brokenStateLaws, lyingStateHarness, stateCases, stateLiars } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { memoryStateHarness } from "./memory-state-harness.ts";

describe("a state store", () => {
  for (const liar of stateLiars)
    test(`that ${liar.name} breaks ${liar.breaks.join(", ")} and nothing else`, async () => {
      expect(await brokenStateLaws(stateCases, lyingStateHarness(liar, memoryStateHarness))).toEqual(
        liar.breaks,
      );
    });

  test("that lies in one way breaks one law, or says why more", () => {
    const silent = stateLiars.filter(({ breaks, because }) => breaks.length !== 1 && because === undefined);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});
