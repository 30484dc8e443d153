import { accepted, holds, present, refused, rejects, same } from "../kit/expect.ts";
import type { QueueCase } from "../kit/run-case.ts";

export const shorthands: readonly QueueCase[] = [
  {
    law: "Q-91",
    name: "answers enqueue with the id, each call for itself",
    run: async (env) => {
      const jobs = env.jobs(50);
      const results = await Promise.all(jobs.map((job) => env.queue.enqueue(job)));
      same(
        results.map((r) => accepted(r, "a job")),
        jobs.map((j) => j.id),
        "ids",
      );
      same(
        await env.drain(),
        jobs.map((j) => j.id),
        "what is delivered",
      );
    },
  },
  {
    law: "Q-91",
    name: "answers enqueue with the holder's id, or refuses, as the unique key says",
    needs: ["unique"],
    run: async (env) => {
      const unique = { key: "k", until: "settled", onConflict: "existing" } as const;
      const [first, second] = [env.job({ unique }), env.job({ unique })];
      same(accepted(await env.queue.enqueue(first), "the first"), first.id, "the first id");
      same(accepted(await env.queue.enqueue(second), "the second"), first.id, "the second id");
      const third = env.job({ unique: { ...unique, onConflict: "reject" } });
      refused(await env.queue.enqueue(third), "LEX_ERR_TASK_DUPLICATE", "the third");
    },
  },
  {
    law: "Q-92",
    name: "dequeues the stored job, and acks it",
    run: async (env) => {
      const job = env.job();
      await env.queue.enqueue(job);
      const delivery = present(await env.queue.dequeue(), "the delivery");
      same({ id: delivery.job.id, started: delivery.started }, { id: job.id, started: true }, "the delivery");
      same(await env.queue.dequeue(), undefined, "the next delivery");
      await env.queue.ack(job.id);
      same(await env.queue.getTaskCount(), 0, "pending jobs");
    },
  },
  {
    law: "Q-92",
    name: "dequeues on a lease of five minutes, or as long as it is told",
    run: async (env) => {
      await env.put({}, {});
      same(present(await env.queue.dequeue(), "a delivery").leaseMs, 300_000, "the lease");
      const short = present(await env.queue.dequeue({ leaseMs: env.span(2) }), "a delivery");
      await env.pass(env.span(3));
      const again = present(await env.queue.dequeue(), "the delivery after the lease");
      same(again.job.id, short.job.id, "the job delivered again");
    },
  },
  {
    law: "Q-93",
    name: "delivers a nacked job again",
    run: async (env) => {
      const id = await env.putOne();
      await env.queue.dequeue();
      await env.queue.nack(id);
      const again = present(await env.queue.dequeue(), "the second delivery");
      same({ id: again.job.id, attempt: again.attempt }, { id, attempt: 2 }, "the second delivery");
      await env.queue.ack(id);
      same(await env.queue.dequeue(), undefined, "a third delivery");
    },
  },
  {
    law: "Q-93",
    name: "does not deliver again what is nacked without requeue, and keeps it as a dead letter",
    needs: ["deadLetters"],
    run: async (env) => {
      const id = await env.putOne();
      await env.queue.dequeue();
      await env.queue.nack(id, { requeue: false, reason: "no good" });
      same(await env.queue.dequeue(), undefined, "a second delivery");
      const letter = present(await env.queue.deadLetters.get(id), "the dead letter");
      same(
        { reason: letter.reason, message: letter.error.message },
        { reason: "rejected", message: "no good" },
        "it",
      );
    },
  },
  {
    law: "Q-94",
    name: "acks and nacks an unknown id without complaint",
    run: async (env) => {
      const pending = await env.putOne();
      for (const id of [env.name("nobody"), pending]) {
        await env.queue.ack(id);
        await env.queue.nack(id);
        await env.queue.nack(id, { requeue: false });
      }
      same(await env.drain(), [pending], "what is delivered");
    },
  },
  {
    law: "Q-94",
    name: "acks once: a second ack of the same job is of an unknown id",
    run: async (env) => {
      const id = await env.putOne();
      await env.queue.dequeue();
      await env.queue.ack(id);
      await env.queue.ack(id);
      same(await env.claim(5), [], "deliveries");
    },
  },
  {
    law: "Q-95",
    name: "rejects an ack after the lease ended",
    run: async (env) => {
      const id = await env.putOne();
      await env.queue.dequeue({ leaseMs: env.span(2) });
      await env.pass(env.span(3));
      await rejects(env.queue.ack(id), "LEX_ERR_TASK_LEASE_LOST", "a late ack");
      holds((await env.claimOne()).job.id === id, "the job is delivered again");
    },
  },
  {
    law: "Q-95",
    name: "rejects an ack while it handed the job out twice, so that one holder cannot end the other's work",
    run: async (env) => {
      const id = await env.putOne();
      await env.queue.dequeue({ leaseMs: env.span(2) });
      await env.pass(env.span(3));
      same(present(await env.queue.dequeue(), "the second delivery").job.id, id, "the job of it");
      await rejects(env.queue.ack(id), "LEX_ERR_TASK_LEASE_LOST", "the first ack");
      await env.queue.ack(id);
      same(await env.claim(5), [], "deliveries after the second ack");
    },
  },
];
