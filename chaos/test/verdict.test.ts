import { describe, expect, test } from "vitest";
import type { Figures } from "../src/accounts/figures.ts";
import { type Bars, type Findings, missedBars } from "../src/accounts/verdict.ts";

const good: Figures = {
  accepted: 5_000,
  completed: 5_000,
  lost: 0,
  duplicates: 3,
  inFlightAtFaults: 40,
  settlingAtFaults: 4,
  enqueuedAtFaults: 0,
  faults: 6,
  faultsInFlight: 6,
  resumeMs: 900,
  rerunMs: 15_100,
  unknown: 2,
  phantoms: 0,
  settledTwice: 0,
  fenced: 4,
  burned: 0,
};
const quiet: Findings = { unsettled: 0, crashes: [], outOfTime: false };
const bars: Bars = {
  accepted: 5_000,
  faultsInFlight: 5,
  safe: true,
  duplicates: "in flight",
  resumeMs: 5_000,
  fenced: true,
};
const unsafe: Bars = { accepted: 5_000, faultsInFlight: 5, safe: false, duplicates: "any" };

describe("a verdict", () => {
  test("on a good run misses nothing", () => {
    expect(missedBars(good, quiet, bars)).toEqual([]);
  });

  test.each<[string, Partial<Figures>]>([
    ["1 accepted jobs never ended", { lost: 1, completed: 4_999 }],
    ["41 duplicates, more than 40", { duplicates: 41 }],
    ["4 faults found a job in flight", { faultsInFlight: 4 }],
    ["4999 jobs accepted", { accepted: 4_999 }],
    ["a consumer paused for 5001 ms", { resumeMs: 5_001 }],
    ["no consumer was left to resume", { resumeMs: null }],
    ["1 jobs ran that were not accepted", { phantoms: 1 }],
    ["1 jobs were finished by two attempts", { settledTwice: 1 }],
    ["no attempt was fenced", { fenced: 0 }],
    ["2 runs cost an attempt of a job that never failed", { burned: 2 }],
  ])("says that %s", (words, figures) => {
    expect(missedBars({ ...good, ...figures }, quiet, bars)).toEqual([expect.stringContaining(words)]);
  });

  test.each<[string, Partial<Findings>]>([
    ["2 accepted jobs are not completed in the store", { unsettled: 2 }],
    ["the store could not be asked", { unsettled: undefined }],
    ["a worker ended by itself", { crashes: ["a worker ended by itself with 1"] }],
    ["a job ran 4 times", { others: ["a job ran 4 times"] }],
    ["took longer than it may", { outOfTime: true }],
  ])("says that %s", (words, findings) => {
    expect(missedBars(good, { ...quiet, ...findings }, bars)).toEqual([expect.stringContaining(words)]);
  });

  test("where nothing may run twice refuses one duplicate", () => {
    expect(missedBars({ ...good, duplicates: 1 }, quiet, { ...bars, duplicates: "none" })).toEqual([
      "1 duplicates, more than 0",
    ]);
  });

  test("on a store that forgets calls lets what was under way at a fault be stored or finished twice", () => {
    const forgetful: Bars = { ...bars, forgets: true };
    const figures = { ...good, enqueuedAtFaults: 10, duplicates: 50, settledTwice: 14 };
    expect(missedBars(figures, quiet, forgetful)).toEqual([]);
    expect(missedBars({ ...figures, duplicates: 51, settledTwice: 15 }, quiet, forgetful)).toEqual([
      "15 jobs were finished by two attempts",
      "51 duplicates, more than 50",
    ]);
    expect(missedBars(figures, quiet, bars)).toHaveLength(2);
  });

  test("on settings that may lose jobs lets them lose", () => {
    const figures = { ...good, lost: 700, completed: 4_300, duplicates: 90, phantoms: 1, resumeMs: null };
    expect(missedBars(figures, { ...quiet, unsettled: 700 }, unsafe)).toEqual([]);
  });

  test("on settings that may lose jobs still wants a run that says something", () => {
    const figures = { ...good, accepted: 4_000, faultsInFlight: 0 };
    expect(missedBars(figures, { ...quiet, crashes: ["a crash"] }, unsafe)).toHaveLength(3);
  });
});
