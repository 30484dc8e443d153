import { runStateCase, stateCases, title } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { memoryStateHarness } from "./memory-state-harness.ts";

describe("memory state store", () => {
  for (const c of stateCases)
    test(`${title(c)}`, async ({ skip }) => {
      const report = await runStateCase(c, memoryStateHarness);
      if (report.outcome === "skipped") skip(report.reason);
      expect(report).toMatchObject({ law: c.law, harness: "memory", outcome: "passed" });
    });
});
