import { aJob, uniqueName } from "@lexigram/conformance";
import {
  type Delivery,
  type NewJob,
  type Settlement,
  systemClock,
  systemRandom,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { sharedServers } from "@lexigram/services";
import { Client } from "pg";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { MIGRATION_STEPS } from "../../src/migrations/migration-steps.ts";
import { sql } from "../../src/migrations/sql.ts";
import { StoredSchema } from "../../src/migrations/stored-schema.ts";
import { queueStep, queueStepWith } from "../../src/queue/sql/queue-step.ts";
import { StoredQueue } from "../../src/queue/stored-queue.ts";
import { serverOfTest } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

vi.setConfig({ testTimeout: 120_000 });

interface Worked {
  readonly queue: TaskQueueProtocol;
  readonly put: (jobs: readonly Partial<NewJob>[]) => Promise<void>;
  /** Claims on a lease of a minute, or as long as is said. */
  readonly take: (most: number, leaseMs?: number) => Promise<readonly Delivery[]>;
  readonly settle: (settlements: readonly Settlement[]) => Promise<readonly string[]>;
  readonly marks: () => Promise<Record<string, unknown>>;
  /** The most entries that a claim of one job reads of an index. */
  readonly passedOver: () => Promise<number>;
}

/** @param manyDead see `QueueConstants`; marks are raised at every step that judges. */
async function worked(manyDead: number): Promise<Worked> {
  const server = await serverOfTest();
  const schema = ownSchema("marks");
  const database = server.connect();
  onTestFinished(() => database.close());
  const steps = MIGRATION_STEPS.map((step) =>
    step === queueStep ? queueStepWith({ manyDead, sweepMs: 0 }) : step,
  );
  const stored = new StoredSchema({ database, schema, clock: systemClock, steps });
  const queue = new StoredQueue({
    name: uniqueName("queue"),
    stored,
    clock: systemClock,
    random: systemRandom,
    onClose: () => {},
  });
  let seq = 0;
  const call = () => ({ session: "s", seq: ++seq });
  return {
    queue,
    async put(jobs) {
      const results = await queue.enqueueMany(
        jobs.map((job) => aJob(job)),
        call(),
      );
      expect(results.filter(({ ok }) => !ok)).toEqual([]);
    },
    async take(most, leaseMs = 60_000) {
      const claim = { slots: most, ahead: 0, leaseMs, maxBytes: 1e9 };
      return (await queue.exchange({ ...call(), settle: [], started: [], claim })).deliveries;
    },
    async settle(settlements) {
      const claim = { slots: 0, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };
      return (await queue.exchange({ ...call(), settle: settlements, started: [], claim })).lost;
    },
    async marks() {
      const [row = {}] = await server.owner(
        sql`SELECT lease_mark, kept_mark, ready_marks FROM ${schema}.queue`,
      );
      return row;
    },
    async passedOver() {
      const client = await connected();
      await client.query("BEGIN");
      const claim = "'probe', 1, 60000, NULL, NULL, 1, 0, 60000, 1000000";
      const { rowCount } = await client.query(sql`SELECT * FROM ${schema}.queue_exchange_plain(1, ${claim})`);
      expect(rowCount).toBe(2);
      const { rows } = await client.query<{ n: string }>(
        sql`SELECT pg_stat_get_xact_tuples_returned(i.indexrelid) AS n FROM pg_index i
          JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = '${schema}'::regnamespace`,
      );
      await client.query("COMMIT");
      return Math.max(...rows.map(({ n }) => Number(n)));
    },
  };
}

async function connected(): Promise<Client> {
  const client = new Client(sharedServers.postgres);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** A reader whose snapshot keeps vacuum from clearing anything away. */
async function holdSnapshot(): Promise<void> {
  const client = await connected();
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await client.query("SELECT count(*) FROM pg_class");
}

const completed = (deliveries: readonly Delivery[]): Settlement[] =>
  deliveries.map(({ receipt }) => ({ receipt, kind: "complete" }));

describe("a line whose beginning is over, while a snapshot keeps it", () => {
  test("is not walked by every call", async () => {
    const { queue, put, take, settle, marks, passedOver } = await worked(2_000);
    await queue.count();
    await holdSnapshot();
    for (let i = 0; i < 6; i++) {
      await put(Array.from({ length: 1_000 }, () => ({})));
      await settle(completed(await take(1_000)));
    }
    // One that has to be looked at is claimed by a call that judges, which sees what it passes over and writes it down.
    await put([{ expiresInMs: 60_000 }, {}]);
    expect(await take(1)).toHaveLength(1);
    expect((await marks())["ready_marks"]).not.toBeNull();
    expect(await passedOver()).toBeLessThan(1_500);
  });
});

describe("a job that comes below the mark of its line", () => {
  test("is found: delayed, handed back, in a transaction, with a large body", async () => {
    const { queue, put, take, settle, marks } = await worked(0);
    const body = (size: number) => ({ data: JSON.stringify("x".repeat(size)), encoding: "json" });
    await put([
      { id: "first" },
      { id: "late", delayMs: 300 },
      { id: "large", delayMs: 300, body: body(9_000) },
    ]);
    const [first] = await take(1);
    expect(first?.job.id).toBe("first");
    const client = await connected();
    await client.query("BEGIN");
    const [joined] = await queue.enqueueMany([aJob({ id: "joined" })], {
      session: "t",
      seq: 1,
      transaction: client,
    });
    expect(joined?.ok).toBe(true);
    await put([{ id: "last" }]);
    await queue.pause();
    await queue.resume();
    // Each level has a mark now, above all that is yet to come.
    expect((await marks())["ready_marks"]).toHaveLength(21);
    await client.query("COMMIT");
    await settle([{ receipt: first!.receipt, kind: "release", delayMs: 0 }]);
    await vi.waitFor(
      async () => {
        await settle([]);
        expect(await queue.count("scheduled")).toBe(0);
      },
      { timeout: 10_000 },
    );
    expect((await take(9)).map(({ job }) => job.id)).toEqual(["first", "late", "large", "joined", "last"]);
  });
});

describe("a job that notifies, below the mark of its line", () => {
  test("is found when it was handed back", async () => {
    const { queue, put, take, settle, marks } = await worked(0);
    await put([{ id: "back", barrier: { size: 2 } }]);
    await put([{ id: "one", notifies: "back" }]);
    const [one] = await take(1);
    await put([{ id: "two", notifies: "back" }]);
    await queue.pause();
    await queue.resume();
    expect((await marks())["ready_marks"]).toHaveLength(21);
    await settle([{ receipt: one!.receipt, kind: "release", delayMs: 0 }]);
    const both = await take(9);
    expect(both.map(({ job }) => job.id)).toEqual(["one", "two"]);
    await settle(completed(both));
    expect((await take(9)).map(({ job }) => job.id)).toEqual(["back"]);
  });
});

describe("a record that was kept for a job", () => {
  test("goes with that, also below the mark of what is kept", async () => {
    const { queue, put, take, settle, marks } = await worked(0);
    await queue.setPolicy({ keepCompleted: 0 });
    await put([{ id: "back", barrier: { size: 1 } }]);
    const unique = { key: "u", until: "settled", onConflict: "reject" } as const;
    await put([{ id: "child", notifies: "back" }, { unique }]);
    await settle(completed(await take(2)));
    await queue.pause();
    await queue.resume();
    const before = Number((await marks())["kept_mark"]);
    await settle(completed(await take(1)));
    expect(Number((await marks())["kept_mark"])).toBeLessThan(before);
    await settle([]);
    expect(await queue.getJob("child")).toBeUndefined();
  });
});

describe("a lease that ends below the mark", () => {
  test("is found when it has ended, taken so or renewed so", async () => {
    const { queue, put, take, marks } = await worked(0);
    await put([{ id: "long" }, { id: "short" }, { id: "renewed" }]);
    const [long] = await take(1, 3_600_000);
    expect(long?.job.id).toBe("long");
    await queue.pause();
    await queue.resume();
    const mark = Number((await marks())["lease_mark"]);
    expect(mark).toBeGreaterThan(Date.now() + 3_000_000);
    const [short] = await take(1, 400);
    const [renewed] = await take(1, 3_600_000);
    await queue.extend([renewed!.receipt], 400);
    expect([short?.job.id, renewed?.job.id]).toEqual(["short", "renewed"]);
    const again: string[] = [];
    await vi.waitFor(
      async () => {
        again.push(...(await take(9)).map(({ job }) => job.id));
        expect(again).toHaveLength(2);
      },
      { timeout: 10_000 },
    );
    expect(again.toSorted()).toEqual(["renewed", "short"]);
  });
});
