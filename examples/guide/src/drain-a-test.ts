import assert from "node:assert/strict";
import { task } from "@lexigram/tasks";
import { createTestApp, testContext } from "@lexigram/tasks/testing";
import { z } from "zod";

const remind = task(
  { name: "mail.remind", input: z.object({ to: z.string() }), maxRetries: 2, retry: { jitter: false } },
  async ({ to }, ctx) => {
    if (ctx.attempt === 1) throw new Error("the server is busy");
    return `reminded ${to}`;
  },
);

await using test = await createTestApp({ tasks: [remind] });

// Assert on what was enqueued: nothing runs until the test drains.
const now = await test.tasks.enqueue(remind, { to: "ada" });
const later = await test.tasks.enqueue(remind, { to: "alan" }, { delay: "2h" });
test.expectEnqueued(remind, { to: "alan" }, { delayMs: 7_200_000, count: 1 });
test.refuteEnqueued("mail.send");
console.log(await now.status(), await later.status());

const report = await test.drain();
console.log(`retried ${report.retried}, left ${report.left.scheduled} scheduled`);
await test.clock.advance("1s");
console.log(`completed ${(await test.drain()).completed}: ${await now.result()}`);

const rest = await test.drain({ followDelays: true, throwOnFailure: true });
console.log(`completed ${rest.completed}: ${await later.result()}`);
console.log(test.events.filter(({ event }) => event === "task.started").length, "attempts in all");

// A handler is a function: call it by itself.
assert.equal(await remind({ to: "grace" }, testContext({ attempt: 2 })), "reminded grace");
