import type { Delivery } from "@lexigram/contracts";
import { holds, present, same } from "../kit/expect.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";

const counts = (d: Pick<Delivery, "attempt" | "recoveries" | "deferrals">): object => ({
  attempt: d.attempt,
  recoveries: d.recoveries,
  deferrals: d.deferrals,
});

/** Loses the worker of a started attempt: claims and lets the lease end. */
async function crash(env: QueueEnv): Promise<Delivery> {
  const delivery = await env.claimOne({ leaseMs: env.span(2) });
  await env.pass(env.span(3));
  return delivery;
}

export const counters: readonly QueueCase[] = [
  {
    law: "Q-20",
    name: "counts an attempt that ended by its outcome, and a deferral instead when told so",
    run: async (env) => {
      const first = await env.running();
      same(counts(first), { attempt: 1, recoveries: 0, deferrals: 0 }, "the first delivery");
      await env.retry(first);
      const second = await env.claimOne();
      same(counts(second), { attempt: 2, recoveries: 0, deferrals: 0 }, "after a counted retry");
      await env.retry(second, { countAttempt: false });
      same(counts(await env.claimOne()), { attempt: 2, recoveries: 0, deferrals: 1 }, "after a deferral");
    },
  },
  {
    law: "Q-20",
    name: "shows the attempt that runs or ran last, and none before the first",
    needs: ["lookup"],
    run: async (env) => {
      const id = await env.putOne();
      same((await env.view(id)).attempt, 0, "the attempt of a job that never ran");
      const delivery = await env.claimOne();
      same((await env.view(id)).attempt, 1, "the attempt of a running job");
      await env.complete(delivery);
      same((await env.view(id)).attempt, 1, "the attempt of a completed job");
    },
  },
  {
    law: "Q-21",
    name: "counts a recovery, not an attempt, when a started attempt loses its worker",
    needs: ["exact recoveries"],
    run: async (env) => {
      await env.put({});
      await crash(env);
      const second = await env.claimOne();
      same(counts(second), { attempt: 1, recoveries: 1, deferrals: 0 }, "after a lost worker");
      await env.retry(second);
      same(counts(await env.claimOne()), { attempt: 2, recoveries: 1, deferrals: 0 }, "after a retry");
    },
  },
  {
    law: "Q-22",
    name: "counts nothing for a delivery claimed ahead that was never started",
    needs: ["started"],
    run: async (env) => {
      await env.put({});
      const [ahead] = await env.claim(0, { ahead: 1, leaseMs: env.span(2) });
      same(present(ahead, "a delivery claimed ahead").started, false, "whether it counts as started");
      await env.pass(env.span(3));
      same(counts(await env.claimOne()), { attempt: 1, recoveries: 0, deferrals: 0 }, "the next delivery");
    },
  },
  {
    law: "Q-23",
    name: "burns nothing of unstarted jobs when a worker crashes with a full buffer",
    needs: ["started", "lookup"],
    run: async (env) => {
      const ids = await env.put(...Array.from({ length: 12 }, () => ({ maxRecoveries: 0 })));
      const claimed = await env.claim(2, { ahead: 10, leaseMs: env.span(2) });
      same(claimed.length, 12, "deliveries");
      await env.pass(env.span(3));
      await env.beat();
      const unstarted = claimed.filter((d) => !d.started).map((d) => d.job.id);
      same(unstarted.length, 10, "deliveries that were not started");
      for (const id of unstarted) {
        const view = await env.view(id);
        same(
          { status: view.status, attempt: view.attempt },
          { status: "pending", attempt: 0 },
          "an unstarted job",
        );
      }
      same(
        (await env.drain()).toSorted(),
        ids.filter((id) => unstarted.includes(id)).toSorted(),
        "what runs again",
      );
    },
  },
  {
    law: "Q-23",
    name: "burns nothing of an unstarted job whose attempts are used up",
    needs: ["started"],
    run: async (env) => {
      await env.retry(await env.running({ maxRecoveries: 0 }));
      const [ahead] = await env.claim(0, { ahead: 1, leaseMs: env.span(2) });
      same(present(ahead, "the second attempt, claimed ahead").attempt, 2, "its attempt");
      await env.pass(env.span(3));
      same(counts(await env.claimOne()), { attempt: 2, recoveries: 0, deferrals: 0 }, "the next delivery");
    },
  },
  {
    law: "Q-24",
    name: "fills the slots first, then what is claimed ahead",
    needs: ["started"],
    run: async (env) => {
      const ids = await env.put({}, {}, {}, {}, {});
      const claimed = await env.claim(2, { ahead: 2 });
      same(
        claimed.map((d) => ({ id: d.job.id, started: d.started })),
        ids.slice(0, 4).map((id, i) => ({ id, started: i < 2 })),
        "deliveries for two slots and two ahead",
      );
    },
  },
  {
    law: "Q-24",
    name: "counts a delivery claimed ahead as started once it is named",
    needs: ["started"],
    run: async (env) => {
      await env.put({});
      const [ahead] = await env.claim(0, { ahead: 1, leaseMs: env.span(4) });
      const reply = await env.worker.exchange({ started: [present(ahead, "a delivery claimed ahead")] });
      same(reply.lost, [], "refused starts");
      await env.pass(env.span(5));
      same(counts(await env.claimOne()), { attempt: 1, recoveries: 1, deferrals: 0 }, "the next delivery");
    },
  },
  {
    law: "Q-25",
    name: "never claims a recovered job ahead",
    needs: ["started"],
    run: async (env) => {
      const recovered = await env.putOne();
      await crash(env);
      same((await env.claim(0, { ahead: 5 })).length, 0, "deliveries ahead");
      await env.put({});
      const ahead = await env.claim(0, { ahead: 5 });
      holds(!ahead.some((d) => d.job.id === recovered), "the recovered job is not among those claimed ahead");
      same((await env.claimOne()).job.id, recovered, "the delivery for a free slot");
    },
  },
  {
    law: "Q-25",
    name: "claims nothing ahead again that may have begun: a job that ends its worker at once is counted",
    needs: ["started"],
    run: async (env) => {
      const id = await env.putOne();
      same((await env.claim(0, { ahead: 5, leaseMs: env.span(2) })).length, 1, "deliveries ahead");
      for (let recoveries = 0; recoveries < 2; recoveries++) {
        await env.pass(env.span(3));
        same((await env.claim(0, { ahead: 5 })).length, 0, "deliveries ahead, once its lease has ended");
        const next = await env.claimOne({ leaseMs: env.span(2) });
        same(next.job.id, id, "the job");
        same(counts(next), { attempt: 1, recoveries, deferrals: 0 }, "its counters");
      }
    },
  },
  {
    law: "Q-26",
    name: "counts nothing for a job handed back, and puts it at the head of its line",
    run: async (env) => {
      const ids = await env.put({}, {}, {});
      const first = await env.claimOne();
      await env.release(first);
      const again = await env.claimOne();
      same(again.job.id, ids[0], "the next job");
      same(counts(again), { attempt: 1, recoveries: 0, deferrals: 0 }, "its counters");
    },
  },
  {
    law: "Q-26",
    name: "puts several jobs handed back at once before the others",
    run: async (env) => {
      const ids = await env.put({}, {}, {}, {});
      const claimed = await env.claim(2);
      await env.settled(
        ...claimed.map((d) => ({ receipt: d.receipt, kind: "release" as const, delayMs: 0 })),
      );
      const order = await env.drain();
      same(order.slice(0, 2).toSorted(), ids.slice(0, 2).toSorted(), "the first two");
      same(order.slice(2), ids.slice(2), "the rest");
    },
  },
  {
    law: "Q-26",
    name: "leaves a job that is handed back out of its first start as one that was never started",
    needs: ["expiry", "lookup"],
    run: async (env) => {
      const delivery = await env.running({ expiresInMs: env.span(3) });
      await env.release(delivery);
      await env.pass(env.span(4));
      await env.beat();
      same(await env.status(delivery.job.id), "expired", "the status after its time");
    },
  },
  {
    law: "Q-27",
    name: "puts a job aside as poison when it lost more workers than it may, in the step that sees it",
    needs: ["quarantine", "exact recoveries", "lookup"],
    run: async (env) => {
      const id = await env.putOne({ maxRecoveries: 2 });
      for (let i = 0; i < 2; i++) await crash(env);
      await env.beat();
      same(await env.status(id), "pending", "the status after two lost workers");
      await crash(env);
      await env.beat();
      const view = await env.view(id);
      same(
        { status: view.status, reason: view.reason },
        { status: "failed", reason: "poison" },
        "after the third",
      );
      same(view.error?.code, "LEX_ERR_TASK_POISON", "the code of its error");
      same(await env.drain(), [], "what is delivered");
    },
  },
  {
    law: "Q-27",
    name: "allows three lost workers when nothing is said",
    needs: ["quarantine", "exact recoveries", "lookup"],
    run: async (env) => {
      const id = await env.putOne();
      for (let i = 0; i < 3; i++) same((await crash(env)).recoveries, i, "recoveries of the delivery");
      same((await crash(env)).recoveries, 3, "recoveries of the last delivery");
      await env.beat();
      same((await env.view(id)).reason, "poison", "the reason");
    },
  },
  {
    law: "Q-28",
    name: "runs a job with maxRecoveries 0 at most once",
    needs: ["quarantine", "exact recoveries"],
    run: async (env) => {
      await env.put({ maxRecoveries: 0 });
      await crash(env);
      same(await env.claim(5), [], "deliveries after a lost worker");
    },
  },
];
