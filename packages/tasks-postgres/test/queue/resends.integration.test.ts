import { aJob, type QueueHarness, uniqueName } from "@lexigram/conformance";
import {
  QueueUnavailableError,
  systemClock,
  systemRandom,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { sharedServers } from "@lexigram/services";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { StoredSchema } from "../../src/migrations/stored-schema.ts";
import { StoredQueue } from "../../src/queue/stored-queue.ts";
import { sharedPostgres } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";
import { postgresQueueHarness } from "./postgres-queue-harness.ts";

let harness: QueueHarness;
beforeAll(async () => {
  harness = postgresQueueHarness({ server: await sharedPostgres() });
});
afterAll(() => harness.dispose());

/** Sends until it is answered, as a caller does whose call came back unanswered. */
async function answered<T>(send: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof QueueUnavailableError && error.fields.retryable)) throw error;
    }
  }
}

async function pair(): Promise<readonly [TaskQueueProtocol, TaskQueueProtocol]> {
  const queue = await harness.open();
  return [queue, await harness.peer(queue)];
}

const special = { key: "k" };

describe.each([
  ["plain jobs", {}],
  ["jobs that have to be judged", special],
])("a call about %s that arrives several times at once", (_, given) => {
  test("stores its jobs once", async () => {
    const queues = await pair();
    for (let round = 0; round < 5; round++) {
      const jobs = Array.from({ length: 20 }, () => aJob({ ...given, id: uniqueName("job") }));
      const name = { session: "producer", seq: round };
      const answers = await Promise.all(
        [0, 1, 0, 1].map((i) => answered(() => (queues[i] as TaskQueueProtocol).enqueueMany(jobs, name))),
      );
      for (const answer of answers) expect(answer.every((result) => result.ok)).toBe(true);
    }
    expect(await queues[0].getTaskCount()).toBe(100);
  });

  test("gives and completes its jobs once", async () => {
    const queues = await pair();
    const jobs = Array.from({ length: 30 }, () => aJob({ ...given, id: uniqueName("job") }));
    await queues[0].enqueueMany(jobs, { session: "producer", seq: 1 });
    let settle: { receipt: never; kind: "complete" }[] = [];
    const seen: string[] = [];
    for (let seq = 1; seq <= 4; seq++) {
      const request = {
        session: "worker",
        seq,
        settle,
        started: [],
        claim: { slots: 10, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 },
      };
      const replies = await Promise.all(
        [0, 1, 0].map((i) => answered(() => (queues[i] as TaskQueueProtocol).exchange(request))),
      );
      const [first] = replies;
      for (const reply of replies) {
        expect(reply.lost).toEqual([]);
        expect(reply.deliveries.map(({ receipt }) => receipt)).toEqual(
          first?.deliveries.map(({ receipt }) => receipt),
        );
      }
      seen.push(...(first?.deliveries.map(({ job }) => job.id) ?? []));
      settle = (first?.deliveries ?? []).map(({ receipt }) => ({
        receipt: receipt as never,
        kind: "complete",
      }));
    }
    expect(seen.toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
    expect(await queues[0].count("completed")).toBe(30);
  });
});

test("a receipt that was made up is lost, and harms no other", async () => {
  const [queue] = await pair();
  await queue.enqueueMany([aJob()], { session: "p", seq: 1 });
  const claim = { slots: 1, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };
  const { deliveries } = await queue.exchange({ session: "w", seq: 1, settle: [], started: [], claim });
  const receipt = deliveries[0]?.receipt ?? ("" as never);
  const odd = ["", "x", "1", "99999999999999999999.a", `-1.${deliveries[0]?.job.id}`, "1.\ud800", "1.\u0000"];
  const settle = [...odd, receipt].map((r) => ({ receipt: r as never, kind: "complete" as const }));
  const reply = await queue.exchange({ session: "w", seq: 2, settle, started: [], claim });
  expect([...reply.lost].toSorted()).toEqual(odd.toSorted());
  expect(await queue.count("completed")).toBe(1);
});

test("what is settled while its lease is renewed is not lost", async () => {
  const server = await sharedPostgres();
  const [schema, database, renewal] = [
    ownSchema("renewed"),
    server.connect(),
    new Client(sharedServers.postgres),
  ];
  onTestFinished(async () => {
    await renewal.end();
    await database.close();
    await server.end();
  });
  const stored = new StoredSchema({ database, schema, clock: systemClock });
  const queue = new StoredQueue({
    name: "q",
    stored,
    clock: systemClock,
    random: systemRandom,
    onClose: () => {},
  });
  await queue.enqueueMany([aJob(), aJob()], { session: "p", seq: 1 });
  const claim = { slots: 2, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };
  const { deliveries } = await queue.exchange({ session: "w", seq: 1, settle: [], started: [], claim });
  const receipts = deliveries.map(({ receipt }) => receipt);

  await renewal.connect();
  await renewal.query("BEGIN");
  const { rows } = await renewal.query<{ queue: number }>(`SELECT queue FROM "${schema.name}".queue`);
  const number = rows[0]?.queue;
  const held = receipts.map((receipt) => {
    const dot = receipt.indexOf(".");
    return { n: Number(receipt.slice(0, dot)), i: receipt.slice(dot + 1) };
  });
  await renewal.query(`SELECT "${schema.name}".queue_extend($1, $2, 60000)`, [number, JSON.stringify(held)]);
  const settle = receipts.map((receipt) => ({ receipt, kind: "complete" as const }));
  const none = { ...claim, slots: 0 };
  let answered = false;
  const reply = queue
    .exchange({ session: "w", seq: 2, settle, started: [], claim: none })
    .finally(() => (answered = true));
  for (let waits = false; !waits && !answered;) {
    const look = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = $1";
    waits = ((await renewal.query(look, [number])).rowCount ?? 0) > 0;
  }
  await renewal.query("COMMIT");
  expect((await reply).lost).toEqual([]);
  expect(await queue.count("completed")).toBe(2);
  await queue.close();
});
