import { aJob } from "@lexigram/conformance";
import { expect, onTestFinished, test } from "vitest";
import { redisQueueHarness } from "./redis-queue-harness.ts";

const CLAIM = { slots: 2, ahead: 0, leaseMs: 60_000, maxBytes: 1_000 };

test("a worker of the producer's process asks in the packet of the enqueue, and finds the job", async () => {
  const harness = await redisQueueHarness();
  onTestFinished(() => harness.dispose());
  const queue = await harness.open();
  const claim = (seq: number) => queue.exchange({ session: "w", seq, settle: [], started: [], claim: CLAIM });
  await queue.enqueueMany([aJob({ id: "first" })], { session: "p", seq: 1 });
  expect((await claim(1)).deliveries).toHaveLength(1);

  const order: string[] = [];
  const woken = queue.waitForWork(60_000, new AbortController().signal).then(() => {
    order.push("woken");
    return claim(2);
  });
  const enqueued = queue.enqueueMany([aJob({ id: "second" })], { session: "p", seq: 2 });
  const [{ deliveries }] = await Promise.all([woken, enqueued.then(() => order.push("enqueued"))]);
  expect(order).toEqual(["woken", "enqueued"]);
  expect(deliveries.map(({ job }) => job.id)).toEqual(["second"]);
});
