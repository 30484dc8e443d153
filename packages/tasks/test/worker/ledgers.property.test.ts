import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FaultVerdict } from "../../src/memory/memory-faults.ts";
import { RetryTask } from "../../src/retry/control-flow.ts";
import { turn, Workshop } from "./workshop.ts";

/** Three independent ledgers: what was accepted, what handlers saw end well, what the store says. */
describe("under faults, failures, stops and restarts", () => {
  test("no accepted job is lost, none completes twice, and the ledgers of producer, handler and store agree", async () => {
    const scenario = fc.record({
      jobs: fc.integer({ min: 1, max: 60 }),
      slots: fc.integer({ min: 1, max: 8 }),
      prefetch: fc.constantFrom(0, 5, "auto" as const),
      verdicts: fc.array(fc.constantFrom<FaultVerdict>("apply", "apply", "apply", "lose-reply", "refuse"), {
        maxLength: 60,
      }),
      fates: fc.array(fc.constantFrom("ok", "ok", "ok", "throw", "defer", "slow"), {
        minLength: 1,
        maxLength: 20,
      }),
      restarts: fc.array(fc.boolean(), { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ jobs, slots, prefetch, verdicts, fates, restarts }) => {
        const shop = new Workshop();
        shop.listen();
        const ended = new Map<string, number>();
        let run = 0;
        shop.define(
          "t",
          async (_input, { job, attempt }) => {
            const fate = fates[run++ % fates.length]!;
            if (fate === "throw" && attempt < 3) throw new Error("no");
            if (fate === "defer") throw new RetryTask({ delay: 10, countAttempt: false });
            if (fate === "slow") for (let i = 0; i < 5; i++) await turn();
            ended.set(job.id, (ended.get(job.id) ?? 0) + 1);
          },
          { maxRetries: 10, maxDeferrals: 1_000, retry: { strategy: "fixed", baseDelay: 20, jitter: 0 } },
        );
        fates.push("ok");
        const accepted = await shop.enqueueAll("t", jobs);
        const queue = [...verdicts];
        shop.onCall = (name) =>
          name === "exchange" || name === "extend" ? (queue.shift() ?? "apply") : "apply";
        const pool = shop.pool({ maxConcurrentTasks: slots, settings: { prefetch } });
        for (const drain of restarts) {
          await pool.start();
          await shop.advance(100);
          const stopped = pool.stop({ drain, timeout: 200 });
          await shop.advance(6_000);
          await stopped;
        }
        await pool.start();
        await shop.advance(20_000);
        const stored = await Promise.all(accepted.map((id) => shop.job(id)));
        expect(stored.map((job) => job.status)).toEqual(accepted.map(() => "completed"));
        for (const id of accepted) expect(ended.get(id)).toBeGreaterThanOrEqual(1);
        const completed = shop.events("task.completed").map(({ payload }) => payload["jobId"]);
        expect(new Set(completed).size).toBe(completed.length);
        // A job runs again only when its settlement never reached the store: at most what a stop without an answer leaves behind.
        const again = [...ended.values()].reduce((sum, count) => sum + count - 1, 0);
        expect(again).toBeLessThanOrEqual(restarts.length * slots);
        expect(shop.mostAtWork).toBeLessThanOrEqual(slots * (restarts.length + 1));
        const last = pool.stop();
        await shop.advance(100);
        await last;
        expect([pool.activity.busy, pool.getPoolStats().running, shop.clock.pendingTimers]).toEqual([
          0, 0, 0,
        ]);
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});
