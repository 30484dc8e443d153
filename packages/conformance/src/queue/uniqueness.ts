import type { JobId, NewJob, Unique } from "@lexigram/contracts";
import { accepted, refused, same } from "../kit/expect.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";

const holding = (given: Partial<Unique> = {}): { unique: Unique } => ({
  unique: { key: "invoice-7", until: "settled", onConflict: "reject", ...given },
});

/** @returns the job that has the key now. */
async function free(env: QueueEnv, what: string): Promise<JobId> {
  const [result] = await env.worker.enqueue([env.job(holding())]);
  return accepted(result, `the key ${what}`).id;
}

async function held(
  env: QueueEnv,
  by: string,
  what: string,
  given: Partial<NewJob> = holding(),
): Promise<void> {
  const error = refused((await env.worker.enqueue([env.job(given)]))[0], "LEX_ERR_TASK_DUPLICATE", what);
  const { existingId, key } = error.fields as { readonly existingId?: string; readonly key?: string };
  same({ existingId, key }, { existingId: by, key: "invoice-7" }, `fields of the refusal: ${what}`);
}

const needs = ["unique", "lookup"] as const;

export const uniqueness: readonly QueueCase[] = [
  {
    law: "Q-66",
    name: "holds a key until the job is first started",
    needs: ["unique"],
    run: async (env) => {
      const until = holding({ until: "started" });
      const id = await env.putOne(until);
      await held(env, id, "before the start", until);
      await env.claimOne();
      await env.put(until);
    },
  },
  {
    law: "Q-66",
    name: "holds a key while its job is claimed ahead but not started",
    needs: ["unique", "started"],
    run: async (env) => {
      const until = holding({ until: "started" });
      const id = await env.putOne(until);
      const ahead = await env.claim(0, { ahead: 1 });
      await held(env, id, "while claimed ahead", until);
      await env.worker.exchange({ started: ahead });
      await env.put(until);
    },
  },
  {
    law: "Q-67",
    name: "holds a key over claims and retries until the job is settled",
    needs: ["unique"],
    run: async (env) => {
      const first = await env.running(holding());
      await held(env, first.job.id, "while it runs");
      await env.retry(first);
      await held(env, first.job.id, "while it waits for its retry");
      await env.complete(await env.claimOne());
      await free(env, "of a completed job");
    },
  },
  {
    law: "Q-67",
    name: "frees a key with every other end of its job",
    needs: ["unique", "lookup", "cancel", "expiry", "deadLetters"],
    run: async (env) => {
      const failed = await env.running(holding());
      await env.fail(failed);
      const cancelled = await free(env, "of a failed job");
      await env.queue.cancel(cancelled);
      const deleted = await free(env, "of a cancelled job");
      await env.queue.deleteJob(deleted);
      const expiring = await env.putOne({ ...holding(), expiresInMs: env.span(2) });
      await held(env, expiring, "before it expires");
      await env.pass(env.span(3));
      await env.beat();
      await free(env, "of an expired job");
      await env.queue.clear();
      await free(env, "of a cleared job");
    },
  },
  {
    law: "Q-67",
    name: "does not free a key that a later job holds by now",
    needs,
    run: async (env) => {
      const first = await env.running(holding({ until: "started" }));
      const second = await env.putOne(holding());
      await env.complete(first);
      await env.queue.deleteJob(first.job.id);
      await held(env, second, "after the earlier holder is gone");
    },
  },
  {
    law: "Q-68",
    name: "holds a key for its time, whatever happens to the job",
    needs,
    run: async (env) => {
      const ttl = holding({ until: { ttlMs: env.span(6) } });
      const delivery = await env.running(ttl);
      await env.complete(delivery);
      await held(env, delivery.job.id, "after completion", ttl);
      await env.pass(env.span(7));
      await env.beat();
      await env.put(ttl);
    },
  },
  {
    law: "Q-68",
    name: "holds a key for its time though the record is not kept",
    needs,
    run: async (env) => {
      await env.queue.setPolicy({ keepCompleted: 0 });
      const ttl = holding({ until: { ttlMs: env.span(6) }, onConflict: "existing" });
      const delivery = await env.running(ttl);
      await env.complete(delivery);
      const [result] = await env.worker.enqueue([env.job(ttl)]);
      same(accepted(result, "the second job"), { id: delivery.job.id, outcome: "existing" }, "the answer");
      await env.pass(env.span(7));
      const [later] = await env.worker.enqueue([env.job(ttl)]);
      same(accepted(later, "a job after the time").outcome, "accepted", "the answer after the time");
    },
  },
  {
    law: "Q-69",
    name: "answers with the holder when told to, also inside one batch",
    needs: ["unique"],
    run: async (env) => {
      const existing = holding({ onConflict: "existing" });
      const jobs = env.jobs(3, existing);
      const results = await env.worker.enqueue(jobs);
      const id = jobs[0]?.id ?? "";
      same(
        results.map((r) => accepted(r, "a job")),
        [
          { id, outcome: "accepted" },
          { id, outcome: "existing" },
          { id, outcome: "existing" },
        ],
        "the answers",
      );
      same(await env.drain(), [id], "what is delivered");
    },
  },
  {
    law: "Q-69",
    name: "puts a newcomer in the holder's place while that has not started",
    needs,
    run: async (env) => {
      const replace = holding({ onConflict: "replace" });
      const first = await env.putOne(replace);
      const second = env.job(replace);
      const [result] = await env.worker.enqueue([second]);
      same(accepted(result, "the second job"), { id: second.id, outcome: "replaced" }, "the answer");
      same(await env.drain(), [second.id], "what is delivered");
      const status = await env.status(first);
      same(
        status === undefined || status === "cancelled",
        true,
        `the replaced job is gone or cancelled, not ${status}`,
      );
    },
  },
  {
    law: "Q-69",
    name: "refuses to replace a job that runs, and a plain second job",
    needs: ["unique"],
    run: async (env) => {
      const replace = holding({ onConflict: "replace" });
      const { job } = await env.running(replace);
      await held(env, job.id, "a replacement of a running job", replace);
      await held(env, job.id, "a plain second job");
      await env.put({ unique: { key: "invoice-8", until: "settled", onConflict: "reject" } });
    },
  },
  {
    law: "Q-69",
    name: "lets one of many win at the same moment",
    needs: ["unique"],
    run: async (env) => {
      const peer = await env.peer();
      const sessions = Array.from({ length: 6 }, (_, i) => env.session(i % 2 === 0 ? env.queue : peer));
      const answers = await Promise.all(sessions.map((s) => s.enqueue([env.job(holding())])));
      same(answers.flat().filter((r) => r.ok).length, 1, "accepted jobs");
    },
  },
];
