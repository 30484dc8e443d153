import type { Settlement } from "@lexigram/contracts";
import { aBody, anError } from "../build/job.ts";
import { same } from "../kit/expect.ts";
import type { QueueCase } from "../kit/run-case.ts";

type Outcome = Settlement extends infer S ? (S extends Settlement ? Omit<S, "receipt"> : never) : never;

const outcomesOtherThanComplete: readonly Outcome[] = [
  { kind: "retry", delayMs: 0, countAttempt: true, error: anError() },
  { kind: "retry", delayMs: 3_600_000, countAttempt: false, error: anError() },
  { kind: "fail", error: anError() },
  { kind: "release", delayMs: 0 },
  { kind: "cancel" },
];

export const cancelling: readonly QueueCase[] = [
  {
    law: "Q-40",
    name: "cancels a job that has not started at once, whatever it waits for",
    needs: ["cancel", "lookup", "delay", "dependencies"],
    run: async (env) => {
      const scheduled = await env.putOne({ delayMs: env.span(2) });
      const pending = await env.putOne();
      const waiting = await env.putOne({ dependsOn: [scheduled] });
      for (const id of [waiting, pending, scheduled]) {
        same(await env.queue.cancel(id), "cancelled", "the answer");
        same(await env.status(id), "cancelled", "the status");
      }
      await env.pass(env.span(3));
      same(await env.drain(), [], "what is delivered");
    },
  },
  {
    law: "Q-41",
    name: "tells the holder of a running job, with every answer until it settles",
    needs: ["cancel"],
    run: async (env) => {
      const { receipt, job } = await env.running();
      same(await env.queue.cancel(job.id), "requested", "the answer");
      for (let i = 0; i < 2; i++) {
        same((await env.worker.exchange()).cancelled, [receipt], "cancelled receipts of an exchange");
        same(await env.queue.extend([receipt], env.longLease), { lost: [], cancelled: [receipt] }, "extend");
      }
      await env.settled({ receipt, kind: "cancel" });
      same((await env.worker.exchange()).cancelled, [], "cancelled receipts after the settlement");
    },
  },
  {
    law: "Q-41",
    name: "shows the request, and cancels from another connection alike",
    needs: ["cancel", "lookup"],
    run: async (env) => {
      const { receipt, job } = await env.running();
      const peer = await env.peer();
      same(await peer.cancel(job.id), "requested", "the answer to the other connection");
      same((await env.worker.exchange()).cancelled, [receipt], "cancelled receipts of the holder");
      const { status, cancelRequested } = await env.view(job.id);
      same({ status, cancelRequested }, { status: "running", cancelRequested: true }, "the job");
    },
  },
  {
    law: "Q-42",
    name: "lets a completion win over the request",
    needs: ["cancel", "lookup"],
    run: async (env) => {
      const delivery = await env.running();
      await env.queue.cancel(delivery.job.id);
      await env.complete(delivery, aBody("done"));
      same(await env.status(delivery.job.id), "completed", "the status");
    },
  },
  {
    law: "Q-42",
    name: "turns every other outcome into cancelled once it was asked for",
    needs: ["cancel", "lookup"],
    run: async (env) => {
      for (const outcome of outcomesOtherThanComplete) {
        const { receipt, job } = await env.running();
        await env.queue.cancel(job.id);
        same(await env.settle({ ...outcome, receipt }), [], `refused ${outcome.kind}`);
        same(await env.status(job.id), "cancelled", `the status after ${outcome.kind}`);
      }
      same(await env.claim(10), [], "deliveries");
    },
  },
  {
    law: "Q-42",
    name: "ends as cancelled when the lease of a job asked to stop ends",
    needs: ["cancel", "lookup"],
    run: async (env) => {
      const { job } = await env.running({}, { leaseMs: env.span(2) });
      await env.queue.cancel(job.id);
      await env.pass(env.span(3));
      same(await env.claim(5), [], "deliveries");
      same(await env.status(job.id), "cancelled", "the status");
    },
  },
  {
    law: "Q-43",
    name: "answers finished for a job that has ended and unknown for one it does not hold",
    needs: ["cancel", "lookup"],
    run: async (env) => {
      const delivery = await env.running();
      await env.complete(delivery);
      same(await env.queue.cancel(delivery.job.id), "finished", "the answer for a completed job");
      same(await env.status(delivery.job.id), "completed", "its status");
      same(await env.queue.cancel(env.name("nobody")), "unknown", "the answer for an unknown job");
    },
  },
  {
    law: "Q-44",
    name: "changes the body and the priority of a job that has not started",
    needs: ["update", "priorities"],
    run: async (env) => {
      const [first, second] = await env.put({}, {});
      const body = aBody("changed");
      const result = await env.queue.update(second ?? "", { priority: 20, body });
      same(
        result.ok && { priority: result.value.priority, body: result.value.body },
        { priority: 20, body },
        "answer",
      );
      const delivery = await env.claimOne();
      same({ id: delivery.job.id, body: delivery.job.body }, { id: second, body }, "the first delivery");
      same((await env.claimOne()).job.id, first, "the second delivery");
    },
  },
  {
    law: "Q-44",
    name: "moves a job in time, later and earlier",
    needs: ["update", "lookup", "delay"],
    run: async (env) => {
      const [soon, late] = (await env.put({}, { delayMs: env.longLease })) as [string, string];
      const now = (await env.view(soon)).createdAt;
      await env.queue.update(soon, { runAt: now + env.span(10) });
      await env.queue.update(late, { runAt: now - 1 });
      same(
        { soon: await env.status(soon), late: await env.status(late) },
        { soon: "scheduled", late: "pending" },
        "",
      );
      same(await env.drain(), [late], "what is delivered now");
      await env.pass(env.span(11));
      same(await env.drain(), [soon], "what is delivered later");
    },
  },
  {
    law: "Q-45",
    name: "refuses to change a job that runs, that has ended, or that it does not hold",
    needs: ["update", "lookup"],
    run: async (env) => {
      const code = async (id: string): Promise<string | undefined> => {
        const result = await env.queue.update(id, { priority: 1 });
        return result.ok ? undefined : result.error.code;
      };
      const delivery = await env.running();
      same(await code(delivery.job.id), "LEX_ERR_TASK_NOT_ALLOWED", "a running job");
      await env.complete(delivery);
      same(await code(delivery.job.id), "LEX_ERR_TASK_NOT_ALLOWED", "a completed job");
      same(await code(env.name("nobody")), "LEX_ERR_TASK_JOB_NOT_FOUND", "an unknown job");
      same(await env.status(delivery.job.id), "completed", "its status");
    },
  },
];
