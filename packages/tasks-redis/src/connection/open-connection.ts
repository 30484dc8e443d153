import {
  ClosedError,
  type Clock,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from "@lexigram/contracts";
import { Connection, type ConnectionShape } from "./connection.ts";
import type { RedisTarget } from "./ioredis-clients.ts";
import type {
  ChannelListener,
  ConnectionHealth,
  RunOptions,
  ScriptArgument,
  SharedRedisConnection,
} from "./redis-connection.ts";
import type { RedisScript } from "./redis-script.ts";

export interface ConnectionOptions {
  readonly target: RedisTarget;
  /** Replicas that must hold what a durable call wrote. Default 0: none is asked. */
  readonly waitReplicas?: number;
  /** Where `read` goes. Default `primary`. */
  readonly readFrom?: "primary" | "replica";
  /** Milliseconds after which an unanswered call is given up. Default 5,000. */
  readonly callTimeoutMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly random?: Random;
}

const DEFAULT_CALL_TIMEOUT_MS = 5_000;

/** Open connections of this process. */
const connections = new Set<Connection>();

function sameTarget(a: RedisTarget, b: RedisTarget): boolean {
  if (a.kind === "url") return b.kind === "url" && a.url === b.url;
  if (a.kind === "client") return b.kind === "client" && a.client === b.client;
  return a === b;
}

function fits(a: ConnectionShape, b: ConnectionShape): boolean {
  return (
    sameTarget(a.target, b.target) &&
    a.waitReplicas === b.waitReplicas &&
    a.readFrom === b.readFrom &&
    a.callTimeoutMs === b.callTimeoutMs &&
    a.clock === b.clock &&
    a.random === b.random
  );
}

class Owner implements SharedRedisConnection {
  readonly #connection: Connection;
  #closed = false;
  readonly #ends = new Set<() => void>();

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.owners++;
  }

  run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    options: RunOptions,
  ): Promise<unknown> {
    if (this.#closed) return Promise.reject(closedError());
    return this.#connection.run(script, keys, args, options);
  }

  read(
    script: RedisScript,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    options: RunOptions,
  ): Promise<unknown> {
    if (this.#closed) return Promise.reject(closedError());
    return this.#connection.read(script, keys, args, options);
  }

  async subscribe(channel: string, listener: ChannelListener, subject: string): Promise<() => void> {
    if (this.#closed) throw closedError();
    const drop = await this.#connection.subscribe(channel, listener, subject);
    const end = (): void => {
      this.#ends.delete(end);
      drop();
    };
    this.#ends.add(end);
    if (this.#closed) {
      end();
      throw closedError();
    }
    return end;
  }

  health(): Promise<ConnectionHealth> {
    if (this.#closed)
      return Promise.resolve({ links: { commands: "closed" }, servers: [], error: closedError() });
    return this.#connection.health();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const end of this.#ends) end();
    if (--this.#connection.owners > 0) return;
    connections.delete(this.#connection);
    await this.#connection.close();
  }
}

function closedError(): ClosedError {
  return new ClosedError({ resource: "redis connection" });
}

/**
 * Opens a connection, or joins the one that this process already has to the same server with the same options. It
 * connects when it is first used.
 */
export function openConnection(options: ConnectionOptions): SharedRedisConnection {
  const shape: ConnectionShape = {
    target: options.target,
    waitReplicas: options.waitReplicas ?? 0,
    readFrom: options.readFrom ?? "primary",
    callTimeoutMs: options.callTimeoutMs ?? DEFAULT_CALL_TIMEOUT_MS,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
  let connection = [...connections].find((open) => fits(open.shape, shape));
  if (connection === undefined) connections.add((connection = new Connection(shape)));
  connection.addLogger(options.logger ?? silentLogger);
  return new Owner(connection);
}
