import { describe, expect, test } from "vitest";
import {
  INITIAL_STATES,
  isLegalMove,
  isTerminal,
  isUnstarted,
  JOB_STATES,
  type JobState,
  LEGAL_MOVES,
  publicStatus,
} from "@lexigram/contracts";

describe("job states", () => {
  test("only lead on to each other, and each can be reached", () => {
    const seen = new Set<JobState>(INITIAL_STATES);
    for (const state of seen) for (const next of LEGAL_MOVES[state]) seen.add(next);
    expect([...seen].toSorted()).toEqual([...JOB_STATES].toSorted());
  });

  test("that are terminal lead nowhere, but for a redrive of a failed job", () => {
    const moves = JOB_STATES.filter(isTerminal).map((state) => [state, LEGAL_MOVES[state]]);
    expect(Object.fromEntries(moves)).toEqual({
      completed: [],
      failed: ["pending"],
      cancelled: [],
      expired: [],
    });
  });

  test("are either unstarted, running or terminal", () => {
    for (const state of JOB_STATES)
      expect([isUnstarted(state), state === "running", isTerminal(state)].filter(Boolean)).toHaveLength(1);
  });

  test("never lead from an unstarted job to a settled one", () => {
    for (const from of JOB_STATES)
      if (isUnstarted(from)) {
        expect(isLegalMove(from, "completed")).toBe(false);
        expect(isLegalMove(from, "failed")).toBe(false);
      }
  });

  test("show a scheduled job that has run as retrying", () => {
    expect(publicStatus("scheduled", 0)).toBe("scheduled");
    expect(publicStatus("scheduled", 2)).toBe("retrying");
    expect(publicStatus("pending", 2)).toBe("pending");
  });
});
