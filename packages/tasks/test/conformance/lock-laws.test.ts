import {
  IdleClock,
  judgeLockCase,
  lockCases,
  type LockHarness,
  lockLiars,
  lyingStoresHarness,
  title,
  uniqueName,
} from "@lexigram/conformance";
import { describe, test } from "vitest";
import { MemoryStateStore } from "../../src/index.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { lockProcess } from "../lock/lock-subject.ts";

/** Queue objects and stores over the same data are to each other what connections to one server are. */
function memoryLockHarness(): LockHarness {
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
    ...lockProcess(() => backend),
    waiting: ({ queue }) => queue.count("pending"),
    dispose: async () => clock.stop(),
  };
}

describe.concurrent("locks over memory", () => {
  for (const c of lockCases)
    test(`${title(c)}`, async ({ expect }) => {
      const report = await judgeLockCase(c, memoryLockHarness);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});

describe.concurrent("a store under locks", () => {
  for (const liar of lockLiars)
    test(`that ${liar.name} breaks ${liar.breaks.join(", ")} and nothing else`, async ({ expect }) => {
      const reports = await Promise.all(
        lockCases.map((c) => judgeLockCase(c, () => lyingStoresHarness(liar, memoryLockHarness()))),
      );
      const broken = reports.filter(({ outcome }) => outcome === "failed").map(({ law }) => law);
      expect([...new Set(broken)]).toEqual(liar.breaks);
    });
});
