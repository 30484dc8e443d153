import { aBody, anError } from "../build/job.ts";
import { holds, present, same } from "../kit/expect.ts";
import type { QueueCase } from "../kit/run-case.ts";

export const outcomes: readonly QueueCase[] = [
  {
    law: "Q-29",
    name: "keeps the result of a completed job",
    needs: ["lookup", "results"],
    run: async (env) => {
      const delivery = await env.running();
      const result = aBody({ sum: 42, none: null });
      await env.complete(delivery, result);
      const view = await env.view(delivery.job.id);
      same(
        { status: view.status, result: view.result },
        { status: "completed", result },
        "the completed job",
      );
      holds(view.finishedAt !== undefined, "a completed job tells when it ended");
    },
  },
  {
    law: "Q-29",
    name: "tells a completion without a result from one with a falsy result",
    needs: ["results"],
    run: async (env) => {
      const none = await env.running();
      await env.complete(none);
      const falsy = await env.running();
      await env.complete(falsy, { data: "", encoding: "text" });
      const [a, b] = await env.queue.results([none.job.id, falsy.job.id]);
      same(present(a, "first outcome").result, undefined, "no result");
      same(present(b, "second outcome").result, { data: "", encoding: "text" }, "an empty result");
    },
  },
  {
    law: "Q-29",
    name: "never delivers a completed job again",
    run: async (env) => {
      await env.complete(await env.running({}, { leaseMs: env.span(2) }));
      await env.pass(env.span(3));
      same(await env.claim(5), [], "deliveries");
    },
  },
  {
    law: "Q-30",
    name: "delivers a retried job not before its delay, and then",
    needs: ["delay"],
    run: async (env) => {
      const delivery = await env.running();
      await env.retry(delivery, { delayMs: env.span(4) });
      await env.pass(env.span(2.5));
      same((await env.claim(1)).length, 0, "deliveries before the delay is over");
      await env.pass(env.span(2));
      same((await env.claimOne()).job.id, delivery.job.id, "the job delivered after the delay");
    },
  },
  {
    law: "Q-30",
    name: "shows a job that waits for its retry as retrying, with its error",
    needs: ["delay", "lookup"],
    run: async (env) => {
      const { receipt, job } = await env.running();
      const error = { name: "TypeError", message: "no such thing", code: "E_THING" };
      await env.settled({ receipt, kind: "retry", delayMs: env.longLease, countAttempt: true, error });
      const view = await env.view(job.id);
      same({ status: view.status, error: view.error }, { status: "retrying", error }, "the job");
      await env.put({ delayMs: env.longLease });
      same(await env.queue.count("retrying"), 1, "the count of retrying jobs");
    },
  },
  {
    law: "Q-30",
    name: "tells retrying jobs from others that wait for their time in how the queue stands",
    needs: ["delay", "exact lookup"],
    run: async (env) => {
      await env.retry(await env.running(), { delayMs: env.longLease });
      await env.put({ delayMs: env.longLease });
      const { counts, retrying } = await env.queue.stats();
      same({ scheduled: counts.scheduled, retrying }, { scheduled: 2, retrying: 1 }, "stats");
    },
  },
  {
    law: "Q-31",
    name: "puts a failed job into the dead letters with its error and reason",
    needs: ["deadLetters", "lookup"],
    run: async (env) => {
      const { receipt, job } = await env.running();
      const error = { name: "RangeError", message: "too far", code: "E_FAR" };
      await env.settled({ receipt, kind: "fail", error, reason: "rejected" });
      const view = await env.view(job.id);
      const { status, reason } = view;
      same({ status, reason, error: view.error }, { status: "failed", reason: "rejected", error }, "the job");
      const letter = present(await env.queue.deadLetters.get(job.id), "its dead letter");
      same(
        { error: letter.error, reason: letter.reason, id: letter.job.id },
        { error, reason, id: job.id },
        "it",
      );
    },
  },
  {
    law: "Q-31",
    name: "takes failed for the reason when none is given, and delivers the job no more",
    needs: ["deadLetters"],
    run: async (env) => {
      const delivery = await env.running();
      await env.fail(delivery);
      same((await env.queue.deadLetters.get(delivery.job.id))?.reason, "failed", "the reason");
      same(await env.claim(5), [], "deliveries");
    },
  },
  {
    law: "Q-32",
    name: "ends a job as cancelled when its attempt says so",
    needs: ["lookup"],
    run: async (env) => {
      const { receipt, job } = await env.running();
      await env.settled({ receipt, kind: "cancel", error: anError("discarded") });
      const view = await env.view(job.id);
      same(
        { status: view.status, message: view.error?.message },
        { status: "cancelled", message: "discarded" },
        "it",
      );
      same(await env.claim(5), [], "deliveries");
    },
  },
  {
    law: "Q-33",
    name: "delivers a job handed back with a delay not before it is over",
    needs: ["delay"],
    run: async (env) => {
      const delivery = await env.running();
      await env.release(delivery, env.span(4));
      await env.pass(env.span(2.5));
      same((await env.claim(1)).length, 0, "deliveries before the delay is over");
      await env.pass(env.span(2));
      const again = await env.claimOne();
      same(
        { id: again.job.id, attempt: again.attempt },
        { id: delivery.job.id, attempt: 1 },
        "the next delivery",
      );
    },
  },
  {
    law: "Q-33",
    name: "settles before it claims, so that a handed back job can come in the same answer",
    run: async (env) => {
      const { receipt, job } = await env.running();
      const settle = [{ receipt, kind: "release", delayMs: 0 }] as const;
      const { deliveries } = await env.worker.exchange({ settle, slots: 1 });
      same(
        deliveries.map((d) => d.job.id),
        [job.id],
        "deliveries",
      );
    },
  },
];
