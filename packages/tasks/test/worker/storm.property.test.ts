import type { JobId, JobStatus, TaskQueueProtocol } from "@lexigram/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { QueueSet } from "../../src/dispatch/queue-set.ts";
import { DiscardTask, RejectTask, RetryTask } from "../../src/retry/control-flow.ts";
import { turn, Workshop } from "./workshop.ts";

type Fate =
  | "ok"
  | "slow"
  | "throw"
  | "throw always"
  | "defer"
  | "reject"
  | "discard"
  | "put back"
  | "enqueue";

const fate = fc.constantFrom<Fate>(
  "ok",
  "ok",
  "ok",
  "slow",
  "throw",
  "throw always",
  "defer",
  "reject",
  "discard",
  "put back",
  "enqueue",
);
const wanted = fc.record({
  queue: fc.nat({ max: 2 }),
  priority: fc.nat({ max: 20 }),
  key: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
  delayMs: fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }),
  expiresInMs: fc.option(fc.integer({ min: 50, max: 800 }), { nil: undefined, freq: 8 }),
  fate,
});
const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("enqueue" as const), jobs: fc.array(wanted, { maxLength: 25 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 50, max: 300 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("scale" as const), to: fc.nat({ max: 5 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("pause" as const, "resume" as const),
      queue: fc.nat({ max: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), nth: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), drain: fc.boolean() }) },
);

/** Three independent ledgers: what was accepted, what handlers saw end well, what the store says. */
describe("while the pool is scaled and restarted, queues are paused, and jobs are cancelled", () => {
  test("every accepted job ends in one way, and the ledgers of producer, handler and store agree", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 30 }), async (commands) => {
        const shop = new Workshop();
        shop.listen();
        const keep = { keepCompleted: { ageMs: 1e9, count: 1e6 }, keepFailed: { ageMs: 1e9, count: 1e6 } };
        const bindings = [
          shop.binding("plain"),
          shop.binding("limited", { concurrency: 2, weight: 3 }),
          shop.binding("keyed"),
        ];
        const queues: TaskQueueProtocol[] = bindings.map(({ queue }) => queue);
        const rules = [{}, { concurrency: 3 }, { perKey: { concurrency: 1, fair: true } }];
        for (const [i, queue] of queues.entries()) await queue.setPolicy({ ...keep, ...rules[i] });

        const accepted = new Map<JobId, TaskQueueProtocol>();
        const ended = new Map<JobId, number>();
        let handBacks = 0;
        const enqueue = async (queue: TaskQueueProtocol, input: Fate, more: object = {}): Promise<void> => {
          accepted.set(await shop.enqueue("t", input, { ...more, queue }), queue);
        };
        shop.define(
          "t",
          async (input, { job, attempt }) => {
            const queue = accepted.get(job.id) ?? queues[0]!;
            if (input === "slow") for (let i = 0; i < 7; i++) await turn();
            if (input === "throw always" || (input === "throw" && attempt === 1)) throw new Error("no");
            if (
              input === "defer" &&
              !ended.has(job.id) &&
              shop.began.filter((id) => id === job.id).length < 3
            )
              throw new RetryTask({ delay: 60, countAttempt: false });
            if (input === "reject") throw new RejectTask();
            if (input === "discard") throw new DiscardTask();
            if (input === "put back" && attempt === 1) throw new RejectTask({ requeue: true });
            if (input === "enqueue") await enqueue(queue, "ok");
            ended.set(job.id, (ended.get(job.id) ?? 0) + 1);
          },
          { maxRetries: 2, retry: { strategy: "fixed", baseDelay: 50, jitter: 0 } },
        );

        const pool = shop.pool({ queues: new QueueSet(bindings), size: 2, maxConcurrentTasks: 3 });
        await pool.start();
        for (const one of commands) {
          if (one.do === "enqueue")
            await Promise.all(
              one.jobs.map(({ queue, fate: input, key, priority, ...spans }) => {
                const given = Object.entries(spans).filter(([, value]) => value !== undefined);
                return enqueue(queues[queue]!, input, {
                  priority,
                  ...Object.fromEntries(given),
                  ...(key === undefined ? {} : { key: `k${key}` }),
                });
              }),
            );
          if (one.do === "advance") await shop.advance(one.ms);
          if (one.do === "scale") void pool.scaleTo(one.to);
          if (one.do === "pause") await queues[one.queue]!.pause();
          if (one.do === "resume") await queues[one.queue]!.resume();
          if (one.do === "cancel" && accepted.size > 0) {
            const [id, queue] = [...accepted][one.nth % accepted.size]!;
            await queue.cancel(id);
          }
          if (one.do === "restart") {
            const begun = shop.began.length;
            handBacks += pool.getPoolStats().running;
            const stopped = pool.stop({ drain: one.drain, timeout: 100 });
            await shop.advance(6_000);
            await stopped;
            // What began just before the stop took effect was running too.
            handBacks += shop.began.length - begun;
            await pool.start();
          }
        }
        for (const queue of queues) await queue.resume();
        void pool.scaleTo(4);
        await shop.advance(8_000);

        const store = new Map<JobId, JobStatus>();
        for (const queue of queues) {
          expect(await queue.count()).toBe(0);
          for (const status of ["completed", "failed", "cancelled", "expired"] as const)
            for (const { id } of (await queue.list({ status, limit: 1_000 })).items) {
              expect(store.has(id)).toBe(false);
              store.set(id, status);
            }
        }
        expect([...store.keys()].sort()).toEqual([...accepted.keys()].sort());
        let again = 0;
        for (const [id, status] of store) {
          const times = ended.get(id) ?? 0;
          if (status === "completed") expect(times).toBeGreaterThanOrEqual(1);
          again += Math.max(0, times - 1);
        }
        expect(again).toBeLessThanOrEqual(handBacks);
        const told = shop.events("task.completed").map(({ payload }) => String(payload["jobId"]));
        expect(told.sort()).toEqual(
          [...store]
            .filter(([, s]) => s === "completed")
            .map(([id]) => id)
            .sort(),
        );
        const last = pool.stop();
        await shop.advance(100);
        await last;
        expect([pool.activity.busy, pool.getPoolStats().running]).toEqual([0, 0]);
      }),
      { numRuns: 20 },
    );
  }, 60_000);
});
