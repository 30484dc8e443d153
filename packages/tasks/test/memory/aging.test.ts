import { describe, expect, test } from "vitest";
import { aJob, ManualClock } from "@lexigram/conformance";
import { MemoryTaskQueue } from "../../src/memory/memory-task-queue.ts";

const MINUTE = 60_000;

async function waiting(agingMs?: number): Promise<{
  clock: ManualClock;
  put: (id: string, priority: number, more?: Parameters<typeof aJob>[0]) => Promise<void>;
  next: () => Promise<string | undefined>;
  queue: MemoryTaskQueue;
}> {
  const clock = new ManualClock();
  const queue = new MemoryTaskQueue({ clock });
  if (agingMs !== undefined) await queue.setPolicy({ agingMs });
  return {
    clock,
    queue,
    put: async (id, priority, more) => {
      expect(await queue.enqueue(aJob({ id, priority, ...more }))).toMatchObject({ ok: true });
    },
    next: async () => (await queue.dequeue())?.job.id,
  };
}

describe("aging", () => {
  test("is off by default: levels are strict however long a job waits", async () => {
    const { clock, put, next } = await waiting();
    await put("old", 0);
    await clock.advance(1_000 * MINUTE);
    await put("new", 1);
    expect(await next()).toBe("new");
  });

  test("adds a level for each span, and not a moment before", async () => {
    const { clock, put, next } = await waiting(MINUTE);
    await put("old", 3);
    await clock.advance(3 * MINUTE - 1);
    await put("new", 6);
    await put("newer", 6);
    expect(await next()).toBe("new");
    await clock.advance(1);
    expect(await next()).toBe("old");
    expect(await next()).toBe("newer");
  });

  test("counts a delayed job's wait from the moment it is due", async () => {
    const { clock, put, next } = await waiting(MINUTE);
    await put("delayed", 3, { delayMs: 30 * MINUTE });
    await clock.advance(31 * MINUTE);
    await put("new", 5);
    expect(await next()).toBe("new");
  });

  test("begins anew when a job is redriven", async () => {
    const { clock, put, next, queue } = await waiting(MINUTE);
    await put("dead", 3);
    expect(await next()).toBe("dead");
    await queue.nack("dead", { requeue: false });
    await clock.advance(60 * MINUTE);
    await queue.deadLetters.retry("dead");
    await put("new", 4);
    expect(await next()).toBe("new");
  });

  test("applies to jobs that wait already, and to keys and limited tasks", async () => {
    const { clock, put, next, queue } = await waiting();
    await put("old", 1, { key: "k", task: "limited" });
    await clock.advance(10 * MINUTE);
    await put("new", 5);
    await queue.setPolicy({
      agingMs: MINUTE,
      perTask: { limited: { concurrency: 1 } },
      perKey: { fair: true },
    });
    expect(await next()).toBe("old");
  });
});
