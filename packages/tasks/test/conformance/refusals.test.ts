import {
  judgeQueueCase,
  lyingQueueHarness,
  queueCases,
  type QueueCase,
  type QueueLiar,
} from "@lexigram/conformance";
import {
  err,
  FULL_CAPABILITIES,
  type NewJob,
  type QueueCapabilities,
  UnsupportedError,
} from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { memoryQueueHarness } from "./memory-queue-harness.ts";

const unsupported = (capability: string): UnsupportedError =>
  new UnsupportedError({ subject: "queue", capability });

const reject = (capability: string) => (): Promise<never> => Promise.reject(unsupported(capability));

/** A queue that declares one ability absent, and refuses jobs that ask for it when it is told to. */
function lacking(
  capability: keyof QueueCapabilities,
  declared: Partial<QueueCapabilities>,
  asksForIt: (job: NewJob) => boolean,
): QueueLiar {
  return {
    name: `lacks ${capability}`,
    breaks: [],
    lie: () => (honest) => ({
      capabilities: { ...FULL_CAPABILITIES, ...declared },
      enqueueMany: async (jobs, options) => {
        const results = await honest.enqueueMany(jobs, options);
        return results.map((result, i) =>
          asksForIt(jobs[i] as NewJob) ? err(unsupported(capability)) : result,
        );
      },
      pause: reject("pause"),
      cancel: reject("cancel"),
    }),
  };
}

const first = (capability: string): QueueCase => {
  const found = queueCases.find((c) => c.needs?.length === 1 && c.needs[0] === capability);
  if (found === undefined) throw new Error(`no case needs ${capability} alone`);
  return found;
};

describe("a queue that lacks an ability", () => {
  test("passes by refusing jobs that ask for it", async () => {
    const modest = lacking("delay", { delay: false }, (job) => job.delayMs !== undefined);
    const report = await judgeQueueCase(first("delay"), lyingQueueHarness(modest, memoryQueueHarness));
    expect(report).toMatchObject({ outcome: "refused", capability: "delay" });
  });

  test("passes by rejecting calls that ask for it", async () => {
    const modest = lacking("cancel", { cancel: false }, () => false);
    const report = await judgeQueueCase(first("cancel"), lyingQueueHarness(modest, memoryQueueHarness));
    expect(report).toMatchObject({ outcome: "refused", capability: "cancel" });
  });

  test.each([
    "delay",
    "expiry",
    "unique",
    "lookup",
    "list",
    "update",
    "limits",
    "keyOrder",
    "fairness",
  ] as const)("fails when it declares %s absent and does it all the same", async (capability) => {
    const sly = lacking(capability, { [capability]: false }, () => false);
    const report = await judgeQueueCase(first(capability), lyingQueueHarness(sly, memoryQueueHarness));
    expect(report).toMatchObject({ outcome: "failed" });
    expect((report as { error?: Error }).error?.message).toContain(`${capability} is declared unsupported`);
  });

  test("is not judged by what only a stronger one promises, and the report says so", async () => {
    const weaker = lacking("capacity", { capacity: "approximate" }, () => false);
    const report = await judgeQueueCase(
      first("exact capacity"),
      lyingQueueHarness(weaker, memoryQueueHarness),
    );
    expect(report).toMatchObject({ outcome: "skipped", reason: "declared capacity: approximate" });
  });
});

describe("memory queue", () => {
  test("proves that it refuses what it declares absent: transactions", async () => {
    const reports = await Promise.all(
      queueCases.filter((c) => c.law === "Q-100").map((c) => judgeQueueCase(c, memoryQueueHarness)),
    );
    expect(reports.length).toBeGreaterThan(0);
    for (const report of reports)
      expect(report).toMatchObject({ outcome: "refused", capability: "transactions" });
  });
});
