import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { privatePostgres } from "@lexigram/services";
import pg from "pg";
import type { Gauge } from "./gauge.ts";
import type { RunningStore } from "./stores.ts";

/** What every system is held to: an accepted job has reached the disk. */
const DURABLE = { fsync: "on", synchronous_commit: "on", full_page_writes: "on" } as const;

/** Settings that are left as the server ships, and that figures depend on. */
const SHIPPED = ["wal_sync_method", "shared_buffers", "autovacuum"] as const;

const GAUGE = "benchmark gauge";

/** Ticks of a second in which the kernel tells of CPU time. */
const TICKS = 100;

/** Milliseconds in which the connections of a system that was closed are gone. */
const GONE_WITHIN_MS = 10_000;

/**
 * A PostgreSQL of its own for one benchmark, on a free port, ended with it.
 *
 * @throws Error when it is not as durable as the figures would claim.
 */
export async function startPostgres(): Promise<RunningStore> {
  const server = await privatePostgres(
    ...Object.entries(DURABLE).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  );
  try {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    try {
      const show = async (name: string): Promise<string> => {
        const { rows } = await client.query<{ value: string }>("SELECT current_setting($1) AS value", [name]);
        return rows[0]?.value ?? "";
      };
      const settings: string[] = [];
      for (const name of [...Object.keys(DURABLE), ...SHIPPED]) settings.push(`${name} ${await show(name)}`);
      for (const [name, value] of Object.entries(DURABLE))
        if (!settings.includes(`${name} ${value}`))
          throw new Error(`PostgreSQL runs with ${settings.join(", ")}, but ${name} must be ${value}`);
      const [version = ""] = (await show("server_version")).split(" ");
      return {
        url: server.url,
        line: `postgres ${version}, a server of its own on the same machine, ${settings.join(", ")}`,
        stop: () => server.stop(),
      };
    } finally {
      await client.end();
    }
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** @param url of a server on this machine that holds nothing else: `empty` drops every schema. */
export function postgresGauge(url: string): Gauge {
  let connecting: Promise<{ client: pg.Client; postmaster: number }> | undefined;
  const connected = async (): Promise<{ client: pg.Client; postmaster: number }> => {
    const client = new pg.Client({ connectionString: url, application_name: GAUGE });
    await client.connect();
    return { client, postmaster: parentOf(await numberOf(client, "pg_backend_pid()")) };
  };
  const server = (): Promise<{ client: pg.Client; postmaster: number }> => (connecting ??= connected());
  return {
    cpuUs: async () => cpuTicks((await server()).postmaster) * (1e6 / TICKS),
    usedBytes: async () => {
      const { client } = await server();
      return numberOf(client, "coalesce(sum(pg_total_relation_size(relid)), 0) FROM pg_stat_user_tables");
    },
    walBytes: async () => {
      const { client } = await server();
      return numberOf(client, "pg_current_wal_insert_lsn() - '0/0'::pg_lsn");
    },
    deadRows: async () => {
      const { client } = await server();
      // A connection tells the statistics of its last second when it ends.
      const others = `count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> '${GAUGE}'`;
      for (const end = Date.now() + GONE_WITHIN_MS; (await numberOf(client, others)) > 0;) {
        if (Date.now() > end) throw new Error("a system that was closed is still connected");
        await sleep(5);
      }
      // Not n_dead_tup, which says how far vacuum has come.
      return numberOf(client, "coalesce(sum(n_tup_del + n_tup_upd), 0) FROM pg_stat_user_tables");
    },
    snapshot: async () => {
      const reader = new pg.Client({ connectionString: url, application_name: GAUGE });
      await reader.connect();
      await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      await reader.query("SELECT count(*) FROM pg_class");
      return () => reader.end();
    },
    heldRows: async () => {
      const { client } = await server();
      return numberOf(client, "coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables");
    },
    empty: async () => {
      const { client } = await server();
      const { rows } = await client.query<{ name: string }>(
        "SELECT nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'",
      );
      for (const { name } of rows) await client.query(`DROP SCHEMA ${client.escapeIdentifier(name)} CASCADE`);
      await client.query("CREATE SCHEMA public");
      // So that none falls into the run, where each page would be logged whole once more.
      await client.query("CHECKPOINT");
    },
    close: async () => {
      const open = await connecting;
      await open?.client.end();
    },
  };
}

/** @param selected what a SELECT that answers one number asks for. */
async function numberOf(client: pg.Client, selected: string): Promise<number> {
  const { rows } = await client.query<[string]>({ text: `SELECT ${selected}`, rowMode: "array" });
  return Number(rows[0]?.[0]);
}

/** What stands in `/proc/PID/stat` after the name: state, parent, and so on. Absent for a process that is gone. */
function statOf(pid: number | string): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

function parentOf(pid: number): number {
  const [, parent] = statOf(pid) ?? [];
  if (parent === undefined) throw new Error("the server runs on another machine, or this one has no /proc");
  return Number(parent);
}

/** CPU time of a server's processes, and of those that have ended. */
function cpuTicks(postmaster: number): number {
  let ticks = 0;
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = statOf(pid);
    if (stat === undefined) continue;
    if (Number(pid) === postmaster) ticks += sum(stat.slice(11, 15));
    else if (Number(stat[1]) === postmaster) ticks += sum(stat.slice(11, 13));
  }
  return ticks;
}

const sum = (values: readonly string[]): number => values.reduce((all, value) => all + Number(value), 0);
