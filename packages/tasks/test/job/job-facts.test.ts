import { JOB_STATUSES } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import {
  canRetry,
  durationMs,
  isCompleted,
  isFailed,
  isPending,
  isRunning,
} from "../../src/job/job-facts.ts";

describe("facts of a job", () => {
  test("are true of exactly one status each", () => {
    const truths = [isPending, isRunning, isCompleted, isFailed].map((fact) =>
      JOB_STATUSES.filter((status) => fact({ status })),
    );
    expect(truths).toEqual([["pending"], ["running"], ["completed"], ["failed"]]);
  });

  test("allow a retry as long as attempts are left and the job is not over", () => {
    expect(canRetry({ status: "running", attempt: 3 }, 3)).toBe(true);
    expect(canRetry({ status: "running", attempt: 4 }, 3)).toBe(false);
    expect(canRetry({ status: "running", attempt: 1 }, 0)).toBe(false);
    expect(canRetry({ status: "pending", attempt: 0 }, 0)).toBe(true);
    expect(canRetry({ status: "failed", attempt: 1 }, 3)).toBe(false);
  });

  test("know a duration only of a job that was started and is over", () => {
    expect(durationMs({ status: "completed", startedAt: 100, finishedAt: 350 })).toBe(250);
    expect(durationMs({ status: "cancelled", finishedAt: 350 })).toBeUndefined();
    expect(durationMs({ status: "running", startedAt: 100 })).toBeUndefined();
    expect(durationMs({ status: "running", startedAt: 400, finishedAt: 350 })).toBeUndefined();
    expect(durationMs({ status: "failed", startedAt: 400, finishedAt: 350 })).toBe(0);
  });
});
