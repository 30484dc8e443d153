import { describe, expect, test } from "vitest";
import { judgeSchema } from "../src/schema-health.ts";

const calm = { autovacuum: true, tables: [] };
const MINUTE = 60_000;

describe("the health of a schema", () => {
  test("warns of a transaction that has been open for long, and says whose it is", () => {
    const oldest = {
      openMs: 9 * MINUTE,
      role: "bi",
      pid: 7,
      application: "report",
      state: "idle in transaction",
    };
    expect(judgeSchema({ ...calm, oldest }).warnings).toEqual([]);
    expect(judgeSchema({ ...calm, oldest: { ...oldest, openMs: 11 * MINUTE } })).toMatchObject({
      oldestTransactionMs: 660_000,
      oldestTransaction: { role: "bi", pid: 7, application: "report", state: "idle in transaction" },
      warnings: [
        expect.stringMatching(
          /open for 11 minutes.*session 7 \("report"\) of role "bi", idle in transaction.*pg_terminate_backend\(7\)/,
        ),
      ],
    });
  });

  test("warns of one that was prepared and forgotten", () => {
    const oldest = { openMs: 60 * MINUTE, role: "shop", prepared: "order-7" };
    const { oldestTransaction, warnings } = judgeSchema({ ...calm, oldest });
    expect(oldestTransaction).toEqual({ role: "shop", prepared: "order-7" });
    expect(warnings).toEqual([
      expect.stringMatching(/prepared transaction "order-7" of role "shop".*ROLLBACK PREPARED/),
    ]);
  });

  test("names no transaction when none is open", () => {
    expect(judgeSchema(calm)).toEqual({ oldestTransactionMs: 0, deadRows: {}, warnings: [] });
  });

  test("warns of dead rows that are many and more than the live ones", () => {
    const tables = [
      { name: "state_entry", dead: 200_000, live: 100 },
      { name: "state_bucket", dead: 200_000, live: 900_000 },
      { name: "state_permit", dead: 2_000, live: 0 },
    ];
    expect(judgeSchema({ ...calm, tables })).toEqual({
      oldestTransactionMs: 0,
      deadRows: { state_entry: 200_000, state_bucket: 200_000, state_permit: 2_000 },
      warnings: [expect.stringMatching(/^state_entry holds 200000 dead rows/)],
    });
  });

  const oldest = { openMs: 11 * MINUTE, role: "bi", pid: 7, application: "", state: "active" };
  test.each([
    [{}, undefined, /has not come by yet; raise autovacuum_max_workers/],
    [{}, 25 * MINUTE, /has not come by for 25 minutes; raise/],
    [{}, MINUTE, /could not clear them away; look for a replication slot/],
    [{ oldest }, MINUTE, /the oldest transaction holds autovacuum back$/],
    [{ autovacuum: false, oldest }, MINUTE, /autovacuum is off$/],
  ])("says what keeps them: %j, vacuumed %s ms ago", (facts, vacuumedMsAgo, says) => {
    const table = { name: "lease", dead: 200_000, live: 0 };
    const tables = [vacuumedMsAgo === undefined ? table : { ...table, vacuumedMsAgo }];
    expect(judgeSchema({ ...calm, ...facts, tables }).warnings.at(-1)).toMatch(says);
  });

  test("warns of autovacuum that is off whatever the tables hold", () => {
    const { warnings } = judgeSchema({ ...calm, autovacuum: false });
    expect(warnings).toEqual([expect.stringMatching(/^autovacuum is off.*set it on/)]);
  });
});
