import { aJob, type QueueHarness } from "@lexigram/conformance";
import type { TaskQueueProtocol } from "@lexigram/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { taking } from "../connection/opened.ts";
import { sharedPostgres } from "../postgres-server.ts";
import { postgresQueueHarness } from "./postgres-queue-harness.ts";

let harness: QueueHarness;
beforeAll(async () => {
  harness = postgresQueueHarness({ server: await sharedPostgres() });
});
afterAll(() => harness.dispose());

/** When time alone makes work, as a worker without jobs is told the first time, the long way, and from then on. */
async function due(queue: TaskQueueProtocol): Promise<(number | undefined)[]> {
  const told: (number | undefined)[] = [];
  for (let seq = 1; seq <= 4; seq++) {
    const claim = { slots: 1, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };
    const reply = await queue.exchange({ session: "w", seq, settle: [], started: [], claim });
    expect(reply.deliveries).toEqual([]);
    told.push(reply.nextDueInMs);
  }
  return told;
}

test("a worker of an empty queue is told of no time at which there is work, and waits", async () => {
  const queue = await harness.open();
  // The first wait is heard of by nobody yet.
  await queue.waitForWork(10, new AbortController().signal);
  expect(await due(queue)).toEqual([undefined, undefined, undefined, undefined]);
  const waited = await taking(() => queue.waitForWork(400, new AbortController().signal));
  expect(waited).toBeGreaterThan(390);
  await queue.close();
});

test("a worker is told when the next job is due", async () => {
  const queue = await harness.open();
  await queue.enqueueMany([aJob({ delayMs: 60_000 })], { session: "p", seq: 1 });
  for (const ms of await due(queue)) {
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThanOrEqual(60_000);
  }
  await queue.close();
});
