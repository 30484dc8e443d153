import { judgeQueueCase, queueCases, type QueueHarness, title } from "@lexigram/conformance";
import { afterAll, beforeAll, describe, test } from "vitest";
import { redisQueueHarness } from "./redis-queue-harness.ts";

let harness: QueueHarness;
beforeAll(() => {
  harness = redisQueueHarness({ unitMs: 250 });
});
afterAll(() => harness.dispose());

describe.concurrent("redis queue", () => {
  for (const c of queueCases)
    test(title(c), async ({ expect, skip }) => {
      const report = await judgeQueueCase(c, harness);
      if (report.outcome === "skipped") skip(report.reason);
      expect(report.outcome === "failed" ? report.error.message : undefined).toBeUndefined();
    });
});
