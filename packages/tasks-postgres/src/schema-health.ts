import type { Database } from "./connection/database.ts";
import type { Row } from "./connection/pg-clients.ts";
import { Statement } from "./connection/statement.ts";
import type { SchemaName } from "./migrations/schema-name.ts";

/** A transaction of the database: of a session, or a prepared one, which has none. */
interface OpenTransaction {
  readonly role: string;
  readonly pid?: number;
  /** The `application_name` of its session. */
  readonly application?: string;
  /** Of its session: `active`, `idle in transaction`. */
  readonly state?: string;
  /** The name under which it was prepared. */
  readonly prepared?: string;
}

/** What slows a schema down that is written to all the time. */
export interface SchemaHealth {
  /** How long the oldest transaction of the database that the role may see has been open. */
  readonly oldestTransactionMs: number;
  /** Whose that is; absent when none is open. */
  readonly oldestTransaction?: OpenTransaction;
  /** Rows that were deleted or replaced and not yet vacuumed, by table; tables with few are left out. */
  readonly deadRows: Readonly<Record<string, number>>;
  /** What of this is too much and what to do about it, in words. */
  readonly warnings: readonly string[];
}

/** A table with some dead rows. */
interface TableHealth {
  readonly name: string;
  readonly dead: number;
  readonly live: number;
  /** How long ago autovacuum has gone over it; absent when it never has. */
  readonly vacuumedMsAgo?: number;
}

export interface SchemaFacts {
  readonly autovacuum: boolean;
  readonly oldest?: OpenTransaction & { readonly openMs: number };
  readonly tables: readonly TableHealth[];
}

const LONG_MS = 10 * 60_000;
const FEW_DEAD_ROWS = 1_000;
const MANY_DEAD_ROWS = 100_000;

// Rows of other databases do not wait for a transaction.
const OLDEST = new Statement(
  `SELECT current_setting('autovacuum') = 'on' AS autovacuum,
     (extract(epoch FROM clock_timestamp() - t.since) * 1000)::float8 AS open_ms, t.*
   FROM (SELECT) one LEFT JOIN LATERAL (
     SELECT xact_start AS since, pid, application_name AS application, usename::text AS role, state, NULL AS prepared
     FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
       AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
     UNION ALL
     SELECT prepared, NULL, NULL, owner::text, NULL, gid FROM pg_prepared_xacts WHERE database = current_database()
     ORDER BY since LIMIT 1) t ON true`,
);
const DEAD = new Statement(
  `SELECT relname::text AS name, n_dead_tup AS dead, n_live_tup AS live,
     (extract(epoch FROM clock_timestamp() - last_autovacuum) * 1000)::float8 AS vacuumed
   FROM pg_stat_user_tables WHERE schemaname = $1 AND n_dead_tup >= $2 ORDER BY relname`,
);

/** @throws as {@link Database.run}. */
export async function schemaHealth(database: Database, schema: SchemaName): Promise<SchemaHealth> {
  const options = { subject: "health" };
  // One after the other, or the first would find the second.
  const [oldest = {}] = await database.run(OLDEST, [], options);
  const dead = await database.run(DEAD, [schema.name, FEW_DEAD_ROWS], options);
  return judgeSchema({
    autovacuum: oldest["autovacuum"] === true,
    ...(oldest["open_ms"] === null ? {} : { oldest: openTransaction(oldest) }),
    tables: dead.map(({ name, dead: gone, live, vacuumed }) => ({
      name: String(name),
      dead: Number(gone),
      live: Number(live),
      ...(vacuumed === null ? {} : { vacuumedMsAgo: Number(vacuumed) }),
    })),
  });
}

function openTransaction(row: Row): OpenTransaction & { readonly openMs: number } {
  const { role, pid, application, state, prepared } = row;
  const whose =
    typeof prepared === "string"
      ? { prepared }
      : { pid: Number(pid), application: String(application), state: String(state) };
  return { openMs: Number(row["open_ms"]), role: String(role), ...whose };
}

export function judgeSchema({ autovacuum, oldest, tables }: SchemaFacts): SchemaHealth {
  const { openMs = 0, ...transaction } = oldest ?? { role: "" };
  const isHeldBack = openMs > LONG_MS;
  const warnings: string[] = [];
  if (!autovacuum)
    warnings.push(
      "autovacuum is off: no row that was deleted is ever cleared away; set it on for this server",
    );
  if (isHeldBack)
    warnings.push(
      `a transaction has been open for ${minutes(openMs)}: no row that was deleted since can be vacuumed; ${endOf(transaction)}`,
    );
  for (const { name, dead, live, vacuumedMsAgo } of tables)
    if (dead > MANY_DEAD_ROWS && dead > live)
      warnings.push(
        `${name} holds ${dead} dead rows beside ${live} live ones: ${reasonOf(autovacuum, isHeldBack, vacuumedMsAgo)}`,
      );
  return {
    oldestTransactionMs: Math.round(openMs),
    ...(oldest === undefined ? {} : { oldestTransaction: transaction }),
    deadRows: Object.fromEntries(tables.map(({ name, dead }) => [name, dead])),
    warnings,
  };
}

const minutes = (ms: number): string => `${Math.floor(ms / 60_000)} minutes`;

/** Whose a transaction is, and what ends it. */
function endOf({ role, pid, application, state, prepared }: OpenTransaction): string {
  const of = `of role ${JSON.stringify(role)}`;
  if (prepared !== undefined)
    return `it is prepared transaction ${JSON.stringify(prepared)} ${of}: end it with COMMIT PREPARED or ROLLBACK PREPARED`;
  const program = application === "" ? "" : ` (${JSON.stringify(application)})`;
  return `it is session ${pid}${program} ${of}, ${state}: end it, or with SELECT pg_terminate_backend(${pid})`;
}

/** Why dead rows stay, as far as can be told, and what helps. */
function reasonOf(autovacuum: boolean, isHeldBack: boolean, vacuumedMsAgo: number | undefined): string {
  if (!autovacuum) return "autovacuum is off";
  if (isHeldBack) return "the oldest transaction holds autovacuum back";
  if (vacuumedMsAgo !== undefined && vacuumedMsAgo < LONG_MS)
    return "autovacuum was there and could not clear them away; look for a replication slot that nobody reads, or a standby with hot_standby_feedback";
  const since = vacuumedMsAgo === undefined ? "yet" : `for ${minutes(vacuumedMsAgo)}`;
  return `autovacuum has not come by ${since}; raise autovacuum_max_workers or autovacuum_vacuum_cost_limit`;
}
