import { aBody } from "../build/job.ts";
import { holds, present, same } from "../kit/expect.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";

async function completed(env: QueueEnv, resultTtlMs?: number | null): Promise<string> {
  const delivery = await env.running(resultTtlMs === undefined ? {} : { resultTtlMs });
  await env.complete(delivery, aBody(delivery.job.id));
  return delivery.job.id;
}

const needs = ["lookup", "results"] as const;

export const results: readonly QueueCase[] = [
  {
    law: "Q-54",
    name: "tells where each job stands, position by position",
    needs: ["results", "deadLetters"],
    run: async (env) => {
      const done = await completed(env);
      const failed = await env.running();
      await env.fail(failed, "boom");
      const pending = await env.putOne();
      const outcomes = await env.queue.results([pending, env.name("nobody"), failed.job.id, done, done]);
      same(
        outcomes.map((o) => ({
          status: o.status,
          attempt: o.attempt,
          error: o.error?.message,
        })),
        [
          { status: "pending", attempt: 0, error: undefined },
          { status: "unknown", attempt: 0, error: undefined },
          { status: "failed", attempt: 1, error: "boom" },
          { status: "completed", attempt: 1, error: undefined },
          { status: "completed", attempt: 1, error: undefined },
        ],
        "the outcomes",
      );
      same(await env.queue.results([]), [], "the outcomes of no jobs");
    },
  },
  {
    law: "Q-55",
    name: "announces a job that becomes terminal",
    needs: ["results"],
    run: async (env) => {
      const delivery = await env.running();
      const controller = new AbortController();
      const told = nextOf(env.queue.onSettled([delivery.job.id], controller.signal));
      await env.pass(env.span(0.2));
      await env.complete(delivery);
      holds(await env.time.endsWithin(told, env.span(10)), "the end was announced");
      same(await told, delivery.job.id, "the id");
      controller.abort();
    },
  },
  {
    law: "Q-55",
    name: "announces ends over another connection, and ends of other kinds",
    needs: ["results", "cancel"],
    run: async (env) => {
      const peer = await env.peer();
      const id = await env.putOne();
      const controller = new AbortController();
      const told = nextOf(peer.onSettled([id, env.name("nobody")], controller.signal));
      await env.pass(env.span(0.2));
      await env.queue.cancel(id);
      holds(await env.time.endsWithin(told, env.span(10)), "the end was announced");
      same(await told, id, "the id");
      controller.abort();
    },
  },
  {
    law: "Q-55",
    name: "ends announcements when the signal is aborted",
    needs: ["results"],
    run: async (env) => {
      const controller = new AbortController();
      const told = nextOf(env.queue.onSettled([await env.putOne()], controller.signal));
      await env.pass(env.span(0.1));
      controller.abort();
      holds(await env.time.endsWithin(told, env.span(2)), "the announcements ended");
      same(await told, undefined, "what was announced");
    },
  },
  {
    law: "Q-56",
    name: "keeps completed, cancelled and expired records as long as it is told",
    needs: ["lookup", "cancel", "expiry"],
    run: async (env) => {
      await env.queue.setPolicy({ keepCompleted: { ageMs: env.span(8), count: 100 } });
      const done = await completed(env);
      const cancelled = await env.putOne();
      await env.queue.cancel(cancelled);
      const expired = await env.putOne({ expiresInMs: env.span(1) });
      await env.pass(env.span(2));
      await env.beat();
      for (const id of [done, cancelled, expired])
        holds((await env.status(id)) !== undefined, "a record is kept");
      await env.pass(env.span(9));
      for (let i = 0; i < 3; i++) await env.beat();
      for (const id of [done, cancelled, expired]) same(await env.status(id), undefined, "the record of age");
    },
  },
  {
    law: "Q-57",
    name: "keeps so many records as it is told, the latest",
    needs,
    run: async (env) => {
      await env.queue.setPolicy({ keepCompleted: { ageMs: env.longLease, count: 3 } });
      const ids: string[] = [];
      for (let i = 0; i < 6; i++) ids.push(await completed(env));
      for (let i = 0; i < 3; i++) await env.beat();
      const kept = (await env.queue.results(ids)).filter((o) => o.status === "completed").map((o) => o.id);
      same(kept, ids.slice(3), "the records that are kept");
    },
  },
  {
    law: "Q-57",
    name: "applies a new count to the records that are there",
    needs,
    run: async (env) => {
      const ids: string[] = [];
      for (let i = 0; i < 5; i++) ids.push(await completed(env));
      await env.queue.setPolicy({ keepCompleted: { ageMs: env.longLease, count: 2 } });
      for (let i = 0; i < 3; i++) await env.beat();
      const kept = (await env.queue.results(ids)).filter((o) => o.status === "completed").map((o) => o.id);
      same(kept, ids.slice(3), "the records that are kept");
    },
  },
  {
    law: "Q-58",
    name: "removes a record at once when it is to keep none",
    needs: ["lookup", "cancel"],
    run: async (env) => {
      await env.queue.setPolicy({ keepCompleted: 0 });
      const cancelled = await env.putOne();
      await env.queue.cancel(cancelled);
      for (const id of [await completed(env), cancelled]) same(await env.status(id), undefined, "the status");
      same(await env.queue.count("completed"), 0, "completed jobs");
    },
  },
  {
    law: "Q-59",
    name: "keeps a result for its own time, whatever the queue keeps",
    needs,
    run: async (env) => {
      await env.queue.setPolicy({ keepCompleted: 0 });
      const [short, ever] = [await completed(env, env.span(8)), await completed(env, null)];
      await completed(env);
      await env.pass(env.span(4));
      await env.beat();
      same(await env.status(short), "completed", "the status within its time");
      await env.pass(env.span(5));
      for (let i = 0; i < 3; i++) await env.beat();
      same(await env.status(short), undefined, "the status after its time");
      same(await env.status(ever), "completed", "the status of a job that is kept for ever");
    },
  },
  {
    law: "Q-59",
    name: "keeps a result for its own time beyond the count and the age of the queue",
    needs,
    run: async (env) => {
      await env.queue.setPolicy({ keepCompleted: { ageMs: env.span(2), count: 1 } });
      const own = await completed(env, env.longLease);
      for (let i = 0; i < 3; i++) await completed(env);
      await env.pass(env.span(3));
      for (let i = 0; i < 3; i++) await env.beat();
      same(await env.status(own), "completed", "the status");
    },
  },
  {
    law: "Q-60",
    name: "bounds the dead letters by count, the oldest first to go, and by age",
    needs: ["exact lookup", "deadLetters"],
    run: async (env) => {
      await env.queue.setPolicy({ keepFailed: { ageMs: env.span(6), count: 2 } });
      const ids: string[] = [];
      for (let i = 0; i < 4; i++) {
        const delivery = await env.running();
        await env.fail(delivery);
        ids.push(delivery.job.id);
      }
      for (let i = 0; i < 3; i++) await env.beat();
      const left = await Promise.all(ids.map((id) => env.status(id)));
      same(left, [undefined, undefined, "failed", "failed"], "statuses, the oldest first");
      await env.pass(env.span(7));
      for (let i = 0; i < 3; i++) await env.beat();
      same(await env.queue.deadLetters.size(), 0, "dead letters after their age");
    },
  },
  {
    law: "Q-75",
    name: "keeps what a waiting job depends on and what its barrier counted, until it has ended",
    needs: ["results", "lookup", "dependencies"],
    run: async (env) => {
      await env.queue.setPolicy({ keepCompleted: 0 });
      const callback = await env.putOne({ barrier: { size: 1 } });
      const child = await env.putOne({ notifies: callback });
      const delivery = await env.claimOne();
      same(delivery.job.id, child, "the delivered job");
      await env.complete(delivery, aBody("part"));
      same(await env.status(child), "completed", "the child while the callback is pending");
      const last = await env.claimOne();
      same(last.job.id, callback, "the callback");
      same((await env.queue.results([child]))[0]?.status, "completed", "the child while the callback runs");
      await env.complete(last);
      for (let i = 0; i < 3; i++) await env.beat();
      same(await env.status(child), undefined, "the child after the callback");
    },
  },
  {
    law: "Q-75",
    name: "keeps a terminal record while a job depends on it",
    needs: ["lookup", "dependencies", "delay"],
    run: async (env) => {
      await env.queue.setPolicy({ keepCompleted: { ageMs: env.span(1), count: 1 } });
      const first = await env.running();
      const other = await env.running();
      const dependent = await env.putOne({ dependsOn: [first.job.id, other.job.id] });
      await env.complete(first);
      await env.pass(env.span(3));
      for (let i = 0; i < 3; i++) await env.beat();
      same(
        present(await env.queue.getJob(first.job.id), "the first dependency").status,
        "completed",
        "its status",
      );
      await env.complete(other);
      await env.beat();
      same((await env.claimOne()).job.id, dependent, "the job that waited");
    },
  },
];

async function nextOf(ids: AsyncIterable<string>): Promise<string | undefined> {
  for await (const id of ids) return id;
  return undefined;
}
