import { queueCases, runQueueCase, title } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { memoryQueueHarness } from "./memory-queue-harness.ts";

describe("memory queue", () => {
  for (const c of queueCases)
    test(`${title(c)}`, async ({ annotate, skip }) => {
      const report = await runQueueCase(c, memoryQueueHarness);
      if (report.outcome === "skipped") skip(report.reason);
      if (report.outcome === "refused") await annotate(`${report.capability} is absent, and refused`);
      expect(report).toMatchObject({ law: c.law, harness: "memory" });
    });
});
