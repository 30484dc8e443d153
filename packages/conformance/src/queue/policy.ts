import type { QueuePolicy } from "@lexigram/contracts";
import { same } from "../kit/expect.ts";
import type { QueueCase } from "../kit/run-case.ts";

export const policy: readonly QueueCase[] = [
  {
    law: "Q-87",
    name: "keeps the rules of the last writer, whole, for all connections",
    needs: ["limits", "exact capacity"],
    run: async (env) => {
      const peer = await env.peer();
      same({ ...(await env.queue.getPolicy()) }, {}, "the rules at first");
      await env.queue.setPolicy({ maxSize: 1, concurrency: 5, perKey: { concurrency: 1 } });
      const last: QueuePolicy = { concurrency: 2, perTask: { a: { concurrency: 1 } } };
      await peer.setPolicy(last);
      same(
        JSON.parse(JSON.stringify(await env.queue.getPolicy())),
        last,
        "the rules, seen from the first writer",
      );
      await env.put({}, {}, {});
      same((await env.claim(5)).length, 2, "deliveries under the last rules");
    },
  },
  {
    law: "Q-88",
    name: "applies new rules to jobs that wait already",
    needs: ["limits", "keyOrder"],
    run: async (env) => {
      const key = { key: "a" };
      const ids = await env.put(key, key, key, key, {});
      await env.queue.setPolicy({ perKey: { order: "fifo" } });
      const first = await env.claim(10);
      same(new Set(first.map((d) => d.job.id)), new Set([ids[0], ids[4]]), "deliveries under a limit");
      await env.queue.setPolicy({});
      same(
        new Set((await env.claim(10)).map((d) => d.job.id)),
        new Set(ids.slice(1, 4)),
        "deliveries without it",
      );
    },
  },
  {
    law: "Q-88",
    name: "counts leases that were taken before the rules",
    needs: ["limits"],
    run: async (env) => {
      const key = { key: "a", task: "t" };
      await env.put(key, key, key, key);
      const claimed = await env.claim(2);
      await env.queue.setPolicy({
        perKey: { concurrency: 2 },
        perTask: { t: { concurrency: 3 } },
        concurrency: 3,
      });
      same((await env.claim(10)).length, 0, "deliveries while the key is full");
      for (const d of claimed) await env.complete(d);
      same((await env.claim(10)).length, 2, "deliveries when it is empty");
    },
  },
  {
    law: "Q-88",
    name: "keeps the order of delivery when rules come and go",
    needs: ["limits", "keyOrder", "fairness"],
    run: async (env) => {
      const ids = await env.put({ key: "a" }, {}, { key: "b" }, { key: "a" }, {}, { key: "b" });
      await env.queue.setPolicy({ perKey: { fair: true } });
      await env.queue.setPolicy({ perKey: { order: "fifo" } });
      await env.queue.setPolicy({});
      same(await env.drain(), ids, "what is delivered");
    },
  },
];
