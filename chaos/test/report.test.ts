import { expect, test } from "vitest";
import { jsonLine, tableOf } from "../src/report.ts";
import { passedOutcome } from "./passed-outcome.ts";

const outcome = { ...passedOutcome, rerunMs: 15_400 };

test("a line of JSON begins with what every reader needs", () => {
  expect(jsonLine(outcome)).toMatch(
    /^\{"scenario":"worker-kill","store":"redis","accepted":5012,"completed":5012,"lost":0,"duplicates":1,"inFlightAtFaults":44,"faults":6,"resumeMs":120,"seed":42,"/,
  );
  expect(JSON.parse(jsonLine(outcome))).toEqual(outcome);
});

test("a table says what was missed, and where to look", () => {
  const bad = {
    ...outcome,
    scenario: "zombie",
    lost: 2,
    resumeMs: null,
    missed: ["2 accepted jobs never ended"],
    kept: "/tmp/x",
  };
  const measured = { ...outcome, scenario: "restart-no-persistence", safe: false, lost: 300 };
  const lines = tableOf([outcome, bad, measured]).split("\n");
  expect(lines[1]).toMatch(/^ok {7}worker-kill .*5,012 .* 120$/);
  expect(lines[2]).toMatch(/^MISSED {3}zombie .*–$/);
  expect(lines[3]).toBe("         2 accepted jobs never ended");
  expect(lines[4]).toBe("         its ledgers and logs: /tmp/x");
  expect(lines[5]).toMatch(/^measured restart-no-persistence/);
});
