import type { QueuePolicy } from "@lexigram/contracts";
import { holds, same } from "../kit/expect.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";

const needs = ["limits"] as const;

/** Between which instants a job started: when its claim was sent, and when it was answered. */
interface Start {
  readonly sentMs: number;
  readonly answeredMs: number;
}

/** The starts of a queue that is asked again and again while time passes. */
async function startsOver(env: QueueEnv, units: number, step: number): Promise<Start[]> {
  const starts: Start[] = [];
  for (let at = 0; at <= units; at += step) {
    const sentMs = env.time.nowMs;
    const claimed = await env.claim(20);
    const answeredMs = env.time.nowMs;
    for (const delivery of claimed) {
      starts.push({ sentMs, answeredMs });
      await env.complete(delivery);
    }
    await env.pass(env.span(step));
  }
  return starts;
}

const exactRate = (
  name: string,
  policy: (rate: NonNullable<QueuePolicy["rate"]>) => QueuePolicy,
): QueueCase => ({
  law: "Q-80",
  name,
  needs,
  run: async (env) => {
    const perMs = env.span(10);
    const burst = 3;
    const rate = { rate: 5, perMs, burst };
    await env.queue.setPolicy(policy(rate));
    await env.put(...Array.from({ length: 40 }, () => ({ task: "limited", key: "k" })));
    const starts = await startsOver(env, 20, 0.5);
    holds(
      starts.length >= 8,
      `${starts.length} jobs started in 20 units at 5 per 10 units: the limit starves`,
    );
    for (const [i, from] of starts.entries())
      for (const [j, to] of starts.entries()) {
        if (j < i) continue;
        // The store's clock may be set a little while this runs.
        const slack = env.harness.advance === undefined ? 0.05 : 1e-6;
        const ms = to.answeredMs - from.sentMs;
        const most = burst + (ms * 5) / perMs + slack;
        holds(j - i + 1 <= most, `${j - i + 1} starts within ${ms} ms, where at most ${most} may be`);
      }
  },
});

export const limits: readonly QueueCase[] = [
  {
    law: "Q-77",
    name: "never has more leases than the queue's concurrency",
    needs,
    run: async (env) => {
      await env.queue.setPolicy({ concurrency: 3 });
      await env.put(...Array.from({ length: 8 }, () => ({})));
      const claimed = await env.claim(5);
      same(claimed.length, 3, "deliveries for five slots");
      same((await env.claim(5)).length, 0, "further deliveries");
      await env.complete(claimed[0] as (typeof claimed)[number]);
      same((await env.claim(5)).length, 1, "deliveries after one settled");
    },
  },
  {
    law: "Q-77",
    name: "holds the queue's concurrency over connections at the same moment",
    needs,
    run: async (env) => {
      const peer = await env.peer();
      await env.queue.setPolicy({ concurrency: 4 });
      await env.put(...Array.from({ length: 30 }, () => ({})));
      const sessions = Array.from({ length: 8 }, (_, i) => env.session(i % 2 === 0 ? env.queue : peer));
      const replies = await Promise.all(sessions.map((s) => s.exchange({ slots: 3 })));
      same(replies.flatMap((r) => r.deliveries).length, 4, "deliveries over all consumers");
    },
  },
  {
    law: "Q-77",
    name: "counts valid leases: a lost worker gives its place back, one claimed ahead takes one",
    needs: ["limits", "started"],
    run: async (env) => {
      await env.queue.setPolicy({ concurrency: 2 });
      await env.put({}, {}, {});
      const claimed = (await env.claim(1, { ahead: 4, leaseMs: env.span(2) })).length;
      holds(claimed === 1 || claimed === 2, `${claimed} deliveries under a concurrency of 2, ahead included`);
      same((await env.claim(5, { leaseMs: env.span(2) })).length, 2 - claimed, "further deliveries");
      await env.pass(env.span(3));
      same((await env.claim(5)).length, 2, "deliveries after the leases ended");
    },
  },
  {
    law: "Q-78",
    name: "never has more leases of a task than its concurrency, and lets other tasks pass",
    needs,
    run: async (env) => {
      await env.queue.setPolicy({ perTask: { heavy: { concurrency: 1 } } });
      const [h1, h2, l1] = await env.put({ task: "heavy" }, { task: "heavy" }, { task: "light" });
      const claimed = await env.claim(5);
      same(new Set(claimed.map((d) => d.job.id)), new Set([h1, l1]), "deliveries");
      for (const d of claimed) await env.complete(d);
      same((await env.claimOne()).job.id, h2, "the delivery after the first is settled");
    },
  },
  {
    law: "Q-79",
    name: "never has more leases of a key than its concurrency, and lets other keys pass",
    needs,
    run: async (env) => {
      await env.queue.setPolicy({ perKey: { concurrency: 2 } });
      const a = { key: "a" };
      const ids = await env.put(a, a, a, a, { key: "b" }, {}, a);
      const claimed = await env.claim(10);
      same(
        new Set(claimed.map((d) => d.job.id)),
        new Set([ids[0], ids[1], ids[4], ids[5]]),
        "deliveries: two of one key, and all of the others",
      );
      const held = claimed.find((d) => d.job.id === ids[0]);
      if (held !== undefined) await env.complete(held);
      const next = await env.claim(10);
      same(
        next.map((d) => d.job.id),
        [ids[2]],
        "the delivery after one of the key is settled",
      );
    },
  },
  {
    law: "Q-79",
    name: "delivers all jobs of many keys under a limit, over settles of every kind",
    needs,
    run: async (env) => {
      await env.queue.setPolicy({ perKey: { concurrency: 1 } });
      const ids = await env.put(...Array.from({ length: 30 }, (_, i) => ({ key: `k${i % 5}` })));
      const done = new Set<string>();
      for (let step = 0; step < 60 && done.size < ids.length; step++) {
        const claimed = await env.claim(4);
        same(new Set(claimed.map((d) => d.job.key)).size, claimed.length, "distinct keys among running jobs");
        for (const [i, d] of claimed.entries()) {
          if ((step + i) % 4 === 0) await env.release(d);
          else if ((step + i) % 4 === 1 && d.attempt === 1) await env.retry(d);
          else {
            await env.complete(d);
            done.add(d.job.id);
          }
        }
      }
      same(done.size, ids.length, "completed jobs");
    },
  },
  exactRate("starts no more of a queue than burst + rate · t in any window", (rate) => ({ rate })),
  exactRate("starts no more of a task than burst + rate · t in any window", (rate) => ({
    perTask: { limited: { rate } },
  })),
  exactRate("starts no more of a key than burst + rate · t in any window", (rate) => ({ perKey: { rate } })),
  {
    law: "Q-80",
    name: "counts every start, crashes included",
    needs,
    run: async (env) => {
      await env.queue.setPolicy({ rate: { rate: 1, perMs: env.longLease * 10, burst: 2 } });
      await env.put({}, {});
      same((await env.claim(5, { leaseMs: env.span(1) })).length, 2, "deliveries of a full bucket");
      await env.pass(env.span(2));
      same((await env.claim(5)).length, 0, "deliveries after both workers were lost");
    },
  },
  {
    law: "Q-89",
    name: "delivers what no limit holds back, behind many that one does",
    needs,
    run: async (env) => {
      await env.queue.setPolicy({
        perTask: { stuck: { rate: { rate: 1, perMs: env.longLease * 10, burst: 1 } } },
        perKey: { concurrency: 1 },
      });
      await env.put(...Array.from({ length: 50 }, () => ({ task: "stuck", priority: 5 })));
      await env.put(...Array.from({ length: 50 }, () => ({ key: "busy" })));
      await env.claim(2);
      const free = await env.put({ key: "free" }, { task: "other" });
      const claimed = await env.claim(10);
      same(new Set(claimed.map((d) => d.job.id)), new Set(free), "deliveries");
    },
  },
  {
    law: "Q-103",
    name: "lets a job that has waited long enough overtake more urgent ones",
    needs,
    run: async (env) => {
      await env.queue.setPolicy({ agingMs: env.span(10) });
      await env.put({ id: "patient", priority: 9 });
      await env.pass(env.span(35));
      await env.put({ id: "urgent", priority: 11 });
      const first = await env.claimOne();
      same(first.job.id, "patient", "the first once the wait adds three levels");
    },
  },
];
