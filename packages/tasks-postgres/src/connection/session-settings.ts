/**
 * How the planner must treat tables that hold a thousand rows in one second and none in the next: by their indexes,
 * whatever the statistics of a moment say, and without planning again.
 */
const PLANNER: Readonly<Record<string, string>> = {
  plan_cache_mode: "force_generic_plan",
  jit: "off",
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  enable_material: "off",
  enable_sort: "off",
};

/** A transaction that its process left open (it was stopped, or its link is half open) ends by itself. */
export const LONGEST_IDLE_IN_TRANSACTION_MS = 30_000;

/**
 * The clauses of every SQL function that a caller names (`CREATE FUNCTION … ${FUNCTION_SETTINGS} AS …`). They hold
 * while the function runs, and so also where nothing may be bound to a session: behind a pooler, and in the caller's own
 * pool. A function that only other functions call leaves them away: it runs under those of its caller.
 *
 * `search_path` holds no schema of users', so that nobody's object can stand in the place of what is meant: a function
 * names its tables and functions with their schema.
 */
export const FUNCTION_SETTINGS: string = [
  "SET search_path = pg_catalog, pg_temp",
  ...Object.entries(PLANNER).map(([name, value]) => `SET ${name} = ${value}`),
].join("\n");

/** What our own connections that are lent ask for: what the application runs on them is planned as it has set it. */
export const LENT_OPTIONS = `-c idle_in_transaction_session_timeout=${LONGEST_IDLE_IN_TRANSACTION_MS}`;

/** What our own connections ask for when they start, as the `options` of a connection. */
export function startupOptions(statementTimeoutMs: number): string {
  const settings = {
    ...PLANNER,
    statement_timeout: String(statementTimeoutMs),
    idle_in_transaction_session_timeout: String(LONGEST_IDLE_IN_TRANSACTION_MS),
    default_transaction_isolation: String.raw`read\ committed`,
  };
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(" ");
}
