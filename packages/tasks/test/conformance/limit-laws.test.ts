import {
  IdleClock,
  judgeLimitCase,
  limitCases,
  type LimitHarness,
  limitLiars,
  lyingStoresHarness,
  title,
  uniqueName,
} from "@lexigram/conformance";
import { describe, test, vi } from "vitest";
import { MemoryStateStore } from "../../src/index.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { crewOn, limitersOn } from "../limit/limit-subject.ts";

vi.setConfig({ maxConcurrency: 20, testTimeout: 60_000 });

/** Queue objects and stores over the same data are to each other what connections to one server are. */
function memoryLimitHarness(): LimitHarness {
  const clock = new IdleClock();
  return {
    name: "memory",
    clock,
    async open() {
      const backend = memoryBackend({ clock });
      const [a, b] = [uniqueName("a"), uniqueName("b")];
      const { data } = backend.state as MemoryStateStore;
      return async () => ({
        queues: [backend.queue(a), backend.queue(b)],
        state: new MemoryStateStore({ clock, data }),
      });
    },
    ...limitersOn(clock),
    crew: (stores, settings) => crewOn(stores, settings, memoryBackend({ clock }), clock),
    dispose: async () => clock.stop(),
  };
}

describe.concurrent("limits over memory", () => {
  for (const c of limitCases)
    test(`${title(c)}`, async ({ expect }) => {
      const report = await judgeLimitCase(c, memoryLimitHarness);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});

describe("a state store under limits", () => {
  for (const liar of limitLiars)
    test(`that ${liar.name} breaks ${liar.breaks.join(", ")} and nothing else`, async ({ expect }) => {
      const reports = await Promise.all(
        limitCases.map((c) =>
          judgeLimitCase(c, () => lyingStoresHarness(liar, { ...memoryLimitHarness(), patienceMs: 10_000 })),
        ),
      );
      const broken = reports.flatMap((report) => (report.outcome === "failed" ? [report.law] : []));
      expect([...new Set(broken)]).toEqual(liar.breaks);
    });
});
