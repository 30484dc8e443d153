import { describe, expect, test } from "vitest";
import { aJob, ManualClock } from "@lexigram/conformance";
import { MemoryTaskQueue } from "../../src/memory/memory-task-queue.ts";
import { waitForOutcome } from "../../src/results/result-waiter.ts";

const TEXT = { data: '"done"', encoding: "json" };

/** Completes jobs of a queue that keeps no records, some of which are waited for. */
async function endAll(count: number, waited: number, keepCompleted: 0 | { ageMs: number; count: number }) {
  const clock = new ManualClock();
  const queue = new MemoryTaskQueue({ clock, policy: { keepCompleted } });
  for (let i = 0; i < count; i++) await queue.enqueue(aJob({ id: `j${i}` }));
  const outcomes = Array.from({ length: waited }, (_, i) => waitForOutcome(queue, `j${i}`, { clock }));
  await clock.advance(0);
  const { deliveries } = await queue.exchange({
    session: "s",
    seq: 1,
    settle: [],
    started: [],
    claim: { slots: count, ahead: 0, leaseMs: 1_000, maxBytes: 1e9 },
  });
  await queue.exchange({
    session: "s",
    seq: 2,
    settle: deliveries.map(({ receipt }) => ({ receipt, kind: "complete", result: TEXT }) as const),
    started: [],
    claim: { slots: 0, ahead: 0, leaseMs: 1_000, maxBytes: 1e9 },
  });
  return { clock, queue, outcomes };
}

describe("records that are waited for", () => {
  test("reach every waiter that was there in time, also where none are kept", async () => {
    const { clock, outcomes, queue } = await endAll(10, 4, 0);
    await clock.advance(0);
    for (const outcome of await Promise.all(outcomes))
      expect(outcome).toMatchObject({ status: "completed", result: TEXT });
    // Nobody waited for the others: they were removed at once.
    expect((await queue.results(["j9"]))[0]?.status).toBe("unknown");
  });

  test("reach them when more end together than are kept", async () => {
    const { clock, outcomes } = await endAll(300, 300, { ageMs: 60_000, count: 5 });
    await clock.advance(0);
    const statuses = (await Promise.all(outcomes)).map((outcome) => outcome.status);
    expect(new Set(statuses)).toEqual(new Set(["completed"]));
  });

  test("are removed soon after, whether or not anybody reads", async () => {
    const { clock, queue, outcomes } = await endAll(3, 1, 0);
    await clock.advance(2_001);
    await Promise.all(outcomes);
    expect((await queue.stats()).counts.completed).toBe(0);
    expect(await queue.getJob("j0")).toBeUndefined();
  });
});
