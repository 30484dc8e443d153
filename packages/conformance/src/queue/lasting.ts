import type { TransactionHandle } from "@lexigram/contracts";
import { aBody } from "../build/job.ts";
import { accepted, holds, present, same } from "../kit/expect.ts";
import type { OpenTransaction } from "../kit/harness.ts";
import type { QueueEnv } from "../kit/queue-env.ts";
import type { QueueCase } from "../kit/run-case.ts";

async function transaction(env: QueueEnv): Promise<OpenTransaction> {
  return present(await env.harness.transaction?.(env.queue), "a transaction of the harness");
}

export const lasting: readonly QueueCase[] = [
  {
    law: "Q-100",
    name: "stores the jobs of a transaction when it commits, and none when it does not",
    needs: ["transactions"],
    harness: "transaction",
    run: async (env) => {
      const enqueue = async (handle: TransactionHandle): Promise<string> => {
        const job = env.job();
        const options = { session: env.name("session"), seq: 1, transaction: handle };
        accepted((await env.queue.enqueueMany([job], options))[0], "an enqueue in a transaction");
        return job.id;
      };
      const kept = await transaction(env);
      const id = await enqueue(kept.handle);
      same(await env.claim(5), [], "deliveries before the commit");
      await kept.commit();
      const undone = await transaction(env);
      await enqueue(undone.handle);
      await undone.rollback();
      same(await env.drain(), [id], "what is delivered");
    },
  },
  {
    law: "Q-100",
    name: "settles with a transaction, and tells it of a lost lease",
    needs: ["transactions"],
    harness: "transaction",
    run: async (env) => {
      const stale = await env.running({}, { leaseMs: env.span(2) });
      await env.pass(env.span(3));
      const holder = await env.claimOne();
      const late = await transaction(env);
      const answer = await env.queue.settleIn(late.handle, { receipt: stale.receipt, kind: "complete" });
      same(answer, "lost", "the answer to a stale holder");
      await late.rollback();
      const good = await transaction(env);
      const settled = await env.queue.settleIn(good.handle, { receipt: holder.receipt, kind: "complete" });
      same(settled, "settled", "the answer to the holder");
      await good.commit();
      same(
        await env.settle({ receipt: holder.receipt, kind: "complete" }),
        [holder.receipt],
        "lost receipts then",
      );
    },
  },
  {
    law: "Q-101",
    name: "keeps jobs, their order and their records over a reopening",
    needs: ["lookup", "results", "delay"],
    run: async (env) => {
      const done = await env.running();
      await env.complete(done, aBody("kept"));
      const running = await env.running();
      const ids = await env.put({}, {}, { delayMs: env.span(4) });
      const queue = await env.reopen();
      const worker = env.session(queue);
      same((await queue.getJob(done.job.id))?.status, "completed", "the status of the completed job");
      const settle = [{ receipt: running.receipt, kind: "complete" }] as const;
      same((await worker.exchange({ settle })).lost, [], "a receipt from before");
      const claimed = [...(await worker.exchange({ slots: 1 })).deliveries];
      claimed.push(...(await worker.exchange({ slots: 9 })).deliveries);
      same(
        claimed.map((d) => d.job.id),
        ids.slice(0, 2),
        "deliveries",
      );
      await env.pass(env.span(5));
      const due = (await worker.exchange({ slots: 9 })).deliveries;
      same(
        due.map((d) => d.job.id),
        [ids[2]],
        "deliveries after the delay",
      );
    },
  },
  {
    law: "Q-101",
    name: "keeps rules, the pause, dead letters and unique keys over a reopening",
    needs: ["exact capacity", "exact pause", "deadLetters", "unique", "lookup"],
    run: async (env) => {
      const unique = { key: "k", until: "settled", onConflict: "reject" } as const;
      const failed = await env.running();
      await env.fail(failed);
      await env.put({ unique });
      await env.queue.setPolicy({ maxSize: 1_000 });
      await env.queue.pause();
      const queue = await env.reopen();
      same(await queue.getPolicy(), { maxSize: 1_000 }, "the rules");
      same(await queue.isPaused(), true, "the pause");
      same((await queue.deadLetters.get(failed.job.id))?.reason, "failed", "the dead letter");
      const [second] = await env.session(queue).enqueue([env.job({ unique })]);
      same(second?.ok, false, "whether the key is free");
    },
  },
  {
    law: "Q-101",
    name: "remembers the calls of sessions over a reopening",
    needs: ["replay"],
    run: async (env) => {
      await env.worker.enqueue(env.jobs(3));
      const first = await env.worker.exchange({ slots: 2 });
      const queue = await env.reopen();
      const again = await env.worker.resendExchange(queue);
      same(
        again.deliveries.map((d) => d.receipt),
        first.deliveries.map((d) => d.receipt),
        "deliveries again",
      );
      await env.worker.resendEnqueue(queue);
      same(
        (await env.session(queue).exchange({ slots: 9 })).deliveries.length,
        1,
        "deliveries that are left",
      );
    },
  },
  {
    law: "Q-102",
    name: "works again after its connection was cut, and has lost nothing",
    harness: "sever",
    run: async (env) => {
      const ids = await env.put({}, {}, {});
      await env.harness.sever?.(env.queue);
      const seen = new Set<string>();
      for (let tries = 0; tries < 60 && seen.size < ids.length; tries++) {
        try {
          for (const d of (await env.session().exchange({ slots: 1 })).deliveries) seen.add(d.job.id);
        } catch (error) {
          const { code, fields } = error as { code?: unknown; fields?: { retryable?: unknown } };
          same(code, "LEX_ERR_TASK_QUEUE_UNAVAILABLE", "the code of what is thrown meanwhile");
          holds(fields?.retryable === true, "it says that the call may be sent again");
          await env.pass(env.span(0.5));
        }
      }
      same(seen, new Set(ids), "what is delivered");
    },
  },
];
