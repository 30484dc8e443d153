import { TaskConfigError } from "@lexigram/contracts";
import type { Row } from "./pg-clients.ts";
import { NotYetError } from "./refusals.ts";
import { Statement } from "./statement.ts";

/**
 * How much a server keeps through its own end: all that it confirmed; all but the last moments; nothing it can be
 * trusted with after a crash of the machine.
 */
type Durability = "safe" | "recent lost" | "unsafe";

/** What a server told of itself. */
export interface ServerReport {
  readonly version: string;
  readonly database: string;
  readonly durability: Durability;
  /** Standbys that follow it now, as far as the role may see. */
  readonly standbys: number;
  /** What its settings risk, in words; empty when nothing that was accepted can be lost. */
  readonly risks: readonly string[];
}

const OLDEST = 130_000;

/** Asks everything in one go. What a role may not see is NULL. */
export const SERVER_FACTS = new Statement(`SELECT
  current_setting('server_version_num')::int AS version_num,
  current_setting('server_version') AS version,
  current_database()::text AS database,
  pg_is_in_recovery() AS standby,
  current_setting('transaction_read_only') AS read_only,
  current_setting('transaction_isolation') AS isolation,
  current_setting('server_encoding') AS encoding,
  current_setting('fsync') AS fsync,
  current_setting('full_page_writes') AS full_page_writes,
  current_setting('synchronous_commit') AS synchronous_commit,
  current_setting('synchronous_standby_names', true) AS sync_standbys,
  (SELECT count(*)::int FROM pg_stat_replication) AS standbys,
  pg_backend_pid() AS pid`);

const UNSAFE: Readonly<Record<string, string>> = {
  fsync: "fsync off: a crash of the machine can destroy the whole database; set fsync on",
  full_page_writes:
    "full_page_writes off: a crash of the machine can corrupt tables unless the disk writes 8 KB at once; set it on",
};

const COMMIT: Readonly<Record<string, string>> = {
  off: "synchronous_commit off: a crash of the server loses what was accepted in its last moments; set it on",
  local:
    "synchronous_commit local: the synchronous standby is not waited for, a failover to it may lose what was accepted; set it on",
};

/**
 * Judges a server by what it answered.
 *
 * @throws NotYetError while it cannot be used; TaskConfigError when it never can.
 */
export function judgeServer(facts: Row): ServerReport {
  const { version, database } = facts as Readonly<Record<string, string>>;
  const text = (name: string): string => String(facts[name]);
  if (Number(facts["version_num"]) < OLDEST)
    throw new TaskConfigError(
      `PostgreSQL ${version} is too old for tasks`,
      { path: "dsn" },
      { hint: "use PostgreSQL 13 or newer" },
    );
  if (facts["standby"] === true) throw new NotYetError("the server is a standby, and takes no jobs");
  if (text("read_only") === "on")
    throw new NotYetError("transactions are read only: default_transaction_read_only is on");
  if (text("encoding") !== "UTF8")
    throw new TaskConfigError(
      `the database "${database}" has the encoding ${text("encoding")}, which cannot hold every text`,
      { path: "dsn" },
      { hint: "use a database made with ENCODING 'UTF8'" },
    );
  if (text("isolation") !== "read committed")
    throw new TaskConfigError(
      `transactions begin as ${text("isolation")}, under which steps that wait for each other cannot see one another`,
      { path: "dsn" },
      { hint: "reset default_transaction_isolation of the role or database to read committed" },
    );

  const risks: string[] = [];
  for (const name of ["fsync", "full_page_writes"] as const)
    if (text(name) === "off") risks.push(UNSAFE[name] as string);
  const unsafe = risks.length > 0;
  const commit = text("synchronous_commit");
  const waitsForStandby = (facts["sync_standbys"] ?? "") !== "";
  const lax = commit === "local" && !waitsForStandby ? undefined : COMMIT[commit];
  if (lax !== undefined) risks.push(lax);
  const standbys = Number(facts["standbys"] ?? 0);
  if (standbys > 0 && !waitsForStandby)
    risks.push(
      "no synchronous standby: a failover loses what the new primary had not received; set synchronous_standby_names",
    );
  const durability: Durability = unsafe ? "unsafe" : lax === undefined ? "safe" : "recent lost";
  return { version: version ?? "unknown", database: database ?? "unknown", durability, standbys, risks };
}
