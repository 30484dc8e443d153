import { describe, expect, test } from "vitest";
import { type Clock, systemRandom } from "@lexigram/contracts";
import { aJob } from "@lexigram/conformance";
import { MemoryTaskQueue } from "../../src/memory/memory-task-queue.ts";

/** A clock that stands between two milliseconds, as the machine's own does. */
function clockAt(time: { ms: number }): Clock {
  return {
    now: () => 1_700_000_000_000 + Math.floor(time.ms),
    monotonic: () => time.ms,
    setTimer: () => ({ cancel: () => {} }),
  };
}

async function startedAt(queue: MemoryTaskQueue): Promise<number> {
  let n = 0;
  while ((await queue.dequeue()) !== undefined) n++;
  return n;
}

describe("a rate on a clock of fractions", () => {
  test("gives the whole burst at once, and each token when it is due, not before", async () => {
    const time = { ms: 1_000.3 };
    const queue = new MemoryTaskQueue({ clock: clockAt(time), random: systemRandom });
    await queue.setPolicy({ rate: { rate: 1, perMs: 10, burst: 3 } });
    for (let i = 0; i < 10; i++) await queue.enqueue(aJob({}));
    expect(await startedAt(queue)).toBe(3);
    time.ms += 9.9;
    expect(await startedAt(queue)).toBe(0);
    time.ms += 0.1;
    expect(await startedAt(queue)).toBe(1);
    time.ms += 25;
    expect(await startedAt(queue)).toBe(2);
  });
});

test("headers of a stored job cannot be changed by who receives them", async () => {
  const queue = new MemoryTaskQueue();
  await queue.enqueue(aJob({ id: "a", headers: { tenant: "x" } }));
  const delivery = await queue.dequeue();
  expect(() => Object.assign(delivery?.job.headers ?? {}, { tenant: "y" })).toThrow(TypeError);
  expect((await queue.getJob("a"))?.headers).toEqual({ tenant: "x" });
});
