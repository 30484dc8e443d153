import {
  type LogFields,
  type Logger,
  QueueUnavailableError,
  resending,
  silentLogger,
  systemClock,
} from "@lexigram/contracts";
import { onTestFinished } from "vitest";
import type { Database, SharedDatabase } from "../../src/connection/database.ts";
import { type DatabaseOptions, openDatabase } from "../../src/connection/open-database.ts";
import { Statement } from "../../src/connection/statement.ts";

export const subject = "emails";

export const ONE = new Statement("SELECT 1 AS one");
export const PID = new Statement("SELECT pg_backend_pid() AS pid");

/** Ends something when the test does, whatever its outcome. */
export function ending<T extends { stop(): Promise<void> } | { close(): Promise<void> }>(what: T): T {
  onTestFinished(async () => ("stop" in what ? what.stop() : what.close()));
  return what;
}

/** A database that ends with the test. */
export function open(options: DatabaseOptions): SharedDatabase {
  return ending(openDatabase(options));
}

export const at = (dsn: string): DatabaseOptions => ({ target: { kind: "dsn", dsn } });

/** Calls until the store can be reached, as what stands above a backend does. */
export function insisting<T>(call: () => Promise<T>, timeoutMs = 20_000): Promise<T> {
  return resending(call, { clock: systemClock, timeoutMs, giveUp: (cause) => cause });
}

export async function reachable(database: Database): Promise<void> {
  await insisting(() => database.run(ONE, [], { subject }));
}

/** What the call is unavailable with. */
export async function unavailability(call: Promise<unknown>): Promise<QueueUnavailableError> {
  const error: unknown = await call.then(
    () => new Error("the call was answered"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof QueueUnavailableError) return error;
  throw error;
}

/** Milliseconds that something took. */
export async function taking(what: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await what();
  return performance.now() - since;
}

export interface HeardLogger extends Logger {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: LogFields }[];
}

export function heardLogger(): HeardLogger {
  const lines: HeardLogger["lines"] = [];
  const warn = (message: string, fields: LogFields = {}): void =>
    void lines.push({ level: "warn", message, fields });
  return { ...silentLogger, lines, warn };
}

/** Resolves with the first thing that it is called with. */
export function signal<T = void>(): { readonly heard: Promise<T>; readonly hear: (value: T) => void } {
  let hear!: (value: T) => void;
  const heard = new Promise<T>((resolve) => (hear = resolve));
  return { heard, hear };
}
