import { uniqueName } from "@lexigram/conformance";
import { systemRandom } from "@lexigram/contracts";
import { privatePgBouncer, sharedServers } from "@lexigram/services";
import { Client, Pool } from "pg";
import { onTestFinished } from "vitest";
import type { SharedDatabase } from "../src/connection/database.ts";
import { openDatabase, type DatabaseOptions } from "../src/connection/open-database.ts";

/** The server of the machine, as one test file reaches it: under a role of its own, whose links alone are cut. */
export interface PostgresServer {
  /** A database that shares no connection. */
  connect(options?: Extra): SharedDatabase;
  /** Its address. */
  readonly url: string;
  /** Runs a text as an administrator, and answers the rows of its last statement. */
  owner(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** The caller's, where there is one. */
  readonly pool?: Pool;
  /** Cuts all links that were opened here. */
  sever(): Promise<void>;
  /** Ends what was opened here, and drops every schema of its role. */
  end(): Promise<void>;
}

interface Opening {
  readonly options: Pick<DatabaseOptions, "target"> & Extra;
  readonly end?: () => Promise<void>;
}

type Extra = Omit<DatabaseOptions, "target" | "random">;

async function reached(opening: (url: string) => Opening | Promise<Opening>): Promise<PostgresServer> {
  const role = uniqueName("role")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "_");
  const administrator = new Client(sharedServers.postgres);
  await administrator.connect();
  await administrator.query("SET client_min_messages = warning");
  const owner = async (text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> =>
    (await administrator.query<Record<string, unknown>>(text, [...values])).rows;
  const [{ name } = {}] = await owner("SELECT current_database() AS name");
  // Rights on the database are one row, which refuses one of two who change it at once.
  const alone = async (text: string): Promise<void> => {
    for (;;)
      try {
        await owner(text);
        return;
      } catch (error) {
        if (!(error as Error).message.includes("tuple concurrently updated")) throw error;
      }
  };
  await owner(`CREATE ROLE "${role}" LOGIN`);
  await alone(`GRANT CREATE ON DATABASE "${String(name)}" TO "${role}"`);
  const url = new URL(sharedServers.postgres);
  url.username = role;
  const { options, end } = await opening(url.href);
  const { target } = options;
  return {
    ...(target.kind === "pool" ? { pool: target.pool } : {}),
    url: target.kind === "dsn" ? target.dsn : url.href,
    // A random of its own keeps it from being shared.
    connect: (more = {}) => openDatabase({ ...options, ...more, random: () => systemRandom() }),
    owner,
    async sever() {
      await owner("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [role]);
    },
    async end() {
      await end?.();
      await owner("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [role]);
      const schemas = await owner("SELECT nspname FROM pg_namespace WHERE nspowner = $1::regrole", [role]);
      // One by one: each takes a lock for everything in it.
      for (const { nspname } of schemas) await owner(`DROP SCHEMA "${String(nspname)}" CASCADE`);
      await alone(`DROP OWNED BY "${role}"`);
      await owner(`DROP ROLE "${role}"`);
      await administrator.end();
    },
  };
}

/** By its address. */
export function sharedPostgres(extra: Extra = {}): Promise<PostgresServer> {
  return reached((dsn) => ({ options: { target: { kind: "dsn", dsn }, ...extra } }));
}

/** Through one pool of the caller's. */
export function callersPool(max = 4): Promise<PostgresServer> {
  return reached((connectionString) => {
    const pool = new Pool({ connectionString, max });
    pool.on("error", () => {});
    return { options: { target: { kind: "pool", pool } }, end: () => pool.end() };
  });
}

/** Behind a pooler that knows no settings of connections, and hands each transaction to any of a few sessions. */
export async function behindPooler(): Promise<PostgresServer> {
  return reached(async (url) => {
    const pooler = await privatePgBouncer(url, { default_pool_size: 3 });
    return {
      options: { target: { kind: "dsn", dsn: pooler.url } },
      end: () => pooler.stop(),
    };
  });
}

/** A server that ends with the test. */
export async function serverOfTest(
  making: () => Promise<PostgresServer> = sharedPostgres,
): Promise<PostgresServer> {
  const server = await making();
  onTestFinished(() => server.end());
  return server;
}
