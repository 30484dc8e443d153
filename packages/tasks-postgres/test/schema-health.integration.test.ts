import { sharedServers } from "@lexigram/services";
import { Client } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { SchemaName } from "../src/migrations/schema-name.ts";
import { schemaHealth, type SchemaHealth } from "../src/schema-health.ts";
import { at, open } from "./connection/opened.ts";
import { ownDatabase } from "./own-database.ts";

/** A session that is in a transaction until the test ends. */
async function begun(dsn: string, application: string): Promise<number> {
  const client = new Client({ connectionString: dsn, application_name: application });
  client.on("error", () => {});
  await client.connect();
  onTestFinished(() => client.end());
  await client.query("BEGIN");
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  return rows[0]?.pid ?? 0;
}

test("the oldest transaction is one of this database, and whose it is can be told", async () => {
  const { dsn } = await ownDatabase("health");
  const database = open(at(dsn));
  const health = (): Promise<SchemaHealth> => schemaHealth(database, new SchemaName("lexigram"));
  await begun(sharedServers.postgres, "of another database");
  const { oldestTransactionMs, oldestTransaction } = await health();
  expect([oldestTransactionMs, oldestTransaction]).toEqual([0, undefined]);

  const pid = await begun(dsn, "a report");
  await begun(dsn, "a younger one");
  const after = await health();
  expect(after.oldestTransactionMs).toBeGreaterThan(0);
  expect(after.oldestTransaction).toEqual({
    pid,
    role: new URL(sharedServers.postgres).username,
    application: "a report",
    state: "idle in transaction",
  });
});
