import {
  judgeScheduleCase,
  lyingStoresHarness,
  scheduleCases,
  type ScheduleHarness,
  scheduleLiars,
  title,
  uniqueName,
} from "@lexigram/conformance";
import { systemClock } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import {
  MemoryStateStore,
  QueueSet,
  SchedulerStore,
  TaskDispatcher,
  TaskScheduler,
} from "../../src/index.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { bindingOf } from "../dispatch/producer.ts";

/** Queue objects and stores over the same data are to each other what connections to one server are. */
function memoryScheduleHarness(): ScheduleHarness {
  return {
    name: "memory",
    async open() {
      const backend = memoryBackend({ clock: systemClock });
      const name = uniqueName("queue");
      const { data } = backend.state as MemoryStateStore;
      return async () => ({
        queue: backend.queue(name),
        state: new MemoryStateStore({ clock: systemClock, data }),
      });
    },
    scheduler({ queue, state }, clock) {
      const queues = new QueueSet([bindingOf(memoryBackend({ clock }), queue, { state })]);
      const dispatcher = new TaskDispatcher({ queues });
      const store = new SchedulerStore(state);
      return new TaskScheduler({ dispatcher, queues, store, clock, misfireThreshold: "1s" });
    },
    dispose: async () => {},
  };
}

describe("schedulers over memory", () => {
  for (const c of scheduleCases)
    test(`${title(c)}`, async () => {
      const report = await judgeScheduleCase(c, memoryScheduleHarness);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});

describe("a store under schedulers", () => {
  for (const liar of scheduleLiars)
    test(`that ${liar.name} breaks ${liar.breaks.join(", ")} and nothing else`, async () => {
      const broken = new Set<string>();
      for (const c of scheduleCases) {
        const report = await judgeScheduleCase(c, () => lyingStoresHarness(liar, memoryScheduleHarness()));
        if (report.outcome === "failed") broken.add(report.law);
      }
      expect([...broken]).toEqual(liar.breaks);
    });
});
