import { type JobId, MAX_DEPENDENCIES } from "@lexigram/contracts";
import { holds, refused, same } from "../kit/expect.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";

const needs = ["dependencies", "lookup"] as const;

/** What a settlement, the beat that follows it and the claim may release together: two steps of 200. */
const MOST_RELEASED = 400;

/** Every way a job can end, driven on a child that is stored and, where that matters, running. */
const ends: Readonly<
  Record<string, (env: QueueEnv, child: (given?: object) => Promise<JobId>) => Promise<unknown>>
> = {
  completion: async (env, child) => {
    await child();
    await env.complete(await env.claimOne());
  },
  failure: async (env, child) => {
    await child();
    await env.fail(await env.claimOne());
  },
  "a cancelling settlement": async (env, child) => {
    await child();
    await env.settled({ receipt: (await env.claimOne()).receipt, kind: "cancel" });
  },
  cancellation: async (env, child) => env.queue.cancel(await child()),
  expiry: async (env, child) => {
    await child({ expiresInMs: env.span(1) });
    await env.pass(env.span(2));
    await env.beat();
  },
  quarantine: async (env, child) => {
    await child({ maxRecoveries: 0 });
    await env.claimOne({ leaseMs: env.span(1) });
    await env.pass(env.span(2));
    await env.beat();
  },
  deletion: async (env, child) => env.queue.deleteJob(await child()),
  "deletion while it runs": async (env, child) => {
    const id = await child();
    await env.claimOne();
    await env.queue.deleteJob(id);
  },
  clearing: async (env, child) => {
    await child({ delayMs: env.longLease });
    await env.queue.clear({ status: "scheduled" });
  },
};

export const dependencies: readonly QueueCase[] = [
  {
    law: "Q-70",
    name: "lets a job wait until all it depends on have completed",
    needs,
    run: async (env) => {
      const [a, b] = [await env.running(), await env.running()];
      const id = await env.putOne({ dependsOn: [a.job.id, b.job.id], priority: 20 });
      same(await env.status(id), "waiting", "the status at first");
      await env.complete(a);
      await env.beat();
      same(await env.claim(5), [], "deliveries after the first");
      await env.complete(b);
      await env.beat();
      same((await env.claimOne()).job.id, id, "the delivery after the last");
    },
  },
  {
    law: "Q-70",
    name: "does not wait for what has completed already, nor twice for the same",
    needs,
    run: async (env) => {
      const done = await env.running();
      await env.complete(done);
      const ready = await env.putOne({ dependsOn: [done.job.id] });
      same(await env.drain(), [ready], "what is delivered");
      const first = await env.running();
      const twice = await env.putOne({ dependsOn: [first.job.id, first.job.id] });
      await env.complete(first);
      await env.beat();
      same(await env.drain(), [twice], "what is delivered of a job that names one dependency twice");
    },
  },
  {
    law: "Q-70",
    name: "takes a chain in one batch, and runs it in order, delay after delay",
    needs: ["dependencies", "delay"],
    run: async (env) => {
      const [a, b, c] = [env.job(), env.job(), env.job()];
      const chain = [a, { ...b, dependsOn: [a.id] }, { ...c, dependsOn: [b.id], delayMs: env.span(3) }];
      same(
        (await env.worker.enqueue(chain)).map((r) => r.ok),
        [true, true, true],
        "the answers",
      );
      same((await env.claimOne()).job.id, a.id, "the only delivery");
      same(await env.claim(5), [], "further deliveries");
    },
  },
  {
    law: "Q-71",
    name: "cancels a job when one it depends on ends otherwise, and those behind it",
    needs: ["dependencies", "lookup", "cancel"],
    run: async (env) => {
      for (const end of ["fail", "cancel", "delete"] as const) {
        const first = await env.running();
        const second = await env.putOne({ dependsOn: [first.job.id] });
        const third = await env.putOne({ dependsOn: [second] });
        if (end === "fail") await env.fail(first);
        else if (end === "cancel") await env.settled({ receipt: first.receipt, kind: "cancel" });
        else await env.queue.deleteJob(first.job.id);
        for (let i = 0; i < 4; i++) await env.beat();
        same(
          [await env.status(second), await env.status(third)],
          ["cancelled", "cancelled"],
          `statuses after ${end}`,
        );
      }
      same(await env.claim(5), [], "deliveries");
    },
  },
  {
    law: "Q-71",
    name: "cancels at once a job that depends on one that ended otherwise before",
    needs: ["dependencies", "lookup", "deadLetters"],
    run: async (env) => {
      const failed = await env.running();
      await env.fail(failed);
      const id = await env.putOne({ dependsOn: [failed.job.id] });
      await env.beat();
      same(await env.status(id), "cancelled", "the status");
    },
  },
  {
    law: "Q-72",
    name: "refuses a job that depends on one the queue does not know, or on too many",
    needs,
    run: async (env) => {
      const known = await env.putOne();
      const unknown = env.job({ dependsOn: [known, env.name("nobody")] });
      const [result] = await env.worker.enqueue([unknown]);
      same(result?.ok, false, "whether it was accepted");
      same(await env.status(unknown.id), undefined, "its status");
      const ids = await env.put(...Array.from({ length: MAX_DEPENDENCIES + 1 }, () => ({})));
      const most = env.job({ dependsOn: ids.slice(0, MAX_DEPENDENCIES) });
      const [fits, tooMany] = await env.worker.enqueue([most, env.job({ dependsOn: ids })]);
      same(fits?.ok, true, `whether ${MAX_DEPENDENCIES} dependencies are accepted`);
      refused(tooMany, "LEX_ERR_TASK_VALIDATION", `${ids.length} dependencies`);
    },
  },
  {
    law: "Q-73",
    name: "counts each child of a barrier once, over every kind of end",
    needs: ["dependencies", "lookup", "cancel", "expiry", "quarantine", "delay", "deadLetters"],
    run: async (env) => {
      const kinds = Object.entries(ends);
      const callback = await env.putOne({ barrier: { size: kinds.length } });
      for (const [kind, end] of kinds) {
        same(await env.status(callback), "waiting", `the callback before a child's ${kind}`);
        await end(env, (given) => env.putOne({ notifies: callback, ...given }));
        await env.beat();
      }
      same(await env.status(callback), "pending", "the callback after the last child");
      same(await env.drain(), [callback], "what is delivered");
    },
  },
  {
    law: "Q-73",
    name: "does not count a child again that is redriven, retried, settled late or deleted after its end",
    needs: ["dependencies", "lookup", "deadLetters"],
    run: async (env) => {
      const callback = await env.putOne({ barrier: { size: 3 } });
      const child = await env.running({ notifies: callback });
      await env.retry(child);
      const again = await env.claimOne();
      await env.fail(again);
      await env.settle({ receipt: again.receipt, kind: "complete" });
      await env.queue.deadLetters.retry(child.job.id);
      await env.complete(await env.claimOne());
      await env.queue.deleteJob(child.job.id);
      await env.running({ notifies: callback }).then((d) => env.complete(d));
      await env.beat();
      same(await env.status(callback), "waiting", "the callback after two of three children");
      await env.running({ notifies: callback }).then((d) => env.complete(d));
      await env.beat();
      same(await env.status(callback), "pending", "the callback after three children");
    },
  },
  {
    law: "Q-74",
    name: "lets a callback wait for its barrier and for its dependencies alike",
    needs,
    run: async (env) => {
      const first = await env.running();
      const callback = await env.putOne({ barrier: { size: 1 }, dependsOn: [first.job.id] });
      const child = await env.running({ notifies: callback });
      await env.complete(child);
      await env.beat();
      same(await env.status(callback), "waiting", "the callback after its child");
      await env.complete(first);
      await env.beat();
      same(await env.drain(), [callback], "what is delivered after its dependency");
    },
  },
  {
    law: "Q-74",
    name: "takes children of a barrier in the batch of the callback, and settles them in one step",
    needs,
    run: async (env) => {
      const callback = env.job({ barrier: { size: 30 } });
      const results = await env.worker.enqueue([callback, ...env.jobs(30, { notifies: callback.id })]);
      same(results.filter((r) => r.ok).length, 31, "accepted jobs");
      const children = await env.claim(50);
      same(children.length, 30, "delivered children");
      await env.settled(...children.map((d) => ({ receipt: d.receipt, kind: "complete" as const })));
      await env.beat();
      same((await env.claimOne()).job.id, callback.id, "the delivery after the last child");
    },
  },
  {
    law: "Q-76",
    name: "releases a fan-out of a thousand in steps, and all of it",
    needs: ["dependencies"],
    run: async (env) => {
      const first = await env.running();
      const ids: JobId[] = [];
      for (let i = 0; i < 5; i++)
        ids.push(...(await env.put(...Array.from({ length: 200 }, () => ({ dependsOn: [first.job.id] })))));
      await env.complete(first);
      const seen: JobId[] = [];
      for (let steps = 0; steps < 40 && seen.length < ids.length; steps++) {
        const claimed = await env.claim(ids.length);
        holds(
          claimed.length <= MOST_RELEASED,
          `one step released ${claimed.length} jobs, ${MOST_RELEASED} at most may be`,
        );
        seen.push(...claimed.map((d) => d.job.id));
        await env.settled(...claimed.map((d) => ({ receipt: d.receipt, kind: "complete" as const })));
      }
      same(new Set(seen), new Set(ids), "what was delivered");
      same(seen.length, ids.length, "how many deliveries");
    },
  },
  {
    law: "Q-76",
    name: "cancels a fan-out of a thousand in steps, and all of it",
    needs: ["dependencies", "lookup", "deadLetters"],
    run: async (env) => {
      const first = await env.running();
      for (let i = 0; i < 5; i++)
        await env.put(...Array.from({ length: 200 }, () => ({ dependsOn: [first.job.id] })));
      await env.fail(first);
      for (let steps = 0; steps < 40 && (await env.queue.count("waiting")) > 0; steps++) await env.beat();
      same(await env.queue.count("waiting"), 0, "jobs that still wait");
      same(await env.claim(5), [], "deliveries");
    },
  },
];
