import type { NewJob } from "@lexigram/contracts";
import { accepted, holds, present, refused, same } from "../kit/expect.ts";
import type { QueueCase } from "../kit/run-case.ts";

const carried = (job: Pick<NewJob, "id" | "task" | "body" | "headers" | "priority" | "key">): object => ({
  id: job.id,
  task: job.task,
  encoding: job.body.encoding,
  data: typeof job.body.data === "string" ? job.body.data : [...job.body.data],
  headers: { ...job.headers },
  priority: job.priority,
  key: job.key,
});

export const acceptance: readonly QueueCase[] = [
  {
    law: "Q-01",
    name: "delivers a job with everything it carried",
    run: async (env) => {
      const job = env.job({
        task: "mail.send",
        body: { data: '{"to":"ü\\u0000 \u{1f4ee}"}', encoding: "json" },
        headers: { "x-trace": "a b", traceparent: "00-1-2-01" },
        priority: 7,
        key: "customer-7",
      });
      const [result] = await env.worker.enqueue([job]);
      same(accepted(result, "enqueue"), { id: job.id, outcome: "accepted" }, "the answer");
      const delivery = await env.claimOne();
      same(carried(delivery.job), carried(job), "the delivered job");
      holds(delivery.job.createdAt > 0, "a delivery tells when the store accepted the job");
    },
  },
  {
    law: "Q-01",
    name: "keeps a body of bytes byte for byte",
    run: async (env) => {
      const data = Uint8Array.from({ length: 256 }, (_, i) => i);
      const job = env.job({ body: { data, encoding: "bytes" } });
      await env.worker.enqueue([job]);
      same(carried((await env.claimOne()).job), carried(job), "the delivered job");
    },
  },
  {
    law: "Q-01",
    name: "does not change what it holds when the caller changes its objects",
    run: async (env) => {
      const headers = { a: "1" };
      await env.put({ headers });
      headers.a = "2";
      same({ ...(await env.claimOne()).job.headers }, { a: "1" }, "the delivered headers");
    },
  },
  {
    law: "Q-02",
    name: "answers job by job, at the position of each",
    run: async (env) => {
      const jobs = env.jobs(5);
      const results = await env.worker.enqueue(jobs);
      same(
        results.map((r, i) => accepted(r, `job ${i}`).id),
        jobs.map((j) => j.id),
        "ids by position",
      );
    },
  },
  {
    law: "Q-02",
    name: "stores the jobs beside a refused one",
    needs: ["dependencies"],
    run: async (env) => {
      const jobs = [env.job(), env.job({ dependsOn: [env.name("nobody")] }), env.job()];
      const results = await env.worker.enqueue(jobs);
      same(
        results.map((r) => r.ok),
        [true, false, true],
        "the answers by position",
      );
      same(await env.drain(), [jobs[0]?.id, jobs[2]?.id], "what is delivered");
    },
  },
  {
    law: "Q-02",
    name: "answers an empty enqueue with nothing",
    run: async (env) => same(await env.worker.enqueue([]), [], "the answers"),
  },
  {
    law: "Q-03",
    name: "refuses an id while a job holds it",
    needs: ["unique"],
    run: async (env) => {
      const job = env.job();
      await env.worker.enqueue([job]);
      const error = refused(
        (await env.worker.enqueue([env.job(), job]))[1],
        "LEX_ERR_TASK_DUPLICATE",
        "the same id again",
      );
      const fields = error.fields as { readonly existingId?: string };
      same(fields.existingId, job.id, "existingId of the error");
      same((await env.drain()).length, 2, "how many jobs are delivered");
    },
  },
  {
    law: "Q-03",
    name: "refuses a duplicate inside one batch singly",
    needs: ["unique"],
    run: async (env) => {
      const [a, b] = [env.job(), env.job()];
      const results = await env.worker.enqueue([a, b, { ...a, priority: 1 }]);
      refused(results[2], "LEX_ERR_TASK_DUPLICATE", "the second job of that id");
      same(await env.drain(), [a.id, b.id], "what is delivered");
    },
  },
  {
    law: "Q-03",
    name: "refuses the id of a running and of a finished job whose record is kept",
    needs: ["unique", "lookup"],
    run: async (env) => {
      const delivery = await env.running();
      const again = env.job({ id: delivery.job.id });
      refused((await env.worker.enqueue([again]))[0], "LEX_ERR_TASK_DUPLICATE", "the id of a running job");
      await env.complete(delivery);
      refused((await env.worker.enqueue([again]))[0], "LEX_ERR_TASK_DUPLICATE", "the id of a finished job");
      holds(await env.queue.deleteJob(delivery.job.id), "the record is deleted");
      accepted((await env.worker.enqueue([again]))[0], "the id of a deleted job");
    },
  },
  {
    law: "Q-04",
    name: "holds exactly maxSize unfinished jobs, of every kind",
    needs: ["exact capacity", "delay", "dependencies"],
    run: async (env) => {
      await env.queue.setPolicy({ maxSize: 4 });
      const running = await env.running();
      const scheduled = await env.putOne({ delayMs: env.longLease });
      await env.put({ dependsOn: [scheduled] }, {});
      const [full] = await env.worker.enqueue([env.job()]);
      const error = refused(full, "LEX_ERR_TASK_QUEUE_FULL", "the fifth unfinished job");
      same((error.fields as { readonly capacity?: number }).capacity, 4, "capacity of the error");
      await env.complete(running);
      await env.put({});
    },
  },
  {
    law: "Q-04",
    name: "takes from one batch what fits, first come first served",
    needs: ["exact capacity"],
    run: async (env) => {
      await env.queue.setPolicy({ maxSize: 3 });
      const results = await env.worker.enqueue(env.jobs(5));
      same(
        results.map((r) => r.ok),
        [true, true, true, false, false],
        "the answers by position",
      );
    },
  },
  {
    law: "Q-04",
    name: "is not overfilled by producers at the same moment",
    needs: ["exact capacity"],
    run: async (env) => {
      const peer = await env.peer();
      await env.queue.setPolicy({ maxSize: 10 });
      const sessions = Array.from({ length: 8 }, (_, i) => env.session(i % 2 === 0 ? env.queue : peer));
      const answers = await Promise.all(sessions.map((s) => s.enqueue(env.jobs(3))));
      same(answers.flat().filter((r) => r.ok).length, 10, "how many of 24 jobs were accepted");
    },
  },
  {
    law: "Q-05",
    name: "gives nothing from an empty queue, at once",
    run: async (env) => {
      same(await env.claim(10), [], "deliveries");
      same(await env.queue.dequeue(), undefined, "dequeue");
    },
  },
  {
    law: "Q-05",
    name: "gives no more than was asked for, and nothing to who asks for nothing",
    run: async (env) => {
      await env.put({}, {}, {});
      same((await env.claim(0)).length, 0, "deliveries for no slot");
      same((await env.claim(2)).length, 2, "deliveries for two slots");
      same((await env.claim(5)).length, 1, "deliveries of the rest");
    },
  },
  {
    law: "Q-09",
    name: "delivers a ready job behind a delayed one of higher priority",
    needs: ["delay"],
    run: async (env) => {
      await env.put({ delayMs: env.longLease, priority: 20 });
      const ready = await env.putOne({ priority: 0 });
      same(present((await env.claim(1))[0], "a delivery").job.id, ready, "the delivered job");
    },
  },
];
