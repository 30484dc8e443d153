import { LockManager, LockTimeoutError, distributedLock, task, unique } from "@lexigram/tasks";
import { createTestApp } from "@lexigram/tasks/testing";
import { z } from "zod";

const rebuild = task(
  { name: "index.rebuild", input: z.object({ shop: z.string() }) },
  async ({ shop }) => shop,
);

const test = await createTestApp({ tasks: [rebuild] });
const locks = test.app.get(LockManager);

// Held by one process at a time, over all that share the state store; renewed until it is given back.
{
  await using lock = await locks.acquire("report:may", { ttl: "30s", waitTimeout: "5s" });
  console.log("held:", lock.held, "fencing number above 0:", lock.fencing > 0);
  console.log("a second one:", await locks.tryAcquire("report:may"));
  await locks
    .acquire("report:may", { waitTimeout: 0 })
    .catch((error: unknown) => console.log(error instanceof LockTimeoutError && error.code));
}

// The same around a function: each call waits for the lock of its key.
const settle = distributedLock(
  { key: (account: string) => `account:${account}`, waitTimeout: "10s" },
  async (lock, account) => {
    lock.throwIfLost();
    return `${account} is settled`;
  },
);
console.log(await settle("ada"));

// A job of which there is one at a time needs no lock: the queue judges it when it stores the job.
const once = unique(rebuild, { key: ({ shop }) => shop, onConflict: "skip" });
const first = await once.applyAsync(test.tasks, { shop: "lisbon" });
const second = await once.applyAsync(test.tasks, { shop: "lisbon" });
console.log("first:", first?.outcome, "second:", second);
await test.drain();
console.log("after it:", (await once.applyAsync(test.tasks, { shop: "lisbon" }))?.outcome);
await test.stop();
