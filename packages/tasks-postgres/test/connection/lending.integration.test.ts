import { uniqueName } from "@lexigram/conformance";
import { systemRandom } from "@lexigram/contracts";
import { sharedServers } from "@lexigram/services";
import { Pool, type PoolClient } from "pg";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { SharedDatabase } from "../../src/connection/database.ts";
import { at, open, signal, subject, taking, unavailability } from "./opened.ts";

const dsn = sharedServers.postgres;

/** The test's own. */
let pool: Pool;
let table: string;
beforeEach(async () => {
  pool = new Pool({ connectionString: dsn, max: 2 });
  pool.on("error", () => {});
  table = uniqueName("lent")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "_");
  await pool.query(`CREATE TABLE ${table} (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)`);
  onTestFinished(async () => {
    await pool.query(`DROP TABLE ${table}`);
    await pool.end();
  });
});

const insert =
  (...values: readonly number[]) =>
  async (client: PoolClient): Promise<void> => {
    for (const value of values) await client.query(`INSERT INTO ${table} VALUES ($1)`, [value]);
  };
const stored = async (): Promise<unknown[]> =>
  (await pool.query<{ a: number }>(`SELECT a FROM ${table} ORDER BY a`)).rows.map(({ a }) => a);

const end = async (client: PoolClient): Promise<void> => {
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  await pool.query("SELECT pg_terminate_backend($1)", [rows[0]?.pid]);
};

describe.each([["of ours"], ["of the caller's"]])("a connection that is lent %s", (whose) => {
  let database: SharedDatabase;
  let lent: Pool | undefined;
  beforeEach(() => {
    const options = { poolSize: 1, callTimeoutMs: 2_000, random: () => systemRandom() };
    if (whose === "of ours") {
      lent = undefined;
      database = open({ ...at(dsn), ...options });
      return;
    }
    const callers = new Pool({ connectionString: dsn, max: 2 });
    callers.on("error", () => {});
    onTestFinished(() => callers.end());
    lent = callers;
    database = open({ ...options, target: { kind: "pool", pool: callers } });
  });

  test("commits what was written, and is lent again", async () => {
    for (const value of [1, 2]) await database.lend({ subject }, insert(value));
    expect(await stored()).toEqual([1, 2]);
    expect(lent?.idleCount).toBe(lent?.totalCount);
  });

  test("throws what the work threw, after a rollback", async () => {
    const error = new Error("no");
    const call = database.lend({ subject }, async (client) => {
      await insert(1)(client);
      throw error;
    });
    await expect(call).rejects.toBe(error);
    await database.lend({ subject }, insert(2));
    expect(await stored()).toEqual([2]);
  });

  test("passes on what the server has against the commit", async () => {
    await expect(database.lend({ subject }, insert(1, 1))).rejects.toMatchObject({ code: "23505" });
    await database.lend({ subject }, insert(2));
    expect(await stored()).toEqual([2]);
  });

  test("is not accepted when a failed statement was passed over", async () => {
    const call = database.lend({ subject }, async (client) => {
      await insert(1)(client);
      await client.query("SELECT nonsense").catch(() => {});
    });
    expect((await unavailability(call)).fields).toMatchObject({ accepted: "no", retryable: true });
    expect(await stored()).toEqual([]);
  });

  test("is never used again when it broke, in the work or before the commit", async () => {
    const broken = database.lend({ subject }, async (client) => {
      await end(client);
      await client.query("SELECT 1");
    });
    await expect(broken).rejects.toThrow(/terminat|connection error/);
    const call = database.lend({ subject }, async (client) => {
      await insert(1)(client);
      await end(client);
    });
    expect((await unavailability(call)).fields.accepted).toBe("no");
    await database.lend({ subject }, insert(2));
    expect(await stored()).toEqual([2]);
    expect(lent?.idleCount).toBe(lent?.totalCount);
  });

  test("is waited for no longer than the deadline", async () => {
    const [begun, over] = [signal(), signal()];
    const holding = Array.from({ length: lent === undefined ? 1 : 2 }, () =>
      database.lend({ subject }, async () => {
        begun.hear();
        await over.heard;
      }),
    );
    await begun.heard;
    const waiting = async (): Promise<void> => {
      const { fields } = await unavailability(database.lend({ subject, timeoutMs: 500 }, insert(1)));
      expect(fields).toMatchObject({ accepted: "no", retryable: true });
    };
    expect(await taking(waiting)).toBeLessThan(3_000);
    over.hear();
    await Promise.all(holding);
    expect(await stored()).toEqual([]);
  });

  test("does not keep the database from closing", async () => {
    const [begun, over] = [signal(), signal()];
    const holding = database.lend({ subject }, async (client) => {
      await insert(1)(client);
      begun.hear();
      await over.heard;
      throw new Error("after all");
    });
    await begun.heard;
    await database.close();
    over.hear();
    await expect(holding).rejects.toThrow("after all");
    expect(await stored()).toEqual([]);
    expect(lent?.idleCount).toBe(lent?.totalCount);
  });
});
