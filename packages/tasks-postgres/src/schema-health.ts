import type { Database } from "./connection/database.ts";
import { Statement } from "./connection/statement.ts";
import type { SchemaName } from "./migrations/schema-name.ts";

/** What slows a schema down that is written to all the time. */
export interface SchemaHealth {
  /** How long the oldest transaction that the role may see has been open. */
  readonly oldestTransactionMs: number;
  /** Rows that were deleted or replaced and not yet vacuumed, by table; tables with few are left out. */
  readonly deadRows: Readonly<Record<string, number>>;
  /** What of this is too much, in words. */
  readonly warnings: readonly string[];
}

const LONG_TRANSACTION_MS = 10 * 60_000;
const FEW_DEAD_ROWS = 1_000;
const MANY_DEAD_ROWS = 100_000;

const AGE = new Statement(
  `SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)) * 1000, 0)::float8 AS oldest
   FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
);
const DEAD = new Statement(
  `SELECT relname::text AS name, n_dead_tup AS dead, n_live_tup AS live
   FROM pg_stat_user_tables WHERE schemaname = $1 AND n_dead_tup >= $2 ORDER BY relname`,
);

/** @throws as {@link Database.run}. */
export async function schemaHealth(database: Database, schema: SchemaName): Promise<SchemaHealth> {
  const options = { subject: "health" };
  const [[age], dead] = await Promise.all([
    database.run(AGE, [], options),
    database.run(DEAD, [schema.name, FEW_DEAD_ROWS], options),
  ]);
  return judgeSchema(
    Number(age?.["oldest"] ?? 0),
    dead.map((row) => ({ name: String(row["name"]), dead: Number(row["dead"]), live: Number(row["live"]) })),
  );
}

/** @param tables those with some dead rows. */
export function judgeSchema(
  oldestTransactionMs: number,
  tables: readonly { readonly name: string; readonly dead: number; readonly live: number }[],
): SchemaHealth {
  const warnings: string[] = [];
  if (oldestTransactionMs > LONG_TRANSACTION_MS)
    warnings.push(
      `a transaction has been open for ${Math.floor(oldestTransactionMs / 60_000)} minutes: no row that was deleted since can be vacuumed; end it`,
    );
  for (const { name, dead, live } of tables)
    if (dead > MANY_DEAD_ROWS && dead > live)
      warnings.push(
        `${name} holds ${dead} dead rows beside ${live} live ones: autovacuum does not keep up, or is held back`,
      );
  const deadRows = Object.fromEntries(tables.map(({ name, dead }) => [name, dead]));
  return { oldestTransactionMs: Math.round(oldestTransactionMs), deadRows, warnings };
}
