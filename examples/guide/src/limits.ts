import { GlobalRateLimiter, StateStoreProtocol, task } from "@lexigram/tasks";
import { createTestApp } from "@lexigram/tasks/testing";
import { z } from "zod";

const synced: string[] = [];
const sync = task(
  {
    name: "crm.sync",
    input: z.object({ tenant: z.string() }),
    rateLimit: { rate: 2, per: "1m", key: ({ tenant }) => tenant },
  },
  async ({ tenant }) => void synced.push(tenant),
);
let bankIsAway = true;
const pay = task(
  { name: "bank.pay", maxRetries: 0, circuitBreaker: { failures: 2, resetTimeout: "30s" } },
  async () => {
    if (bankIsAway) throw new Error("the bank is away");
  },
);
const reindex = task({ name: "search.reindex", debounce: { wait: "5s" } }, async () =>
  console.log("reindexed"),
);

await using test = await createTestApp({ tasks: [sync, pay, reindex] });
const { tasks, clock } = test;

// Two starts a minute for each tenant, over all processes.
for (const tenant of ["acme", "acme", "acme", "initech"]) await tasks.enqueue(sync, { tenant });
await test.drain();
console.log("at once:", synced.join(" "));
await clock.advance("30s");
await test.drain();
console.log("after half a minute:", synced.join(" "));

// Two failures in a row, and nobody asks the bank for half a minute.
using _opened = tasks.on("circuit.opened", ({ name }) => console.log(name, "is not tried for a while"));
for (let i = 0; i < 4; i++) {
  await tasks.enqueue(pay);
  await test.drain();
}
bankIsAway = false;
await clock.advance("31s");
await test.drain();
await clock.advance("2s");
await test.drain();
const { counts } = await test.queue().stats();
console.log("failed:", counts.failed, "waiting:", counts.scheduled + counts.pending);

// A burst of calls comes to one job.
for (let i = 0; i < 5; i++) await tasks.enqueue(reindex);
await clock.advance("5s");
await test.drain();

// For calls of your own, by one limit over all processes.
const api = new GlobalRateLimiter({
  name: "api",
  rate: 1,
  per: "1m",
  clock,
  state: test.app.get(StateStoreProtocol),
});
console.log("may call:", await api.tryAcquire(), await api.tryAcquire());
