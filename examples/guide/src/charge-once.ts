import { IdempotencyManager, IdempotentTaskManager, task } from "@lexigram/tasks";
import { createTestApp } from "@lexigram/tasks/testing";
import { z } from "zod";

let charges = 0;
const charge = task(
  { name: "order.charge", input: z.object({ order: z.number(), amount: z.number() }) },
  async ({ amount }) => ({ receipt: ++charges, amount }),
);

const test = await createTestApp({ tasks: [charge] });
const submissions = test.app.get(IdempotentTaskManager);

// Two requests of one client: the second gets the first one's handle, and its result when it is over.
const options = { idempotencyKey: "request-7f3a" };
const first = await submissions.submit(charge, { order: 7, amount: 20 }, options);
const second = await submissions.submit(charge, { order: 7, amount: 20 }, options);
console.log(first.status, second.status, "one job:", first.taskId === second.taskId);
await test.drain();
console.log(await second.handle.result());
const third = await submissions.submit(charge, { order: 7, amount: 20 }, options);
console.log(third.status, third.result, "charged", charges, "time");

// Without a key of the client's, equal inputs are one submission.
console.log((await submissions.submit(charge, { order: 8, amount: 5 })).status);
console.log((await submissions.submit(charge, { amount: 5, order: 8 })).status);

// The same for work that is no task: whoever acquires the key does it, the others wait for its result.
const keys = test.app.get(IdempotencyManager);
const key = keys.generateKey("webhook", undefined, "delivery-42");
const work = async () => ({ handled: ++charges });
console.log(await Promise.all([keys.run(key, work), keys.run(key, work)]));
console.log((await keys.checkDuplicate(key))?.status);
await test.stop();
