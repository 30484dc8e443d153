import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GlobalRateLimiter, MemoryStateStore } from "../../src/index.ts";
import { TokenHand } from "../../src/limit/token-hand.ts";
import { TestClock } from "../../src/testing.ts";
import { Workshop } from "../worker/workshop.ts";

const seed = process.env["LEX_SEED"] === undefined ? Date.now() % 2 ** 31 : Number(process.env["LEX_SEED"]);

const bucket = fc.record({
  rate: fc.integer({ min: 1, max: 20 }),
  perMs: fc.integer({ min: 100, max: 2_000 }),
  burst: fc.integer({ min: 1, max: 6 }),
});

/** Fails when more stand in any window than a bucket allows. */
function keepsTo(
  at: readonly number[],
  { rate, perMs, burst }: { rate: number; perMs: number; burst: number },
): void {
  for (const [i, from] of at.entries())
    for (let j = i; j < at.length; j++) {
      const most = burst + ((at[j]! - from) * rate) / perMs + 1e-6;
      if (j - i + 1 > most)
        throw new Error(`${j - i + 1} in ${at[j]! - from} ms, at most ${most} (seed ${seed})`);
    }
}

describe("limits", () => {
  test(`let no window be exceeded, whoever tries when (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        bucket,
        fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 700 })), { maxLength: 60 }),
        async (limit, tries) => {
          const clock = new TestClock();
          const state = new MemoryStateStore({ clock });
          const { rate, perMs: per, burst } = limit;
          const limiters = Array.from(
            { length: 4 },
            () => new GlobalRateLimiter({ rate, per, burst, state, clock }),
          );
          const passed: number[] = [];
          for (const [who, waitMs] of tries) {
            await clock.advance(waitMs);
            if (await limiters[who]!.tryAcquire()) passed.push(clock.monotonic());
          }
          keepsTo(passed, limit);
        },
      ),
      { seed, numRuns: 100 },
    );
  });

  test(`let no window be exceeded by tokens that claims bring back (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        bucket,
        fc.array(
          fc.record({
            who: fc.nat({ max: 2 }),
            wanted: fc.integer({ min: 1, max: 6 }),
            used: fc.nat({ max: 6 }),
            outMs: fc.nat({ max: 300 }),
            waitMs: fc.nat({ max: 500 }),
          }),
          { maxLength: 60 },
        ),
        async (limit, claims) => {
          const clock = new TestClock();
          const state = new MemoryStateStore({ clock });
          const hands = Array.from(
            { length: 3 },
            () => new TokenHand(state, clock, [{ key: "k", ...limit }]),
          );
          const started: number[] = [];
          for (const { who, wanted, used, outMs, waitMs } of claims) {
            const hand = hands[who]!;
            const { inHand } = await hand.take(wanted, () => undefined);
            const n = Math.min(wanted, inHand);
            if (n > 0) {
              hand.spend(n);
              const starts = Math.min(n, used);
              for (let i = 0; i < starts; i++) started.push(clock.monotonic());
              await clock.advance(outMs);
              hand.back(n, n - starts);
            }
            await clock.advance(waitMs);
          }
          keepsTo(started, limit);
        },
      ),
      { seed, numRuns: 200 },
    );
  });

  test(`let no two attempts of a key overlap in time, over processes (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            key: fc.constantFrom("a", "b", "c"),
            lastsMs: fc.nat({ max: 120 }),
            fails: fc.boolean(),
          }),
          { minLength: 1, maxLength: 25 },
        ),
        fc.boolean(),
        async (jobs, isFifo) => {
          const shop = new Workshop();
          await shop.queue.setPolicy({ perKey: isFifo ? { order: "fifo" } : { concurrency: 1 } });
          const spans: { readonly key: string; readonly from: number; to: number; readonly n: number }[] = [];
          shop.define(
            "work",
            async (input, { attempt }) => {
              const { key, lastsMs, fails, n } = input as {
                key: string;
                lastsMs: number;
                fails: boolean;
                n: number;
              };
              const span = { key, from: shop.clock.monotonic(), to: Infinity, n };
              spans.push(span);
              await new Promise<void>((resolve) => shop.clock.setTimer(resolve, lastsMs));
              span.to = shop.clock.monotonic();
              if (fails && attempt === 1) throw new Error("once");
            },
            { retry: { strategy: "fixed", baseDelay: 30, jitter: 0 } },
          );
          for (const [n, job] of jobs.entries()) await shop.enqueue("work", { ...job, n }, { key: job.key });
          for (let i = 0; i < 3; i++) await shop.start({ maxConcurrentTasks: 3 });
          for (let i = 0; i < 60 && (await shop.queue.count("completed")) < jobs.length; i++)
            await shop.advance(150);
          expect(await shop.queue.count("completed")).toBe(jobs.length);
          for (const pool of shop.pools) void pool.stop({ drain: false });
          await shop.settle();
          for (const key of ["a", "b", "c"]) {
            const own = spans.filter((span) => span.key === key).toSorted((x, y) => x.from - y.from);
            for (const [i, span] of own.entries())
              if (i > 0 && span.from < own[i - 1]!.to)
                throw new Error(`two of ${key} overlap (seed ${seed})`);
            const order = own.map(({ n }) => n);
            if (isFifo) expect(order).toEqual(order.toSorted((x, y) => x - y));
          }
        },
      ),
      { seed, numRuns: 15 },
    );
  });
});
