import type { Delivery } from "@lexigram/contracts";
import { present, refused, same } from "../kit/expect.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";

const a = { key: "a" };
const needs = ["keyOrder"] as const;

const fifo = (env: QueueEnv, onFailure?: "continue" | "block"): Promise<void> =>
  env.queue.setPolicy({ perKey: { order: "fifo", ...(onFailure === undefined ? {} : { onFailure }) } });

const ids = (deliveries: readonly Delivery[]): string[] => deliveries.map((d) => d.job.id);

export const keyOrder: readonly QueueCase[] = [
  {
    law: "Q-81",
    name: "starts a job of a key only when every earlier one has ended",
    needs,
    run: async (env) => {
      await fifo(env);
      const [a1, a2, b1, plain] = await env.put(a, a, { key: "b" }, {});
      const claimed = await env.claim(10);
      same(new Set(ids(claimed)), new Set([a1, b1, plain]), "deliveries: the head of each key");
      const head = present(
        claimed.find((d) => d.job.id === a1),
        "the head",
      );
      await env.complete(head);
      same(ids(await env.claim(10)), [a2], "deliveries after the head ended");
    },
  },
  {
    law: "Q-81",
    name: "lets a waiting retry and a lost worker hold the key",
    needs: ["keyOrder", "delay"],
    run: async (env) => {
      await fifo(env);
      const [first, second] = await env.put(a, a);
      await env.retry(await env.claimOne(), { delayMs: env.span(4) });
      for (const units of [0, 5]) {
        await env.pass(env.span(units));
        const meanwhile = await env.claim(10);
        same(
          ids(meanwhile).includes(second ?? ""),
          false,
          "whether the second is delivered before the first ended",
        );
        for (const d of meanwhile) await env.release(d);
      }
      const again = await env.claimOne({ leaseMs: env.span(2) });
      same(again.job.id, first, "the delivery after the delay");
      await env.pass(env.span(3));
      same(ids(await env.claim(10)), [first], "deliveries after the worker was lost");
    },
  },
  {
    law: "Q-81",
    name: "lets a delayed job hold those that were accepted after it",
    needs: ["keyOrder", "delay"],
    run: async (env) => {
      await fifo(env);
      const [delayed, second] = await env.put({ ...a, delayMs: env.span(4) }, a);
      same(
        ids(await env.claim(10)).includes(second ?? ""),
        false,
        "whether the second is delivered meanwhile",
      );
      await env.pass(env.span(5));
      same(await env.drain(), [delayed, second], "what is delivered then");
    },
  },
  {
    law: "Q-81",
    name: "runs the jobs of many keys one at a time and in order, over consumers at the same moment",
    needs,
    run: async (env) => {
      await fifo(env);
      const stored = await env.put(...Array.from({ length: 40 }, (_, i) => ({ key: `k${i % 4}` })));
      const sessions = Array.from({ length: 4 }, () => env.session());
      const order = new Map<string, string[]>();
      let n = 0;
      for (let step = 0; step < 60 && n < stored.length; step++) {
        const replies = await Promise.all(sessions.map((s) => s.exchange({ slots: 2 })));
        const claimed = replies.flatMap((r) => r.deliveries);
        same(new Set(claimed.map((d) => d.job.key)).size, claimed.length, "distinct keys among running jobs");
        for (const d of claimed) {
          const key = d.job.key ?? "";
          order.set(key, [...(order.get(key) ?? []), d.job.id]);
          await env.complete(d);
          n++;
        }
      }
      for (const [k, seen] of order)
        same(
          seen,
          stored.filter((_, i) => `k${i % 4}` === k),
          `the order of key ${k}`,
        );
      same(n, stored.length, "completed jobs");
    },
  },
  {
    law: "Q-82",
    name: "puts a job that is handed back at the head of its key",
    needs,
    run: async (env) => {
      await fifo(env);
      const [first, second] = await env.put(a, a);
      await env.release(await env.claimOne());
      same(await env.drain(), [first, second], "what is delivered");
    },
  },
  {
    law: "Q-83",
    name: "lets a key go on after a failure, a cancellation and an expiry",
    needs: ["keyOrder", "cancel", "expiry"],
    run: async (env) => {
      await fifo(env);
      const [failed, cancelled, , last] = await env.put(a, a, { ...a, expiresInMs: env.span(2) }, a);
      const head = await env.claimOne();
      same(head.job.id, failed, "the head");
      await env.fail(head);
      await env.queue.cancel(cancelled ?? "");
      await env.pass(env.span(3));
      same(await env.drain(), [last], "what is delivered");
    },
  },
  {
    law: "Q-83",
    name: "holds a key after a failure until it is redriven or removed, when told to block",
    needs: ["keyOrder", "deadLetters"],
    run: async (env) => {
      await fifo(env, "block");
      const [first, second, third] = await env.put(a, a, a);
      await env.fail(await env.claimOne());
      same(await env.claim(10), [], "deliveries while the key is held");
      same(await env.queue.deadLetters.remove(first ?? ""), true, "remove");
      const head = await env.claimOne();
      same(head.job.id, second, "the delivery after it was removed");
      await env.fail(head);
      same(await env.claim(10), [], "deliveries while the key is held again");
      await env.queue.deadLetters.retry(second ?? "");
      same(new Set(await env.drain()), new Set([second, third]), "deliveries after the redrive");
    },
  },
  {
    law: "Q-84",
    name: "puts a redriven job at the tail of its key",
    needs: ["keyOrder", "deadLetters"],
    run: async (env) => {
      await fifo(env);
      const [first, second, third] = await env.put(a, a, a);
      await env.fail(await env.claimOne());
      await env.queue.deadLetters.retry(first ?? "");
      same(await env.drain(), [second, third, first], "what is delivered");
    },
  },
  {
    law: "Q-85",
    name: "refuses another priority in a key that is held in order",
    needs: ["keyOrder", "priorities"],
    run: async (env) => {
      await fifo(env);
      await env.put({ ...a, priority: 5 });
      const [other, mixed] = await env.worker.enqueue([
        env.job({ key: "b", priority: 6 }),
        env.job({ ...a, priority: 6 }),
      ]);
      refused(mixed, "LEX_ERR_TASK_VALIDATION", "another priority in the key");
      same(other?.ok, true, "whether another key may have another priority");
      await env.drain();
      await env.put({ ...a, priority: 6 });
    },
  },
  {
    law: "Q-86",
    name: "takes turns between the keys of a level",
    needs: ["fairness"],
    run: async (env) => {
      await env.queue.setPolicy({ perKey: { fair: true } });
      const many = await env.put(...Array.from({ length: 6 }, () => a));
      const few = await env.put({ key: "b" }, { key: "b" }, { key: "c" }, { key: "c" });
      const order = await env.drain();
      same(order.length, 10, "deliveries");
      const keys = order.map((id) => (many.includes(id) ? "a" : few.indexOf(id) < 2 ? "b" : "c"));
      for (const turn of [keys.slice(0, 3), keys.slice(3, 6)])
        same(new Set(turn), new Set(["a", "b", "c"]), "the keys of one turn");
      same(
        order.filter((id) => many.includes(id)),
        many,
        "the order inside a key",
      );
    },
  },
  {
    law: "Q-06",
    name: "lets no key of a lower level pass when keys take turns",
    needs: ["fairness", "priorities"],
    run: async (env) => {
      await env.queue.setPolicy({ perKey: { fair: true } });
      const low = await env.put({ key: "a", priority: 1 }, { key: "b", priority: 1 });
      const high = await env.put({ ...a, priority: 9 }, { ...a, priority: 9 }, { key: "b", priority: 9 });
      const order = await env.drain();
      same(new Set(order.slice(0, 3)), new Set(high), "the first three");
      same(new Set(order.slice(3)), new Set(low), "the last two");
    },
  },
  {
    law: "Q-86",
    name: "does not let a key with much work starve one that comes later",
    needs: ["fairness"],
    run: async (env) => {
      await env.queue.setPolicy({ perKey: { fair: true } });
      await env.put(...Array.from({ length: 100 }, () => a));
      for (let i = 0; i < 5; i++) await env.complete(await env.claimOne());
      const late = await env.putOne({ key: "late" });
      const next = [(await env.claimOne()).job.id, (await env.claimOne()).job.id];
      same(next.includes(late), true, "whether the late key is among the next two deliveries");
    },
  },
];
