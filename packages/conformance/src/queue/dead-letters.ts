import { aBody, anError } from "../build/job.ts";
import { holds, present, refused, same } from "../kit/expect.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";

/** Puts jobs of these tasks into the dead letters, one after the other. @returns their ids, the oldest first. */
async function dead(env: QueueEnv, ...tasks: string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const task of tasks) {
    const delivery = await env.running({ task });
    await env.fail(delivery, `of ${task}`);
    ids.push(delivery.job.id);
    await env.pass(env.span(0.1));
  }
  return ids;
}

const needs = ["deadLetters", "lookup"] as const;

export const deadLetters: readonly QueueCase[] = [
  {
    law: "Q-61",
    name: "lists dead letters newest first, page by page, and by task",
    needs,
    run: async (env) => {
      const ids = await dead(env, "a", "b", "a", "b", "a");
      const letters = env.queue.deadLetters;
      const first = await letters.list({ limit: 3 });
      same(
        first.items.map((l) => l.job.id),
        ids.toReversed().slice(0, 3),
        "the first page",
      );
      const rest = await letters.list({
        limit: 3,
        ...(first.cursor === undefined ? {} : { cursor: first.cursor }),
      });
      same(
        rest.items.map((l) => l.job.id),
        ids.toReversed().slice(3),
        "the second page",
      );
      same(rest.cursor, undefined, "the cursor of the last page");
      const ofB = await letters.list({ task: "b" });
      same(
        ofB.items.map((l) => l.job.id),
        [ids[3], ids[1]],
        "those of a task",
      );
    },
  },
  {
    law: "Q-61",
    name: "tells of a dead letter its job, error, reason and time, and of another nothing",
    needs,
    run: async (env) => {
      const [id] = (await dead(env, "a")) as [string];
      const letter = present(await env.queue.deadLetters.get(id), "the dead letter");
      const { job, error, reason } = letter;
      same(
        { id: job.id, status: job.status, error: error.message, reason },
        { id, status: "failed", error: "of a", reason: "failed" },
        "the dead letter",
      );
      same(letter.failedAt, (await env.view(id)).finishedAt ?? 0, "failedAt");
      const pending = await env.putOne();
      for (const other of [pending, env.name("nobody")])
        same(await env.queue.deadLetters.get(other), undefined, "the letter of a job that did not fail");
    },
  },
  {
    law: "Q-62",
    name: "redrives a job to the tail of its line, with a new budget and a link to its failure",
    needs,
    run: async (env) => {
      await env.put({});
      await env.retry(await env.claimOne());
      const second = await env.claimOne();
      await env.fail(second, "twice");
      const before = present(await env.queue.deadLetters.get(second.job.id), "the dead letter");
      const other = await env.putOne();
      same(
        await env.queue.deadLetters.retry(second.job.id),
        { ok: true, value: second.job.id },
        "the answer",
      );
      const view = await env.view(second.job.id);
      same(
        { status: view.status, attempt: view.attempt, redrives: view.redrives, reason: view.reason },
        { status: "pending", attempt: 0, redrives: 1, reason: undefined },
        "the redriven job",
      );
      const link = { id: second.job.id, failedAt: before.failedAt, reason: "failed", attempt: 2 } as const;
      same(view.replayOf === undefined ? undefined : { ...view.replayOf }, link, "the link to its failure");
      same((await env.claimOne()).job.id, other, "the first delivery");
      const again = await env.claimOne();
      same(
        { id: again.job.id, attempt: again.attempt },
        { id: second.job.id, attempt: 1 },
        "the second delivery",
      );
    },
  },
  {
    law: "Q-62",
    name: "refuses to redrive what is not dead or not there",
    needs,
    run: async (env) => {
      const pending = await env.putOne();
      const letters = env.queue.deadLetters;
      refused(await letters.retry(pending), "LEX_ERR_TASK_NOT_ALLOWED", "a pending job");
      refused(await letters.retry(env.name("nobody")), "LEX_ERR_TASK_JOB_NOT_FOUND", "an unknown job");
      same(await env.drain(), [pending], "what is delivered");
    },
  },
  {
    law: "Q-62",
    name: "gives a poisoned job its recoveries back",
    needs: ["deadLetters", "quarantine"],
    run: async (env) => {
      const id = await env.putOne({ maxRecoveries: 0 });
      await env.claimOne({ leaseMs: env.span(2) });
      await env.pass(env.span(3));
      await env.beat();
      same(await env.queue.deadLetters.retry(id), { ok: true, value: id }, "the answer");
      const again = await env.claimOne();
      same({ id: again.job.id, recoveries: again.recoveries }, { id, recoveries: 0 }, "the delivery");
    },
  },
  {
    law: "Q-63",
    name: "redrives all, oldest first, or those of a task",
    needs,
    run: async (env) => {
      const ids = await dead(env, "a", "b", "a", "b");
      same(await env.queue.deadLetters.retryAll({ task: "b" }), 2, "redriven jobs of a task");
      same(await env.drain(), [ids[1], ids[3]], "what is delivered of the task");
      same(await env.queue.deadLetters.retryAll(), 2, "redriven jobs");
      same(await env.drain(), [ids[0], ids[2]], "what is delivered of the rest");
      same(await env.queue.deadLetters.retryAll(), 0, "redriven jobs of none");
    },
  },
  {
    law: "Q-64",
    name: "removes one, purges by age and clears all",
    needs,
    run: async (env) => {
      const letters = env.queue.deadLetters;
      const [first, old] = await dead(env, "a", "a");
      same(await letters.remove(first ?? ""), true, "remove");
      same(await letters.remove(first ?? ""), false, "remove again");
      same(await letters.remove(await env.putOne()), false, "remove of a pending job");
      await env.drain();
      await env.pass(env.span(5));
      const [young] = await dead(env, "a");
      same(await letters.purge(env.span(3)), 1, "purged by age");
      same(await env.status(old ?? ""), undefined, "the old one");
      same(await env.status(young ?? ""), "failed", "the young one");
      same(await letters.purge(0), 1, "purged by age 0");
      await dead(env, "a", "a");
      same(await letters.clear(), 2, "cleared");
      same(await letters.size(), 0, "size");
    },
  },
  {
    law: "Q-64",
    name: "tells how many there are, of which tasks, and what was done with them",
    needs,
    run: async (env) => {
      const letters = env.queue.deadLetters;
      await env.queue.setPolicy({ keepFailed: { ageMs: env.longLease, count: 77 } });
      const [a, b] = (await dead(env, "a", "a", "b", "b")) as [string, string];
      same(await letters.size(), 4, "size");
      await letters.retry(a);
      await letters.remove(b);
      const stats = await letters.stats();
      same(
        { ...stats, byTask: { ...stats.byTask } },
        { size: 2, maxSize: 77, retried: 1, removed: 1, byTask: { b: 2 } },
        "stats",
      );
    },
  },
  {
    law: "Q-65",
    name: "takes a job straight into the dead letters",
    needs,
    run: async (env) => {
      const job = env.job({ body: aBody("by hand") });
      same(
        await env.queue.deadLetters.add(job, anError("broken")),
        { ok: true, value: job.id },
        "the answer",
      );
      const letter = present(await env.queue.deadLetters.get(job.id), "the dead letter");
      same(
        { reason: letter.reason, error: letter.error.message },
        { reason: "manual", error: "broken" },
        "it",
      );
      same(await env.claim(5), [], "deliveries");
      holds((await env.queue.deadLetters.retry(job.id)).ok, "it can be redriven");
      same((await env.claimOne()).job.body, job.body, "the body of the delivery");
    },
  },
  {
    law: "Q-65",
    name: "refuses to take a job whose id is held, and takes the reason it is given",
    needs: ["deadLetters", "unique"],
    run: async (env) => {
      const letters = env.queue.deadLetters;
      const held = env.job({ id: await env.putOne() });
      refused(await letters.add(held, anError()), "LEX_ERR_TASK_DUPLICATE", "the id of a pending job");
      const job = env.job();
      await letters.add(job, anError(), "invalid");
      same((await letters.get(job.id))?.reason, "invalid", "the reason");
    },
  },
];
