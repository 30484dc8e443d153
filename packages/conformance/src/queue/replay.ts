import type { Delivery } from "@lexigram/contracts";
import { aBody, anError } from "../build/job.ts";
import { accepted, same } from "../kit/expect.ts";
import type { QueueCase } from "../kit/run-case.ts";

const held = (deliveries: readonly Delivery[]): object[] =>
  deliveries.map((d) => ({ id: d.job.id, receipt: d.receipt, attempt: d.attempt }));

export const replay: readonly QueueCase[] = [
  {
    law: "Q-16",
    name: "answers a resent exchange with the same deliveries, and claims nothing more",
    needs: ["replay"],
    run: async (env) => {
      await env.put({}, {}, {}, {});
      const first = await env.worker.exchange({ slots: 2 });
      const again = await env.worker.resendExchange();
      same(held(again.deliveries), held(first.deliveries), "the deliveries of the resend");
      same((await env.claim(10)).length, 2, "deliveries that are left");
    },
  },
  {
    law: "Q-16",
    name: "applies the settlements of a resent exchange once",
    needs: ["replay", "lookup"],
    run: async (env) => {
      const { receipt, job } = await env.running();
      const settle = [{ receipt, kind: "retry", delayMs: 0, countAttempt: true, error: anError() }] as const;
      same((await env.worker.exchange({ settle })).lost, [], "lost receipts at first");
      same((await env.worker.resendExchange()).lost, [], "lost receipts of the resend");
      same((await env.view(job.id)).attempt, 1, "counted attempts");
    },
  },
  {
    law: "Q-16",
    name: "remembers the call for other connections, and what it refused",
    needs: ["replay"],
    run: async (env) => {
      const peer = await env.peer();
      const { receipt } = await env.running();
      await env.complete({ receipt } as Delivery);
      await env.put({});
      const first = await env.worker.exchange({ settle: [{ receipt, kind: "complete" }], slots: 1 });
      const again = await env.worker.resendExchange(peer);
      same(again.lost, first.lost, "lost receipts of the resend");
      same(held(again.deliveries), held(first.deliveries), "the deliveries of the resend");
    },
  },
  {
    law: "Q-16",
    name: "remembers a call for as long as its lease",
    needs: ["replay"],
    run: async (env) => {
      await env.put({}, {});
      const first = await env.worker.exchange({ slots: 1, leaseMs: env.span(8) });
      await env.pass(env.span(6));
      const again = await env.worker.resendExchange();
      same(held(again.deliveries), held(first.deliveries), "the deliveries of the resend");
      same((await env.claim(5)).length, 1, "deliveries that are left");
    },
  },
  {
    law: "Q-17",
    name: "does not hand out again what is no longer held",
    needs: ["replay"],
    run: async (env) => {
      const other = env.session();
      await env.put({}, {});
      const { deliveries } = await other.exchange({ slots: 2, leaseMs: env.span(4) });
      const [first, second] = deliveries as [Delivery, Delivery];
      await env.complete(first);
      same(held((await other.resendExchange()).deliveries), held([second]), "deliveries of the resend");
      await env.pass(env.span(5));
      same((await other.resendExchange()).deliveries, [], "deliveries of a resend after the leases");
    },
  },
  {
    law: "Q-18",
    name: "makes no second job of a resent enqueue",
    needs: ["replay"],
    run: async (env) => {
      const jobs = env.jobs(3);
      const first = await env.worker.enqueue(jobs);
      const again = await env.worker.resendEnqueue();
      same(
        again.map((r) => accepted(r, "the resend")),
        first.map((r) => accepted(r, "the first call")),
        "the answers",
      );
      same(
        await env.drain(),
        jobs.map((j) => j.id),
        "what is delivered",
      );
    },
  },
  {
    law: "Q-18",
    name: "makes no second job when the first has completed and is removed",
    needs: ["replay"],
    run: async (env) => {
      await env.queue.setPolicy({ keepCompleted: 0 });
      await env.worker.enqueue([env.job()]);
      same((await env.drain()).length, 1, "jobs delivered");
      accepted((await env.worker.resendEnqueue())[0], "the resend");
      same(await env.drain(), [], "jobs delivered after the resend");
    },
  },
  {
    law: "Q-18",
    name: "remembers an enqueue long after its producer would have given up on one try",
    needs: ["replay"],
    run: async (env) => {
      await env.queue.setPolicy({ keepCompleted: 0 });
      await env.worker.enqueue(env.jobs(2));
      same((await env.drain()).length, 2, "jobs delivered");
      await env.pass(env.span(15));
      for (const result of await env.worker.resendEnqueue()) accepted(result, "the resend");
      same(await env.drain(), [], "jobs delivered after the resend");
    },
  },
  {
    law: "Q-18",
    name: "repeats a refusal, though the job would be accepted by now",
    needs: ["replay", "dependencies"],
    run: async (env) => {
      const later = env.job();
      const early = env.session();
      const first = await early.enqueue([env.job(), env.job({ dependsOn: [later.id] })]);
      await env.worker.enqueue([later]);
      const again = await early.resendEnqueue(await env.peer());
      same(
        [first, again].map((results) => results.map((r) => r.ok)),
        [
          [true, false],
          [true, false],
        ],
        "the answers",
      );
      same((await env.drain()).length, 2, "jobs delivered");
    },
  },
  {
    law: "Q-19",
    name: "keeps sessions apart, with the same numbers",
    run: async (env) => {
      const [a, b] = [env.session(), env.session()];
      await env.put({}, {});
      const [first, second] = await Promise.all([a.exchange({ slots: 1 }), b.exchange({ slots: 1 })]);
      same(first.deliveries.length + second.deliveries.length, 2, "deliveries to two sessions");
      const results = await Promise.all([a.enqueue(env.jobs(2)), b.enqueue(env.jobs(2))]);
      same(results.flat().filter((r) => r.ok).length, 4, "accepted jobs of two sessions");
    },
  },
  {
    law: "Q-19",
    name: "lets one session settle what another claimed",
    needs: ["lookup"],
    run: async (env) => {
      const { receipt, job } = await env.running();
      const reply = await env
        .session()
        .exchange({ settle: [{ receipt, kind: "complete", result: aBody(1) }] });
      same(reply.lost, [], "lost receipts");
      same(await env.status(job.id), "completed", "the status");
    },
  },
];
