import {
  IdleClock,
  judgeWorkflowCase,
  lyingStoresHarness,
  title,
  uniqueName,
  workflowCases,
  type WorkflowHarness,
  workflowLiars,
} from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import { MemoryStateStore } from "../../src/index.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { workflowProcess } from "../workflow/workflow-subject.ts";

/** Queue objects and stores over the same data are to each other what connections to one server are. */
function memoryWorkflowHarness(): WorkflowHarness {
  const clock = new IdleClock();
  const backend = memoryBackend({ clock });
  return {
    name: "memory",
    clock,
    async open() {
      const name = uniqueName("queue");
      const { data } = backend.state as MemoryStateStore;
      return async () => ({
        queue: backend.queue(name),
        state: new MemoryStateStore({ clock, data }),
      });
    },
    process: workflowProcess(() => backend, clock),
    async dispose() {
      await backend.close();
      clock.stop();
    },
  };
}

describe("workflows over memory", { timeout: 60_000 }, () => {
  for (const c of workflowCases)
    test(`${title(c)}`, async () => {
      const report = await judgeWorkflowCase(c, memoryWorkflowHarness);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});

describe("a store under workflows", { timeout: 120_000 }, () => {
  for (const liar of workflowLiars)
    test(`that ${liar.name} breaks ${liar.breaks.join(", ")} and nothing else`, async () => {
      const broken = new Set<string>();
      for (const c of workflowCases) {
        const report = await judgeWorkflowCase(c, () =>
          lyingStoresHarness(liar, { ...memoryWorkflowHarness(), patienceMs: 4_000 }),
        );
        if (report.outcome === "failed") broken.add(report.law);
      }
      expect([...broken]).toEqual(liar.breaks);
    });
});
