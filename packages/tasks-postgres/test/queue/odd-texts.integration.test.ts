import { aJob, anError, type QueueHarness } from "@lexigram/conformance";
import type { NewJob } from "@lexigram/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sharedPostgres } from "../postgres-server.ts";
import { postgresQueueHarness } from "./postgres-queue-harness.ts";

let harness: QueueHarness;
beforeAll(async () => {
  harness = postgresQueueHarness({ server: await sharedPostgres() });
});
afterAll(() => harness.dispose());

const ODD = "a\u0000b\u0001\ud800c\u{1f4ee}\uffff'\"\\%_{},@@x#lock";

test("texts that PostgreSQL has no characters for come back as they were", async () => {
  const queue = await harness.open();
  const odd: NewJob = {
    ...aJob(),
    id: ODD,
    task: `t${ODD}`,
    key: `k${ODD}`,
    body: { data: ODD, encoding: `e${ODD}` },
    headers: { [ODD]: ODD },
    unique: { key: ODD, until: "settled", onConflict: "reject" },
  };
  const child = aJob({ dependsOn: [ODD] });
  await queue.setPolicy({ perKey: { order: "fifo" }, perTask: { [odd.task]: { concurrency: 1 } } });
  const results = await queue.enqueueMany([aJob({ id: "before" }), odd, child], { session: ODD, seq: 1 });
  expect(results.map((result) => result.ok)).toEqual([true, true, true]);
  const again = await queue.enqueueMany([{ ...odd, id: "second" }], { session: ODD, seq: 2 });
  expect(again[0]).toMatchObject({ ok: false, error: { fields: { existingId: ODD, key: ODD } } });
  const claim = { slots: 5, ahead: 0, leaseMs: 60_000, maxBytes: 1_000_000 };
  const { deliveries } = await queue.exchange({ session: ODD, seq: 1, settle: [], started: [], claim });
  const delivery = deliveries.find(({ job }) => job.id === ODD);
  const { id, task, key, body, headers } = odd;
  expect(delivery?.job).toMatchObject({ id, task, key, body, headers });
  const listed = await queue.list({ status: "running", task, key: key as string, limit: 5 });
  expect(listed.items.map((job) => job.id)).toEqual([ODD]);
  expect((await queue.getJob(child.id))?.dependsOn).toEqual([ODD]);
  const settle = [{ receipt: delivery?.receipt as never, kind: "fail" as const, error: anError(`m${ODD}`) }];
  const reply = await queue.exchange({ session: ODD, seq: 2, settle, started: [], claim });
  expect(reply.lost).toEqual([]);
  const letter = await queue.deadLetters.get(ODD);
  expect(letter?.error.message).toBe(`m${ODD}`);
  expect((await queue.deadLetters.stats()).byTask).toEqual({ [task]: 1 });
  expect((await queue.deadLetters.retry(ODD)).ok).toBe(true);
  expect((await queue.getJob(ODD))?.replayOf?.id).toBe(ODD);
  await queue.close();
});
