import { aJob, anError, type QueueHarness, uniqueName } from "@lexigram/conformance";
import type {
  Delivery,
  JobState,
  NewJob,
  QueuePolicy,
  Settlement,
  TaskQueueProtocol,
} from "@lexigram/contracts";
import { systemClock, systemRandom } from "@lexigram/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sql } from "../../src/migrations/sql.ts";
import type { SchemaName } from "../../src/migrations/schema-name.ts";
import { StoredSchema } from "../../src/migrations/stored-schema.ts";
import { StoredQueue } from "../../src/queue/stored-queue.ts";
import { ending } from "../connection/opened.ts";
import { type PostgresServer, serverOfTest, sharedPostgres } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";
import { postgresQueueHarness } from "./postgres-queue-harness.ts";

let harness: QueueHarness;
beforeAll(async () => {
  harness = postgresQueueHarness({ server: await sharedPostgres() });
});
afterAll(() => harness.dispose());

/** A worker of one queue that takes everything it can get. */
class Worker {
  readonly #queue: TaskQueueProtocol;
  readonly #session = uniqueName("worker");
  #seq = 0;

  constructor(queue: TaskQueueProtocol) {
    this.#queue = queue;
  }

  async exchange(settle: readonly Settlement[], slots: number): Promise<readonly Delivery[]> {
    const claim = { slots, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };
    const call = { session: this.#session, seq: ++this.#seq };
    return (await this.#queue.exchange({ ...call, settle, started: [], claim })).deliveries;
  }

  /** Completes one batch after the other until nothing comes. @returns the ids in the order they came. */
  async drain(slots = 500): Promise<string[]> {
    const ids: string[] = [];
    let deliveries = await this.exchange([], slots);
    while (deliveries.length > 0) {
      ids.push(...deliveries.map(({ job }) => job.id));
      deliveries = await this.exchange(
        deliveries.map(({ receipt }) => ({ receipt, kind: "complete" })),
        slots,
      );
    }
    return ids;
  }
}

async function stored(queue: TaskQueueProtocol, jobs: readonly NewJob[]): Promise<string[]> {
  for (let at = 0; at < jobs.length; at += 1_000)
    await queue.enqueueMany(jobs.slice(at, at + 1_000), { session: uniqueName("producer"), seq: 1 });
  return jobs.map(({ id }) => id);
}

const jobsOf = (n: number, given: (i: number) => Partial<NewJob> = () => ({})): NewJob[] =>
  Array.from({ length: n }, (_, i) => aJob({ id: uniqueName("job"), ...given(i) }));

describe("new rules over a long queue", () => {
  test("file all that waits, in steps, and lose no place", { timeout: 60_000 }, async () => {
    const queue = await harness.open();
    const ids = await stored(
      queue,
      jobsOf(2_500, (i) => ({ key: `k${i % 50}` })),
    );
    const fifo: QueuePolicy = { perKey: { order: "fifo" } };
    await queue.setPolicy(fifo);
    const heads = await new Worker(queue).exchange([], 500);
    expect(heads.map(({ job }) => job.id)).toEqual(ids.slice(0, 50));
    await new Worker(queue).exchange(
      heads.map(({ receipt }) => ({ receipt, kind: "complete" })),
      0,
    );
    await queue.setPolicy({ perTask: { [aJob().task]: { concurrency: 700 } } });
    await queue.setPolicy({});
    expect(await new Worker(queue).drain()).toEqual(ids.slice(50));
    await queue.close();
  });
});

interface Own {
  readonly queue: TaskQueueProtocol;
  readonly server: PostgresServer;
  readonly schema: SchemaName;
}

async function own(): Promise<Own> {
  const server = await serverOfTest();
  const schema = ownSchema("house");
  const database = ending(server.connect());
  const parts = { clock: systemClock, random: systemRandom, onClose: () => {} };
  const queue = new StoredQueue({
    name: "q",
    stored: new StoredSchema({ database, schema, clock: systemClock }),
    ...parts,
  });
  return { queue, server, schema };
}

async function rowsOf({ server, schema }: Own, tables: readonly string[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const [row] = await server.owner(sql`SELECT count(*)::integer AS n FROM ${schema}.${table}`);
    counts[table] = Number(row?.["n"]);
  }
  return counts;
}

/** What must hold nothing once no job is unfinished. */
const OF_UNFINISHED = [
  "ready",
  "lease",
  "delayed",
  "expiry",
  "chain",
  "lane",
  "gauge",
  "refill",
  "edge",
  "pin",
  "release",
  "notice",
  "note",
  "unique_key",
];

describe("a queue through which jobs of all kinds have gone", () => {
  test(
    "counts what its tables hold, and keeps nothing of jobs that are over",
    { timeout: 60_000 },
    async () => {
      const house = await own();
      const { queue } = house;
      await queue.setPolicy({ keepCompleted: { ageMs: 3_600_000, count: 25 }, perKey: { order: "fifo" } });
      const callback = aJob({ id: "callback", barrier: { size: 20 } });
      await stored(queue, [
        callback,
        ...jobsOf(20, () => ({ notifies: callback.id })),
        ...jobsOf(20, (i) => ({ key: `k${i % 4}` })),
        ...jobsOf(20, (i) => ({ unique: { key: `u${i}`, until: "settled", onConflict: "reject" } })),
        ...jobsOf(20, () => ({ expiresInMs: 600_000 })),
        ...jobsOf(20),
      ]);
      const first = await stored(
        queue,
        jobsOf(1, () => ({ priority: 0 })),
      );
      await stored(
        queue,
        jobsOf(20, () => ({ dependsOn: first })),
      );
      const worker = new Worker(queue);
      let deliveries = await worker.exchange([], 30);
      for (let step = 0; deliveries.length > 0; step++) {
        const settle = deliveries.map(({ receipt, attempt }, i): Settlement => {
          const error = anError();
          switch (attempt === 1 ? (step + i) % 6 : 0) {
            case 1:
              return { receipt, kind: "retry", delayMs: 0, countAttempt: true, error };
            case 2:
              return { receipt, kind: "fail", error };
            case 3:
              return { receipt, kind: "cancel" };
            case 4:
              return step < 10 ? { receipt, kind: "release", delayMs: 0 } : { receipt, kind: "complete" };
            default:
              return { receipt, kind: "complete" };
          }
        });
        deliveries = await worker.exchange(settle, 30);
      }
      for (let beat = 0; beat < 4; beat++) await worker.exchange([], 1);
      expect(await queue.count()).toBe(0);
      expect(await rowsOf(house, OF_UNFINISHED)).toEqual(
        Object.fromEntries(OF_UNFINISHED.map((table) => [table, 0])),
      );
      const { counts } = await queue.stats();
      const [states = {}] = await house.server.owner(
        sql`SELECT json_object_agg(c, n) AS counts FROM (
        SELECT c, count(*) AS n FROM ${house.schema}.job_state GROUP BY c) t`,
      );
      const letters: Readonly<Record<string, JobState>> = { c: "completed", f: "failed", x: "cancelled" };
      const held = Object.entries(states["counts"] as Record<string, number>);
      for (const [letter, n] of held) expect(counts[letters[letter] as JobState]).toBe(n);
      expect(counts.completed + counts.cancelled).toBe(25);
      expect(await queue.clear()).toBe(25 + counts.failed);
      expect(await rowsOf(house, ["job", "job_state", "letter_count"])).toEqual({
        job: 0,
        job_state: 0,
        letter_count: 0,
      });
      await queue.close();
    },
  );
});
