import { MAX_PRIORITY, MIN_PRIORITY } from "@lexigram/contracts";
import { holds, same } from "../kit/expect.ts";
import type { QueueCase } from "../kit/run-case.ts";

export const order: readonly QueueCase[] = [
  {
    law: "Q-06",
    name: "delivers the higher priority first, over all levels",
    needs: ["all priorities"],
    run: async (env) => {
      const levels = Array.from({ length: MAX_PRIORITY - MIN_PRIORITY + 1 }, (_, i) => MIN_PRIORITY + i);
      const mixed = levels.toSorted((a, b) => ((a * 8) % 21) - ((b * 8) % 21));
      const ids = await env.put(...mixed.map((priority) => ({ priority })));
      const byLevel = new Map(mixed.map((priority, i) => [priority, ids[i]]));
      const expected = levels.toReversed().map((priority) => byLevel.get(priority) ?? "");
      same(await env.drain(), expected, "the order of delivery");
    },
  },
  {
    law: "Q-06",
    name: "lets a later job of higher priority pass",
    needs: ["priorities"],
    run: async (env) => {
      const low = await env.putOne({ priority: 0 });
      const high = await env.putOne({ priority: 20 });
      same(await env.drain(), [high, low], "the order of delivery");
    },
  },
  {
    law: "Q-07",
    name: "delivers first in, first out inside a level",
    run: async (env) => {
      const a = await env.put({}, {}, {});
      const b = await env.put({}, {});
      same(await env.drain(), [...a, ...b], "the order of delivery");
    },
  },
  {
    law: "Q-07",
    name: "hands a batch out in the order it came",
    run: async (env) => {
      const ids = await env.put(...Array.from({ length: 20 }, () => ({})));
      const claimed = [...(await env.claim(7)), ...(await env.claim(13))];
      same(
        claimed.map((d) => d.job.id),
        ids,
        "the order of delivery",
      );
    },
  },
  {
    law: "Q-07",
    name: "keeps the order of jobs with a key, when no rule is about keys",
    run: async (env) => {
      const ids = await env.put({ key: "a" }, { key: "a" }, {}, { key: "b" }, { key: "a" });
      same(await env.drain(), ids, "the order of delivery");
    },
  },
  {
    law: "Q-08",
    name: "delivers a delayed job not before its time, and then",
    needs: ["delay"],
    run: async (env) => {
      const since = env.time.nowMs;
      const id = await env.putOne({ delayMs: env.span(4) });
      await env.pass(env.span(2.5));
      const early = await env.claim(1);
      // A machine that stood still meanwhile has let the delay pass.
      if (env.time.nowMs - since < env.span(4)) same(early.length, 0, "deliveries before the delay is over");
      if (early.length > 0) return same(early[0]?.job.id, id, "the job delivered after its delay");
      await env.pass(env.span(2));
      same((await env.claimOne()).job.id, id, "the job delivered after its delay");
    },
  },
  {
    law: "Q-09",
    name: "shows a delayed job as scheduled and as pending when it is due",
    needs: ["delay", "lookup"],
    run: async (env) => {
      const id = await env.putOne({ delayMs: env.span(2) });
      same(await env.status(id), "scheduled", "the status before");
      await env.pass(env.span(3));
      await env.beat();
      same(await env.status(id), "pending", "the status after");
    },
  },
  {
    law: "Q-10",
    name: "does not deliver a job that was not started in time",
    needs: ["expiry"],
    run: async (env) => {
      await env.put({ expiresInMs: env.span(2) });
      const lasting = await env.putOne({ expiresInMs: env.longLease });
      await env.pass(env.span(3));
      same(await env.drain(), [lasting], "what is delivered");
    },
  },
  {
    law: "Q-10",
    name: "ends a late job as expired, pending or scheduled",
    needs: ["expiry", "lookup", "delay"],
    run: async (env) => {
      const ids = await env.put(
        { expiresInMs: env.span(2) },
        { expiresInMs: env.span(2), delayMs: env.longLease },
      );
      await env.pass(env.span(3));
      await env.beat();
      for (const id of ids) same(await env.status(id), "expired", "the status of a late job");
      holds((await env.view(ids[0] ?? "")).finishedAt !== undefined, "an expired job tells when it ended");
    },
  },
  {
    law: "Q-10",
    name: "does not expire a job that was started in time",
    needs: ["expiry", "lookup"],
    run: async (env) => {
      const delivery = await env.running({ expiresInMs: env.span(2) });
      await env.pass(env.span(3));
      await env.beat();
      same(await env.status(delivery.job.id), "running", "the status while it runs");
      await env.retry(delivery);
      const again = await env.claimOne();
      same(again.job.id, delivery.job.id, "the job of the second attempt");
      await env.complete(again);
      same(await env.status(delivery.job.id), "completed", "the status at the end");
    },
  },
  {
    law: "Q-90",
    name: "stops a claim at maxBytes, yet gives one job of any size",
    run: async (env) => {
      const body = { data: "x".repeat(1_000), encoding: "text" };
      await env.put({ body }, { body }, { body }, { body });
      same((await env.claim(4, { maxBytes: 10 })).length, 1, "deliveries when one body is too large");
      const some = (await env.claim(4, { maxBytes: 2_500 })).length;
      holds(
        some >= 1 && some <= 3,
        `a claim of 2,500 bytes over bodies of 1,000 gave ${some} jobs, not 1 to 3`,
      );
      same((await env.claim(4)).length, 3 - some, "deliveries of the rest");
    },
  },
];
