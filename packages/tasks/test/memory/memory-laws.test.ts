import {
  ManualClock,
  type QueueCase,
  type QueueHarness,
  queueCases,
  runQueueCase,
  title,
} from "@lexigram/conformance";
import type { TaskQueueProtocol } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { memoryBackend } from "../../src/memory/memory-backend.ts";

function memoryHarness(): QueueHarness {
  const clock = new ManualClock();
  const backend = memoryBackend({ clock });
  let opened = 0;
  const again = (queue: TaskQueueProtocol): TaskQueueProtocol => backend.queue(queue.name);
  return {
    name: "memory",
    clock,
    open: () => Promise.resolve(backend.queue(`laws-${++opened}`)),
    async reopen(queue) {
      await queue.close();
      return again(queue);
    },
    peer: (queue) => Promise.resolve(again(queue)),
    advance: (ms) => clock.advance(ms),
    dispose: () => backend.close(),
  };
}

function expectedOf(c: QueueCase): string {
  if (c.needs?.includes("transactions") === true) return "refused";
  return c.harness === undefined ? "passed" : "skipped";
}

describe("the memory queue under the laws of queues", () => {
  test.each(queueCases.map((c) => ({ promise: title(c), c })))("$promise", async ({ c }) => {
    const report = await runQueueCase(c, memoryHarness);
    expect(report.outcome).toBe(expectedOf(c));
  });
});
