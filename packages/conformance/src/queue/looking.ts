import type { JobStatus } from "@lexigram/contracts";
import { holds, same } from "../kit/expect.ts";
import type { QueueCase } from "../kit/run-case.ts";

export const looking: readonly QueueCase[] = [
  {
    law: "Q-46",
    name: "tells of a job what it was given, and when",
    needs: ["lookup", "delay", "expiry"],
    run: async (env) => {
      const id = await env.putOne({
        task: "report.build",
        headers: { a: "b" },
        key: "k",
        maxRecoveries: 0,
        delayMs: 5_000,
        expiresInMs: 9_000,
      });
      const view = await env.view(id);
      const { task, headers, key, maxRecoveries, attempt, recoveries, deferrals, redrives } = view;
      same(
        { task, headers: { ...headers }, key, maxRecoveries, attempt, recoveries, deferrals, redrives },
        {
          task: "report.build",
          headers: { a: "b" },
          key: "k",
          maxRecoveries: 0,
          attempt: 0,
          recoveries: 0,
          deferrals: 0,
          redrives: 0,
        },
        "the job",
      );
      same(view.runAt, view.createdAt + 5_000, "runAt");
      same(view.expiresAt, view.createdAt + 9_000, "expiresAt");
    },
  },
  {
    law: "Q-46",
    name: "knows nothing of a job that it does not hold",
    needs: ["lookup"],
    run: async (env) => same(await env.queue.getJob(env.name("nobody")), undefined, "an unknown job"),
  },
  {
    law: "Q-47",
    name: "lists the jobs of each status and no others",
    needs: ["list", "delay", "dependencies", "cancel", "expiry"],
    run: async (env) => {
      const byStatus = new Map<JobStatus, string>();
      await env.put({});
      const completed = await env.claimOne();
      await env.complete(completed);
      byStatus.set("completed", completed.job.id);
      const failed = await env.running();
      await env.fail(failed);
      byStatus.set("failed", failed.job.id);
      byStatus.set("expired", await env.putOne({ expiresInMs: env.span(1) }));
      await env.pass(env.span(2));
      await env.beat();
      byStatus.set("running", (await env.running()).job.id);
      const scheduled = await env.putOne({ delayMs: env.longLease });
      byStatus.set("scheduled", scheduled);
      byStatus.set("waiting", await env.putOne({ dependsOn: [scheduled] }));
      const cancelled = await env.putOne();
      await env.queue.cancel(cancelled);
      byStatus.set("cancelled", cancelled);
      byStatus.set("pending", await env.putOne());
      for (const [status, id] of byStatus) same(await env.listed(status), [id], `the ${status} jobs`);
    },
  },
  {
    law: "Q-47",
    name: "lists page by page, each job once",
    needs: ["list"],
    run: async (env) => {
      const ids = await env.put(...Array.from({ length: 25 }, () => ({})));
      const first = await env.queue.list({ status: "pending", limit: 10 });
      same(first.items.length, 10, "jobs on the first page");
      holds(first.cursor !== undefined, "a page that is not the last has a cursor");
      same((await env.listed("pending", 10)).toSorted(), ids.toSorted(), "jobs on all pages");
    },
  },
  {
    law: "Q-47",
    name: "lists by task and by key",
    needs: ["list"],
    run: async (env) => {
      const [a, , c] = await env.put({ task: "a", key: "k" }, { task: "b" }, { task: "b", key: "k" });
      const list = async (query: { task?: string; key?: string }): Promise<string[]> =>
        (await env.queue.list({ status: "pending", limit: 10, ...query })).items.map((job) => job.id);
      same(await list({ task: "a" }), [a], "jobs of a task");
      same(new Set(await list({ key: "k" })), new Set([a, c]), "jobs of a key");
      same(await list({ key: "k", task: "b" }), [c], "jobs of a key and a task");
      same(await list({ key: "other" }), [], "jobs of an unknown key");
    },
  },
  {
    law: "Q-47",
    name: "shows on later pages what was there all the time, while others come and go",
    needs: ["list", "lookup"],
    run: async (env) => {
      const ids = await env.put(...Array.from({ length: 20 }, () => ({})));
      const first = await env.queue.list({ status: "pending", limit: 7 });
      const seen = first.items.map((job) => job.id);
      const [gone, ...stay] = seen as [string, ...string[]];
      await env.queue.deleteJob(gone);
      await env.queue.deleteJob(ids.find((id) => !seen.includes(id)) ?? "");
      await env.put({}, {});
      let cursor = first.cursor;
      while (cursor !== undefined) {
        const page = await env.queue.list({ status: "pending", limit: 7, cursor });
        seen.push(...page.items.map((job) => job.id));
        cursor = page.cursor;
      }
      same(seen.length, new Set(seen).size, "jobs seen, against distinct jobs seen");
      const there = (await env.listed("pending")).filter((id) => ids.includes(id));
      for (const id of [...there, ...stay])
        holds(seen.includes(id), `job ${id} was there all the time and is seen`);
    },
  },
  {
    law: "Q-48",
    name: "lists the running jobs page by page",
    needs: ["list"],
    run: async (env) => {
      await env.put(...Array.from({ length: 9 }, () => ({})));
      const running = (await env.claim(7)).map((d) => d.job.id);
      const first = await env.queue.listActive({ limit: 5 });
      const rest = await env.queue.listActive({
        limit: 5,
        ...(first.cursor === undefined ? {} : { cursor: first.cursor }),
      });
      same(
        [...first.items, ...rest.items].map((j) => j.id).toSorted(),
        running.toSorted(),
        "the active jobs",
      );
      same(rest.cursor, undefined, "the cursor of the last page");
      same(
        new Set([...first.items, ...rest.items].map((j) => j.status)),
        new Set(["running"] as const),
        "statuses",
      );
    },
  },
  {
    law: "Q-49",
    name: "counts the pending jobs as tasks",
    run: async (env) => {
      same(await env.queue.getTaskCount(), 0, "of an empty queue");
      await env.put({}, {}, {});
      same(await env.queue.getTaskCount(), 3, "after three jobs");
      const delivery = await env.claimOne();
      same(await env.queue.getTaskCount(), 2, "while one runs");
      await env.complete(delivery);
      same(await env.queue.getTaskCount(), 2, "after one is completed");
    },
  },
  {
    law: "Q-49",
    name: "counts by status, and all unfinished jobs together",
    needs: ["lookup", "delay"],
    run: async (env) => {
      await env.complete(await env.running());
      await env.running();
      await env.put({ delayMs: env.longLease }, {}, {});
      const counts: Partial<Record<JobStatus, number>> = {};
      for (const status of ["completed", "scheduled", "running", "pending", "failed"] as const)
        counts[status] = await env.queue.count(status);
      same(counts, { completed: 1, scheduled: 1, running: 1, pending: 2, failed: 0 }, "counts by status");
      same(await env.queue.count(), 4, "the unfinished jobs");
    },
  },
  {
    law: "Q-50",
    name: "tells how the queue stands",
    needs: ["exact lookup", "delay", "capacity", "pause"],
    run: async (env) => {
      await env.queue.setPolicy({ maxSize: 50 });
      await env.complete(await env.running());
      await env.running();
      await env.put({ delayMs: env.longLease }, {}, {});
      await env.pass(env.span(2));
      await env.queue.pause();
      await env.beat();
      const stats = await env.queue.stats();
      same(
        { ...stats.counts },
        {
          waiting: 0,
          scheduled: 1,
          pending: 2,
          running: 1,
          completed: 1,
          failed: 0,
          cancelled: 0,
          expired: 0,
        },
        "counts",
      );
      const { retrying, paused, capacity, workers } = stats;
      same(
        { retrying, paused, capacity, workers },
        { retrying: 0, paused: true, capacity: 50, workers: 1 },
        "the rest",
      );
      const age = stats.oldestPendingMs ?? -1;
      holds(age >= env.span(1) && age <= env.span(60), `oldestPendingMs is ${age} after two units`);
    },
  },
  {
    law: "Q-50",
    name: "counts consumers while they are at work",
    run: async (env) => {
      await env.worker.exchange({ leaseMs: env.span(4) });
      await env.session(await env.peer()).exchange({ leaseMs: env.span(4) });
      same((await env.queue.stats()).workers, 2, "workers");
      await env.pass(env.span(5));
      same((await env.queue.stats()).workers, 0, "workers a lease later");
    },
  },
  {
    law: "Q-51",
    name: "clears all that do not run, or one status",
    needs: ["lookup", "delay"],
    run: async (env) => {
      await env.complete(await env.running());
      const running = await env.running();
      await env.put({}, {}, { delayMs: env.longLease });
      same(await env.queue.clear({ status: "scheduled" }), 1, "cleared scheduled jobs");
      same(await env.queue.count(), 3, "unfinished jobs that are left");
      same(await env.queue.clear(), 3, "cleared jobs");
      same(await env.queue.getTaskCount(), 0, "pending jobs");
      same(await env.status(running.job.id), "running", "the running job");
      await env.complete(running);
    },
  },
  {
    law: "Q-52",
    name: "deletes a record, which is then unknown and delivered no more",
    needs: ["lookup"],
    run: async (env) => {
      const id = await env.putOne();
      same(await env.queue.deleteJob(id), true, "the first answer");
      same(await env.queue.deleteJob(id), false, "the second answer");
      same(await env.status(id), undefined, "its status");
      same(await env.claim(5), [], "deliveries");
    },
  },
  {
    law: "Q-52",
    name: "fences a running job that is deleted",
    needs: ["lookup"],
    run: async (env) => {
      const { receipt, job } = await env.running();
      same(await env.queue.deleteJob(job.id), true, "the answer");
      same((await env.queue.extend([receipt], env.longLease)).lost, [receipt], "lost receipts of extend");
      same(await env.settle({ receipt, kind: "complete" }), [receipt], "lost receipts of a settlement");
    },
  },
];
