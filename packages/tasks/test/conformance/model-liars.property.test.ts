import { lyingQueueHarness, queueLiars } from "@lexigram/conformance";
import { followsModel, queueCommands } from "@lexigram/conformance/properties";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { memoryQueueHarness } from "./memory-queue-harness.ts";

/** Lies about what random commands can see: no results, no reopening, no waiting, no listing, no rates. */
const visible = [
  "has no fence",
  "settles twice",
  "delivers a delayed job early",
  "swaps priorities",
  "delivers last in, first out",
  "accepts a duplicate",
  "ignores the delay of a retry",
  "burns an attempt with a deferral",
  "ignores pause",
  "counts a barrier twice",
  "allows a recovery too many",
  "applies a resent exchange again",
  "stores a resent enqueue again",
  "hands out again what was settled",
  "takes what is claimed ahead for started",
  "extends leases by half",
  "answers refusals last, whatever their position",
  "tells too late when work is due",
  "tells of a cancellation once",
  "lets go of a unique key at the start",
  "tells unknown of a finished job",
  "has a limit off by one",
  "has a limit of keys off by one",
  "takes a job more than it holds",
];

describe("the model", () => {
  for (const name of visible)
    test(`notices a queue that ${name}`, { timeout: 60_000 }, async () => {
      const liar = queueLiars.find((l) => l.name === name);
      if (liar === undefined) throw new Error(`there is no liar that ${name}`);
      const details = await fc.check(
        fc.asyncProperty(queueCommands(), (commands) =>
          followsModel(commands, lyingQueueHarness(liar, memoryQueueHarness)),
        ),
        { numRuns: 3_000, seed: 20_261_120, endOnFailure: true },
      );
      expect(details.failed).toBe(true);
    });
});
