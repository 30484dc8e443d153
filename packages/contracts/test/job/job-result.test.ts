import { describe, expect, test } from "vitest";
import { JobResult } from "@lexigram/contracts";

describe("JobResult", () => {
  test("keeps what a job returned, also nothing and falsy values", () => {
    expect(JobResult.ok(0, 12)).toMatchObject({ success: true, data: 0, durationMs: 12, error: undefined });
    expect(JobResult.ok()).toMatchObject({ success: true, data: undefined, durationMs: 0 });
  });

  test("keeps what a job threw as data", () => {
    expect(JobResult.fail(new TypeError("bad"), { retryCount: 2, durationMs: 3 })).toMatchObject({
      success: false,
      error: { name: "TypeError", message: "bad" },
      retryCount: 2,
      durationMs: 3,
    });
    expect(JobResult.fail({ name: "E", message: "data" }).error).toEqual({ name: "E", message: "data" });
  });

  test("reads back what it wrote and ignores what it does not know", () => {
    for (const result of [JobResult.ok({ a: 1 }, 5), JobResult.fail({ name: "E", message: "m" })]) {
      const wire = { ...JSON.parse(JSON.stringify(result)), later: true };
      expect(JobResult.fromJSON(wire)).toEqual(result);
    }
  });
});
