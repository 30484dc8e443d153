import { judgeQueueCase, type Need, queueCases, type QueueHarness, title } from "@lexigram/conformance";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { CAPABILITIES } from "../../src/queue/capabilities.ts";
import { rabbitServer } from "../rabbit-server.ts";
import { rabbitQueueHarness } from "./rabbit-queue-harness.ts";

const configurations = [
  { name: "rabbitmq quorum", type: "quorum" },
  { name: "rabbitmq classic", type: "classic" },
] as const;

// Cases mostly wait, in real time.
vi.setConfig({ maxConcurrency: 16, testTimeout: 120_000, hookTimeout: 120_000 });

/** Whether the manifest promises what a case takes for granted. */
function isPromised(need: Need): boolean {
  switch (need) {
    case "exact pause":
      return CAPABILITIES.pause === "exact";
    case "exact capacity":
      return CAPABILITIES.capacity === "exact";
    case "exact recoveries":
      return CAPABILITIES.recoveries === "exact";
    case "all priorities":
      return CAPABILITIES.priorities >= 21;
    case "priorities":
      return CAPABILITIES.priorities > 1;
    case "pause":
    case "capacity":
      return CAPABILITIES[need] !== "none";
    default:
      return CAPABILITIES[need] !== false;
  }
}

describe.concurrent.each(configurations)("$name under the laws of queues", ({ name, type }) => {
  const harnessOf = async (): Promise<QueueHarness> =>
    rabbitQueueHarness({ name, type, unitMs: 600, server: await rabbitServer() });
  let shared: QueueHarness;
  beforeAll(async () => {
    shared = await harnessOf();
  });
  afterAll(() => shared.dispose());

  for (const c of queueCases)
    test(`${title(c)}`, async ({ expect }) => {
      // A connection that is cut serves no other case.
      const report = await judgeQueueCase(c, c.harness === "sever" ? harnessOf : shared);
      const outcome = report.outcome === "failed" ? report.error.message : report.outcome;
      if (c.needs?.every(isPromised) ?? true) expect(outcome).toBe("passed");
      else expect(["refused", "skipped"]).toContain(outcome);
    });
});
