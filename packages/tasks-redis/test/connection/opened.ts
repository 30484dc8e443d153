import {
  type LogFields,
  type Logger,
  QueueUnavailableError,
  resending,
  silentLogger,
  systemClock,
} from "@lexigram/contracts";
import { afterEach, onTestFinished } from "vitest";
import { type ConnectionOptions, openConnection } from "../../src/connection/open-connection.ts";
import type { RedisConnection, SharedRedisConnection } from "../../src/connection/redis-connection.ts";
import { RedisScript } from "../../src/connection/redis-script.ts";

export const subject = "emails";

export const ping = new RedisScript("ping", "return 'pong'");
export const append = new RedisScript("append", "return redis.call('RPUSH', KEYS[1], ARGV[1])");
export const length = new RedisScript("length", "return redis.call('LLEN', KEYS[1])");
export const publish = new RedisScript("publish", "return redis.call('PUBLISH', ARGV[1], ARGV[2])");

const opened = new Set<SharedRedisConnection>();
afterEach(async () => {
  await Promise.all([...opened].map((one) => one.close()));
  opened.clear();
});

/** A connection that ends with the test. */
export function open(options: ConnectionOptions): SharedRedisConnection {
  const connection = openConnection(options);
  opened.add(connection);
  return connection;
}

export const at = (url: string): ConnectionOptions => ({ target: { kind: "url", url } });

/** Ends something when the test does, whatever its outcome. */
export function ending<T extends { stop(): Promise<void> } | { close(): Promise<void> }>(what: T): T {
  onTestFinished(async () => ("stop" in what ? what.stop() : what.close()));
  return what;
}

/** Calls until the store can be reached, as what stands above a backend does. */
export function insisting<T>(call: () => Promise<T>, timeoutMs = 20_000): Promise<T> {
  return resending(call, { clock: systemClock, timeoutMs, giveUp: (cause) => cause });
}

export async function reachable(connection: RedisConnection): Promise<void> {
  await insisting(() => connection.run(ping, [], [], { subject }));
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

export interface HeardLogger extends Logger {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: LogFields }[];
}

export function heardLogger(): HeardLogger {
  const lines: HeardLogger["lines"] = [];
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void lines.push({ level, message, fields });
  return {
    ...silentLogger,
    lines,
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}

/** Resolves with the first thing that it is called with. */
export function signal<T = void>(): { readonly heard: Promise<T>; readonly hear: (value: T) => void } {
  let hear!: (value: T) => void;
  const heard = new Promise<T>((resolve) => (hear = resolve));
  return { heard, hear };
}
