import type { QueuePolicy } from "@lexigram/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { command, Ledger } from "./ledger.ts";

const POLICIES: readonly QueuePolicy[] = [
  {},
  { concurrency: 3 },
  { rate: { rate: 2, perMs: 50, burst: 3 } },
  { perTask: { a: { concurrency: 1 }, b: { rate: { rate: 1, perMs: 30, burst: 2 } } } },
  { perKey: { concurrency: 2 } },
  { perKey: { concurrency: 1, fair: true }, perTask: { a: { concurrency: 2 } } },
  { perKey: { rate: { rate: 1, perMs: 40, burst: 1 } } },
  { perKey: { order: "fifo" } },
  { perKey: { order: "fifo", onFailure: "block" }, perTask: { a: { concurrency: 1 } } },
  { keepCompleted: 0, keepFailed: { ageMs: 500, count: 5 } },
];

/** @returns how many timers are left behind. */
async function play(policies: readonly QueuePolicy[], runs: number): Promise<number> {
  let timersLeft = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { minLength: 900, maxLength: 1_000, size: "max" }),
      async (commands) => {
        const ledger = new Ledger(policies);
        await ledger.bench.queue.setPolicy(policies[0] ?? {});
        for (const [i, c] of commands.entries()) {
          await ledger.play(c);
          if (i % 10 === 0) await ledger.check();
        }
        await ledger.check();
        await ledger.finish();
        await ledger.bench.backend.close();
        timersLeft += ledger.bench.clock.pendingTimers;
      },
    ),
    // A thousand commands are not made fewer within the time of a test; the seed plays them again.
    { numRuns: runs, endOnFailure: true },
  );
  return timersLeft;
}

describe("a memory queue under a thousand random commands", () => {
  test.each(POLICIES.map((policy) => ({ rules: JSON.stringify(policy), policy })))(
    "keeps its books in order with $rules",
    async ({ policy }) => {
      expect(await play([policy], 10)).toBe(0);
    },
  );

  test("keeps its books in order while its rules change", async () => {
    expect(await play(POLICIES, 30)).toBe(0);
  });
});
