import { brokenQueueLaws, lyingQueueHarness, queueCases, queueLiars } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { memoryQueueHarness } from "./memory-queue-harness.ts";

describe("a queue", () => {
  for (const liar of queueLiars)
    test(`that ${liar.name} breaks ${liar.breaks.join(", ")} and nothing else`, async () => {
      expect(await brokenQueueLaws(queueCases, lyingQueueHarness(liar, memoryQueueHarness))).toEqual(
        liar.breaks,
      );
    });

  test("that lies in one way breaks one law, or says why more", () => {
    const silent = queueLiars.filter(({ breaks, because }) => breaks.length !== 1 && because === undefined);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});
