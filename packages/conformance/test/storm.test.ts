import type { JobId, JobStatus } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { type StormLedger, stormFaults, sumOf } from "../src/index.ts";

const told = (given: Partial<StormLedger>): StormLedger => ({
  calls: 0,
  accepted: [],
  completed: [],
  failed: [],
  stopped: [],
  deleted: [],
  cleared: 0,
  redriven: 0,
  troubles: {},
  faults: [],
  ...given,
});

const faults = (given: Partial<StormLedger>, stored: Readonly<Record<JobId, JobStatus>> = {}): string[] =>
  stormFaults(told(given), new Map(Object.entries(stored)));

describe("what callers were told in a storm", () => {
  test("fits what is stored when every job is there, or went as somebody was told", () => {
    const accepted = [
      "plain-1",
      "plain-2",
      "plain-3",
      "doomed-1",
      "unique-1",
      "expiring-1",
      "shared-1",
      "shared-1",
    ];
    // One of the same id was deleted before the other came, and nobody learnt that plain-3 was cleared.
    const ends = {
      completed: ["plain-1", "shared-1"],
      failed: ["doomed-1"],
      deleted: ["plain-2", "shared-1"],
    };
    expect(
      faults(
        { accepted, ...ends, cleared: 1 },
        {
          "plain-1": "completed",
          "doomed-1": "failed",
          "unique-1": "cancelled",
          "expiring-1": "expired",
          "shared-1": "completed",
        },
      ),
    ).toEqual([]);
  });

  const one = { accepted: ["plain-1"] };
  test.each<[string, Partial<StormLedger>, Record<JobId, JobStatus>, RegExp]>([
    ["a job is gone", one, {}, /^1 jobs are gone .*; 0 were cleared$/],
    ["more were cleared than are gone", { cleared: 2 }, {}, /^0 jobs are gone .*; 2 were cleared$/],
    ["a job was made up", {}, { "plain-1": "completed" }, /never accepted/],
    ["a job was completed twice", { ...one, completed: ["plain-1", "plain-1"] }, {}, /completed 2 times/],
    [
      "a deleted job is there",
      { ...one, deleted: ["plain-1"] },
      { "plain-1": "cancelled" },
      /deleted 1 times/,
    ],
    ["a job is not over", one, { "plain-1": "running" }, /is not over/],
    ["nobody completed it", one, { "plain-1": "completed" }, /completed by nobody/],
    ["nobody failed it", one, { "plain-1": "failed" }, /failed by nobody/],
    ["nobody cancelled it", one, { "plain-1": "cancelled" }, /cancelled by nobody/],
    [
      "a completed job ended again",
      { ...one, completed: ["plain-1"] },
      { "plain-1": "failed" },
      /had been completed/,
    ],
    ["a job expired that had all the time", one, { "plain-1": "expired" }, /no time/],
    ["a caller saw a fault", { faults: ["-1 jobs were counted as running"] }, {}, /-1 jobs/],
  ])("does not fit where %s", (_, given, stored, says) => {
    expect(faults(given, stored)).toContainEqual(expect.stringMatching(says));
  });

  test("sums up over callers", () => {
    const [a, b] = [
      told({ calls: 2, accepted: ["a"], cleared: 1, troubles: { "40001": 1 } }),
      told({ calls: 3, accepted: ["b"], redriven: 2, troubles: { "40001": 2, "55P03": 1 }, faults: ["c"] }),
    ];
    expect(sumOf([a, b])).toEqual(
      told({
        calls: 5,
        accepted: ["a", "b"],
        cleared: 1,
        redriven: 2,
        troubles: { "40001": 3, "55P03": 1 },
        faults: ["c"],
      }),
    );
  });
});
