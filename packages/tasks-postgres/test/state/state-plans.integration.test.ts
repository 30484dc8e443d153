import { expect, test } from "vitest";
import { sql } from "../../src/migrations/sql.ts";
import { ending } from "../connection/opened.ts";
import { serverOfTest } from "../postgres-server.ts";
import { ownSchema, storeIn } from "./postgres-state-harness.ts";

test("no function of the state scans a table, whatever the planner was told of its size", async () => {
  const server = await serverOfTest();
  const schema = ownSchema("plans");
  await storeIn(ending(server.connect()), schema).get("k");
  // Tables that are known to be empty are scanned rather than looked up.
  const tables = await server.owner("SELECT tablename FROM pg_tables WHERE schemaname = $1", [schema.name]);
  for (const { tablename } of tables) await server.owner(sql`ANALYZE ${schema}.${String(tablename)}`);
  const call = (text: string): Promise<unknown> => server.owner(sql`SELECT * FROM ${schema}.${text}`);
  const calls = [
    "state_put('a', '1', 1000, false, NULL)",
    "state_put('a', '1', NULL, true, 5)",
    "state_get('a')",
    "state_touch('a', 1000, NULL)",
    "state_increment('a', 1, NULL)",
    "state_list('a', 'a', 10)",
    "state_delete('a', NULL)",
    "state_acquire('a', 'h', 3, 2, 1000)",
    "state_release('a', 'h', 1)",
    "state_release('a', 'h', NULL)",
    "state_take_tokens(ARRAY['a', 'b'], ARRAY[1, 1], ARRAY[3, 3], 2)",
    "state_begin_poll('p', 't')",
    "state_publish('t', 'c', '1')",
    "state_poll('p', ARRAY['t'], ARRAY[0], 10)",
    "state_message_body(1)",
  ];
  const scans = sql`SELECT relname, seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE schemaname = '${schema.name}'`;
  await server.owner("BEGIN");
  for (let round = 0; round < 8; round++) for (const text of calls) await call(text);
  const counted = await server.owner(scans);
  await server.owner("ROLLBACK");
  const used = counted.filter(({ relname }) => String(relname).startsWith("state_"));
  expect(used).toHaveLength(5);
  for (const { relname, seq_scan, idx_scan } of used)
    expect([relname, seq_scan, Number(idx_scan) > 0]).toEqual([relname, "0", true]);
});
