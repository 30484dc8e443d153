import { aJob } from "@lexigram/conformance";
import { type NewJob, systemClock, systemRandom, type TaskQueueProtocol } from "@lexigram/contracts";
import { Client } from "pg";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { StoredSchema } from "../../src/migrations/stored-schema.ts";
import { StoredQueue } from "../../src/queue/stored-queue.ts";
import { ending } from "../connection/opened.ts";
import { type PostgresServer, serverOfTest } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

let server: PostgresServer;
let schema: string;
/** One queue, over connections of their own. */
let queues: readonly [TaskQueueProtocol, TaskQueueProtocol];
/** Its number. */
let number: unknown;
/** A transaction that stands in the way of the calls until it is rolled back. */
let holder: Client;

beforeEach(async () => {
  server = await serverOfTest();
  const own = ownSchema("order");
  const opened = (): TaskQueueProtocol => {
    const stored = new StoredSchema({ database: ending(server.connect()), schema: own, clock: systemClock });
    return new StoredQueue({
      name: "q",
      stored,
      clock: systemClock,
      random: systemRandom,
      onClose: () => {},
    });
  };
  queues = [opened(), opened()];
  await queues[0].count();
  await queues[1].count();
  schema = `"${own.name}"`;
  const [row] = await server.owner(`SELECT queue FROM ${schema}.queue`);
  number = row?.["queue"];
  holder = await session();
  await holder.query("BEGIN");
});

/** A session of the test's own role. */
async function session(): Promise<Client> {
  const client = new Client(server.url);
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Two sessions that count in the same row. */
async function ofOneSlot(): Promise<readonly [Client, Client]> {
  const slotOf = async (client: Client): Promise<unknown> =>
    (await client.query<{ slot: number }>("SELECT pg_backend_pid() % 32 AS slot")).rows[0]?.slot;
  const first = await session();
  for (;;) {
    const second = await session();
    if ((await slotOf(first)) === (await slotOf(second))) return [first, second];
    await second.end();
  }
}

/** Until as many sessions of this test wait for a lock, or the call is over. */
async function waiting(sessions: number, call: Promise<unknown>): Promise<void> {
  let over = false;
  const end = (): void => void (over = true);
  call.then(end, end);
  const text = "SELECT FROM pg_stat_activity WHERE usename = $1 AND wait_event_type = 'Lock'";
  const role = new URL(server.url).username;
  while (!over && (await server.owner(text, [role])).length < sessions);
}

/** What a call came to: how many rows, or with which code the server refused it. */
const outcome = (call: Promise<{ rows: unknown[] }>): Promise<unknown> =>
  call.then(
    ({ rows }) => rows.length,
    (error: { readonly code?: string }) => error.code,
  );

describe.each<[string, Partial<NewJob>]>([
  ["plain jobs", {}],
  ["jobs that have to be judged", { key: "k" }],
])("two calls that store the same %s in opposite orders", (_, given) => {
  test("wait for each other in one order", async () => {
    await holder.query(
      `INSERT INTO ${schema}.job (queue, id, seq, task, priority, data, encoding, created)
       VALUES ($1, 'm', 0, '', 0, '', '', 0)`,
      [number],
    );
    const jobs = ["a", "m", "z"].map((id) => aJob({ ...given, id }));
    const call = { session: "first", seq: 1 };
    const first = queues[0].enqueueMany(jobs, call);
    await waiting(1, first);
    const second = queues[1].enqueueMany(jobs.toReversed(), { ...call, session: "second" });
    await waiting(2, second);
    await holder.query("ROLLBACK");
    const [one, other] = await Promise.all([first, second]);
    const stored = [...one, ...other].flatMap((answer) => (answer.ok ? [answer.value.id] : []));
    expect(stored.toSorted()).toEqual(["a", "m", "z"]);
    expect(await queues[0].getTaskCount()).toBe(3);
  });
});

test("jobs are given out in the order of their call, whatever their ids", async () => {
  await holder.query("ROLLBACK");
  const ids = ["m", "z", "a", "z"];
  const answers = await queues[0].enqueueMany(
    ids.map((id) => aJob({ id })),
    { session: "p", seq: 1 },
  );
  expect(answers.map(({ ok }) => ok)).toEqual([true, true, true, false]);
  const claim = { slots: 5, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };
  const { deliveries } = await queues[0].exchange({ session: "w", seq: 1, settle: [], started: [], claim });
  expect(deliveries.map(({ job }) => job.id)).toEqual(["m", "z", "a"]);
});

const exchange = (slots: number): string =>
  `SELECT * FROM ${schema}.queue_exchange($1, 'w', $2, 20000, NULL, NULL, ${slots}, 0, 60000, 1000000)`;
const plainExchange = (): string =>
  `SELECT * FROM ${schema}.queue_exchange_plain($1, 'w', $2, 20000, NULL, NULL, 1, 0, 60000, 1000000)`;

describe("the two sendings of one call", () => {
  test("go both ways at once, the first of a session too", async () => {
    await holder.query(`SELECT ${schema}.queue_pause($1, false)`, [number]);
    const [one, other] = [await session(), await session()];
    const long = outcome(one.query(exchange(1), [number, 1]));
    await waiting(1, long);
    const short = outcome(other.query(plainExchange(), [number, 1]));
    await waiting(2, short);
    await holder.query("COMMIT");
    expect(await Promise.all([long, short])).toEqual([1, 1]);
  });

  test("do not wait for each other's counters", async () => {
    const jobs = [aJob({ id: "due", delayMs: 3_600_000 }), aJob({ id: "a" }), aJob({ id: "b" })];
    await queues[0].enqueueMany(jobs, { session: "p", seq: 1 });
    const [one, other] = await ofOneSlot();
    await one.query(exchange(0), [number, 1]);
    await server.owner(`UPDATE ${schema}.delayed SET due = 1`);
    // Nothing else that only time brings is looked for meanwhile.
    await server.owner(`UPDATE ${schema}.queue SET swept = 9007199254740991`);
    await holder.query(
      `INSERT INTO ${schema}.lease (queue, id, number, ordinal, until, started, began, special, session)
       VALUES ($1, 'due', 0, 0, 9007199254740991, NULL, false, false, 0)`,
      [number],
    );
    const first = outcome(one.query(plainExchange(), [number, 2]));
    await waiting(1, first);
    const second = outcome(other.query(plainExchange(), [number, 2]));
    await waiting(2, second);
    await holder.query("ROLLBACK");
    // One of them is told to come again.
    expect(new Set(await Promise.all([first, second]))).toEqual(new Set(["40001", 2]));
  });
});
