import { type Clock, type Logger, type Random, TaskConfigError, unknownKeys } from "@lexigram/contracts";
import type { Pool } from "pg";
import { DEFAULT_POOL_SIZE, type DatabaseOptions } from "./connection/open-database.ts";
import type { PostgresTarget } from "./connection/pg-clients.ts";
import { SchemaName } from "./migrations/schema-name.ts";

/** Where the server is and how it is asked. Exactly one of `dsn` and `pool` is given. */
export interface PostgresConnectionOptions {
  /**
   * `postgres://[user[:password]@]host[:port]/database`, with what node-postgres takes besides, such as `?sslmode=verify-full`.
   * Backends of one DSN share connections.
   */
  readonly dsn?: string;
  /**
   * A pool of node-postgres, of the caller's, which is never closed here. The connection that hears notifications is one
   * more, with the pool's options.
   */
  readonly pool?: Pool;
  /** Connections of a pool over `dsn`, 1 to 100. Default 4. One more hears notifications. */
  readonly poolSize?: number;
  /**
   * Whether a pooler stands in between that hands each transaction to any session, such as PgBouncer in transaction mode.
   * Nothing is bound to a session then: no prepared statements, and news is polled for. Default: it is found out.
   */
  readonly pooler?: boolean;
  /** Milliseconds after which an unanswered call is given up, 50 to 600,000. Default 5,000. */
  readonly callTimeoutMs?: number;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Is told once what the server's settings risk. Default: nobody is. */
  readonly logger?: Logger;
  /** Default: the machine's. */
  readonly random?: Random;
}

export interface PostgresBackendOptions extends PostgresConnectionOptions {
  /**
   * Where everything is stored: 1 to 63 small letters, digits and underscores, a letter or underscore first. It is
   * created when it is not there. Applications that share a database without sharing jobs take one each. Default
   * `lexigram`.
   */
  readonly schema?: string;
}

const CONNECTION_OPTIONS = [
  "dsn",
  "pool",
  "poolSize",
  "pooler",
  "callTimeoutMs",
  "clock",
  "logger",
  "random",
] as const satisfies readonly (keyof PostgresConnectionOptions)[];

const DEFAULT_SCHEMA = "lexigram";
const LARGEST_POOL = 100;
const SHORTEST_CALL_MS = 50;
const LONGEST_CALL_MS = 600_000;

function refuse(path: string, message: string, hint: string): never {
  throw new TaskConfigError(message, { path }, { hint });
}

/**
 * @param what whose options they are, in errors.
 * @param known every option there is.
 * @throws TaskConfigError for an option that is not known, with the nearest one.
 */
export function refuseUnknown(what: string, options: object, known: readonly string[]): void {
  for (const { key, nearest: near } of unknownKeys(options, known))
    refuse(
      key,
      `${what} has no option "${key}"`,
      near === undefined ? `its options: ${known.join(", ")}` : `did you mean "${near}"?`,
    );
}

/** A DSN may hold a password, so no error quotes it. */
function dsnTarget(dsn: unknown, path: string): PostgresTarget {
  const shape =
    "use postgres://host:port/database, with user:password@ before the host, odd signs percent-encoded";
  if (typeof dsn !== "string") refuse(path, `${path} is no text`, shape);
  let parsed: URL;
  try {
    parsed = new URL(dsn);
  } catch {
    refuse(path, `${path} is no URL`, shape);
  }
  if (parsed.protocol !== "postgres:" && parsed.protocol !== "postgresql:")
    refuse(path, `${path} begins with ${parsed.protocol}//, which is not PostgreSQL`, shape);
  return { kind: "dsn", dsn };
}

function poolTarget(pool: unknown): PostgresTarget {
  const { connect, on, totalCount, options } = (pool ?? {}) as Partial<Pool>;
  if (
    typeof connect !== "function" ||
    typeof on !== "function" ||
    typeof totalCount !== "number" ||
    typeof options !== "object"
  )
    refuse("pool", "pool is no pool of pg", "give new Pool(...) of pg");
  return { kind: "pool", pool: pool as Pool };
}

function targetOf(
  what: string,
  { dsn, pool, poolSize }: PostgresConnectionOptions,
  dsnPath: string,
): PostgresTarget {
  if (dsn === undefined && pool === undefined)
    refuse(dsnPath, `${what} is not told where the server is`, `give ${dsnPath} or pool`);
  if (dsn !== undefined && pool !== undefined)
    refuse("pool", `${what} is given both ${dsnPath} and pool`, "give one of the two");
  if (pool === undefined) return dsnTarget(dsn, dsnPath);
  if (poolSize !== undefined)
    refuse("poolSize", `${what} is given both pool and poolSize`, "give max to the pool itself");
  return poolTarget(pool);
}

function wholeBetween(path: string, value: unknown, least: number, most: number): void {
  if (value !== undefined && !(Number.isInteger(value) && Number(value) >= least && Number(value) <= most))
    refuse(path, `${path} is ${JSON.stringify(value)}`, `give a whole number from ${least} to ${most}`);
}

function lent(path: string, value: object | undefined, member: string): void {
  if (value !== undefined && typeof (value as Record<string, unknown> | null)?.[member] !== "function")
    refuse(path, `${path} has no ${member}()`, `give an object that implements the ${path} of contracts`);
}

export interface ConnectionCheck {
  /** Options besides those of the connection. */
  readonly others?: readonly string[];
  /** As which option the DSN was given. Default `dsn`. */
  readonly dsnPath?: string;
}

/**
 * Checks what was given and says where to connect to.
 *
 * @param what whose options they are, in errors.
 * @throws TaskConfigError for an unknown option, a bad value, or not exactly one address.
 */
export function connectionOptions(
  what: string,
  options: PostgresConnectionOptions,
  { others = [], dsnPath = "dsn" }: ConnectionCheck = {},
): DatabaseOptions {
  refuseUnknown(what, options, [...CONNECTION_OPTIONS, ...others]);
  const { poolSize, pooler, callTimeoutMs, clock, logger, random } = options;
  wholeBetween("poolSize", poolSize, 1, LARGEST_POOL);
  wholeBetween("callTimeoutMs", callTimeoutMs, SHORTEST_CALL_MS, LONGEST_CALL_MS);
  if (pooler !== undefined && typeof pooler !== "boolean")
    refuse("pooler", `pooler is ${JSON.stringify(pooler)}`, "give true or false, or leave it out");
  lent("clock", clock, "setTimer");
  lent("logger", logger, "warn");
  if (random !== undefined && typeof random !== "function")
    refuse("random", "random is no function", "give a function that returns numbers from 0 to 1");
  return {
    target: targetOf(what, options, dsnPath),
    poolSize: poolSize ?? DEFAULT_POOL_SIZE,
    ...(pooler === undefined ? {} : { pooler }),
    ...(callTimeoutMs === undefined ? {} : { callTimeoutMs }),
    ...(clock === undefined ? {} : { clock }),
    ...(logger === undefined ? {} : { logger }),
    ...(random === undefined ? {} : { random }),
  };
}

/** @throws TaskConfigError for a schema outside the allow-list. */
export function schemaOf(schema: unknown = DEFAULT_SCHEMA): SchemaName {
  return new SchemaName(schema);
}
