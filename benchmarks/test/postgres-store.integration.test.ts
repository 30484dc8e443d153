import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Gauge } from "../src/stores/gauge.ts";
import { postgresGauge, startPostgres } from "../src/stores/postgres-store.ts";
import type { RunningStore } from "../src/stores/stores.ts";

describe("the gauge of PostgreSQL", () => {
  let store: RunningStore;
  let gauge: Gauge;
  beforeAll(async () => {
    store = await startPostgres();
    gauge = postgresGauge(store.url);
  });
  afterAll(async () => {
    await gauge.close?.();
    await store.stop();
  });

  const run = async (...statements: string[]): Promise<void> => {
    const client = new pg.Client({ connectionString: store.url });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  };

  test("counts what a system did, and forgets it", async () => {
    await gauge.empty();
    const before = { cpu: await gauge.cpuUs?.(), wal: await gauge.walBytes?.() };
    expect(await gauge.usedBytes?.()).toBe(0);
    await run(
      "CREATE SCHEMA a",
      "CREATE TABLE a.t AS SELECT i, repeat('x', 100) AS x FROM generate_series(1, 1000) i",
      "UPDATE a.t SET x = 'y' WHERE i <= 10",
      "DELETE FROM a.t WHERE i <= 20",
      "SELECT sum(length(md5(i::text))) FROM generate_series(1, 200000) i",
    );
    expect(await gauge.deadRows?.()).toBe(30);
    // A thousand rows of 100 bytes, on pages of 8 KiB.
    expect(await gauge.usedBytes?.()).toBeGreaterThan(100_000);
    expect((await gauge.walBytes?.())! - before.wal!).toBeGreaterThan(100_000);
    expect((await gauge.cpuUs?.())! - before.cpu!).toBeGreaterThan(0);
    await gauge.empty();
    expect(await gauge.usedBytes?.()).toBe(0);
    expect(await gauge.deadRows?.()).toBe(0);
  });

  test("keeps rows for a reader until it ends", async () => {
    await gauge.empty();
    await run("CREATE TABLE public.t AS SELECT i FROM generate_series(1, 1000) i");
    const end = await gauge.snapshot?.();
    await run("DELETE FROM public.t");
    // It waits until what the session has counted is told.
    expect(await gauge.deadRows?.()).toBe(1_000);
    await run("VACUUM public.t");
    expect(await gauge.heldRows?.()).toBe(1_000);
    await end?.();
    await run("VACUUM public.t");
    expect(await gauge.heldRows?.()).toBe(0);
  });
});
