import {
  judgeQueueCase,
  judgeStateCase,
  queueCases,
  type QueueHarness,
  stateCases,
  type StateHarness,
  uniqueName,
} from "@lexigram/conformance";
import { systemClock, type TaskQueueProtocol } from "@lexigram/contracts";
import { describe, test } from "vitest";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { MemoryStateStore } from "../../src/memory/memory-state-store.ts";

/** What the harness of a server looks like: one for all cases, and time that passes by itself. */
function serverLikeQueueHarness(): QueueHarness {
  const backend = memoryBackend();
  const again = (queue: TaskQueueProtocol): TaskQueueProtocol => backend.queue(queue.name);
  return {
    name: "memory in real time",
    // Wide enough for a machine that is busy with other tests.
    unitMs: 250,
    open: async () => backend.queue(uniqueName("queue")),
    peer: async (queue) => again(queue),
    reopen: async (queue) => {
      await queue.close();
      return again(queue);
    },
    dispose: () => backend.close(),
  };
}

function serverLikeStateHarness(): StateHarness {
  const store = new MemoryStateStore({ clock: systemClock });
  const connect = (): MemoryStateStore => new MemoryStateStore({ clock: systemClock, data: store.data });
  return {
    name: "memory in real time",
    // Wide enough for a machine that is busy with other tests.
    unitMs: 250,
    open: async () => connect(),
    peer: async () => connect(),
    reopen: async (subject) => {
      await subject.close();
      return connect();
    },
    dispose: () => store.close(),
  };
}

describe.concurrent("cases on a store whose time cannot be moved", () => {
  test("pass in parallel, all queues on one backend", async ({ expect }) => {
    const harness = serverLikeQueueHarness();
    const reports = await Promise.all(queueCases.map((c) => judgeQueueCase(c, harness)));
    await harness.dispose();
    expect(reports.flatMap((r) => (r.outcome === "failed" ? [r.error.message] : []))).toEqual([]);
  });

  test("pass in parallel, all state in one store", async ({ expect }) => {
    const harness = serverLikeStateHarness();
    const reports = await Promise.all(stateCases.map((c) => judgeStateCase(c, harness)));
    await harness.dispose();
    expect(reports.flatMap((r) => (r.outcome === "failed" ? [r.error.message] : []))).toEqual([]);
  });
});
