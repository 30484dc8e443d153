import { anError } from "../build/job.ts";
import { aBody } from "../build/job.ts";
import { holds, present, same } from "../kit/expect.ts";
import type { QueueCase } from "../kit/run-case.ts";

export const leases: readonly QueueCase[] = [
  {
    law: "Q-11",
    name: "never hands a held job to anybody else",
    run: async (env) => {
      const peer = env.session(await env.peer());
      await env.put({}, {}, {});
      const mine = await env.claim(2);
      const theirs = (await peer.exchange({ slots: 5 })).deliveries;
      same(theirs.length, 1, "deliveries to the other consumer");
      same(new Set([...mine, ...theirs].map((d) => d.job.id)).size, 3, "distinct jobs");
    },
  },
  {
    law: "Q-11",
    name: "gives each job to one of many consumers at the same moment",
    run: async (env) => {
      const peer = await env.peer();
      await env.put(...Array.from({ length: 60 }, () => ({})));
      const sessions = Array.from({ length: 10 }, (_, i) => env.session(i % 2 === 0 ? env.queue : peer));
      const replies = await Promise.all(sessions.map((s) => s.exchange({ slots: 10 })));
      const ids = replies.flatMap((r) => r.deliveries.map((d) => d.job.id));
      same(ids.length, 60, "deliveries over all consumers");
      same(new Set(ids).size, 60, "distinct jobs");
    },
  },
  {
    law: "Q-11",
    name: "makes a fresh receipt for every delivery",
    run: async (env) => {
      const first = await env.running();
      await env.release(first);
      const second = await env.claimOne();
      same(second.job.id, first.job.id, "the job");
      holds(second.receipt !== first.receipt, "a job that is delivered again has another receipt");
    },
  },
  {
    law: "Q-12",
    name: "refuses every outcome of an attempt whose job another one holds",
    run: async (env) => {
      for (const kind of ["complete", "fail", "retry", "cancel", "release"] as const) {
        const stale = await env.running({}, { leaseMs: env.span(2) });
        await env.pass(env.span(3));
        const holder = await env.claimOne();
        same(holder.job.id, stale.job.id, "the job of the new holder");
        const { receipt } = stale;
        const lost = await env.settle(
          kind === "retry"
            ? { receipt, kind, delayMs: 0, countAttempt: true, error: anError() }
            : kind === "release"
              ? { receipt, kind, delayMs: 0 }
              : kind === "fail"
                ? { receipt, kind, error: anError() }
                : { receipt, kind },
        );
        same(lost, [receipt], `lost receipts after a stale ${kind}`);
        same(
          await env.settle({ receipt: holder.receipt, kind: "complete" }),
          [],
          "refused outcomes of the holder",
        );
      }
    },
  },
  {
    law: "Q-12",
    name: "changes nothing by a stale outcome",
    needs: ["lookup"],
    run: async (env) => {
      const stale = await env.running({}, { leaseMs: env.span(2) });
      await env.pass(env.span(3));
      const holder = await env.claimOne();
      await env.settle({ receipt: stale.receipt, kind: "complete", result: aBody("stale") });
      same(await env.status(holder.job.id), "running", "the status while the holder works");
    },
  },
  {
    law: "Q-12",
    name: "refuses an outcome after the lease ended, also when nobody took the job",
    run: async (env) => {
      const stale = await env.running({}, { leaseMs: env.span(2) });
      await env.pass(env.span(3));
      same(await env.settle({ receipt: stale.receipt, kind: "complete" }), [stale.receipt], "lost receipts");
      same((await env.claimOne()).job.id, stale.job.id, "the job delivered again");
    },
  },
  {
    law: "Q-12",
    name: "refuses a start that is named after the lease ended",
    needs: ["started"],
    run: async (env) => {
      await env.put({});
      const [stale] = await env.claim(0, { ahead: 1, leaseMs: env.span(2) });
      await env.pass(env.span(3));
      const { receipt } = present(stale, "a delivery claimed ahead");
      const reply = await env.worker.exchange({ started: [receipt] });
      same(reply.lost, [receipt], "lost receipts");
    },
  },
  {
    law: "Q-13",
    name: "takes one outcome for a delivery, and refuses the second",
    run: async (env) => {
      const delivery = await env.running();
      const { receipt } = delivery;
      same(await env.settle({ receipt, kind: "complete" }), [], "refused at first");
      same(await env.settle({ receipt, kind: "complete" }), [receipt], "refused the second time");
    },
  },
  {
    law: "Q-13",
    name: "keeps the first outcome when a second contradicts it",
    needs: ["lookup"],
    run: async (env) => {
      const delivery = await env.running();
      const { receipt } = delivery;
      await env.complete(delivery);
      await env.settle({ receipt, kind: "fail", error: anError() });
      same(await env.status(delivery.job.id), "completed", "the status");
    },
  },
  {
    law: "Q-13",
    name: "refuses receipts that it never made, and applies the others",
    run: async (env) => {
      const delivery = await env.running();
      const forged = `${delivery.receipt}0` as typeof delivery.receipt;
      const lost = await env.settle(
        { receipt: forged, kind: "complete" },
        { receipt: delivery.receipt, kind: "complete" },
      );
      same(lost, [forged], "lost receipts");
    },
  },
  {
    law: "Q-14",
    name: "delivers a job again when its lease ended, not before",
    run: async (env) => {
      const first = await env.running({}, { leaseMs: env.span(4) });
      same(first.leaseMs, env.span(4), "the length of the lease that a delivery tells");
      await env.pass(env.span(2.5));
      same((await env.claim(1)).length, 0, "deliveries while the lease holds");
      await env.pass(env.span(2));
      same((await env.claimOne()).job.id, first.job.id, "the job delivered again");
    },
  },
  {
    law: "Q-14",
    name: "shows a job whose lease ended as pending",
    needs: ["lookup"],
    run: async (env) => {
      const { job } = await env.running({}, { leaseMs: env.span(2) });
      same(await env.status(job.id), "running", "the status while it runs");
      await env.pass(env.span(3));
      await env.beat();
      same(await env.status(job.id), "pending", "the status after the lease");
    },
  },
  {
    law: "Q-15",
    name: "extends a lease from the moment of the call",
    run: async (env) => {
      const { receipt } = await env.running({}, { leaseMs: env.span(4) });
      await env.pass(env.span(2));
      same(await env.queue.extend([receipt], env.span(6)), { lost: [], cancelled: [] }, "the answer");
      await env.pass(env.span(4));
      same((await env.claim(1)).length, 0, "deliveries within the extended lease");
      same(await env.settle({ receipt, kind: "complete" }), [], "refused outcomes of the holder");
    },
  },
  {
    law: "Q-15",
    name: "may shorten a lease, and lets it end then",
    run: async (env) => {
      const { receipt, job } = await env.running();
      await env.queue.extend([receipt], env.span(1));
      await env.pass(env.span(2));
      same((await env.claimOne()).job.id, job.id, "the job delivered again");
    },
  },
  {
    law: "Q-15",
    name: "tells which of many leases are lost, and extends the others",
    run: async (env) => {
      await env.put({}, {});
      const [a] = await env.claim(1, { leaseMs: env.span(2) });
      const [b] = await env.claim(1, { leaseMs: env.span(6) });
      await env.pass(env.span(3));
      const receipts = [present(a, "first delivery").receipt, present(b, "second delivery").receipt];
      same(
        await env.queue.extend(receipts, env.span(20)),
        { lost: receipts.slice(0, 1), cancelled: [] },
        "answer",
      );
      await env.pass(env.span(5));
      same((await env.claim(2)).length, 1, "deliveries: the lost one, not the extended one");
    },
  },
];
