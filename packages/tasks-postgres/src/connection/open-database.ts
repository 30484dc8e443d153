import {
  ClosedError,
  type Clock,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from "@lexigram/contracts";
import type { TransactionClient } from "./transaction-client.ts";
import { Connection, type ConnectionShape } from "./connection.ts";
import type {
  ChannelListener,
  DatabaseHealth,
  DatabaseMode,
  RunOptions,
  Session,
  SharedDatabase,
} from "./database.ts";
import type { PostgresTarget, Row, TakenClient } from "./pg-clients.ts";
import type { Statement } from "./statement.ts";

export interface DatabaseOptions {
  readonly target: PostgresTarget;
  /** Connections of our own pool. Default 4. */
  readonly poolSize?: number;
  /** Milliseconds after which an unanswered call is given up. Default 5,000. */
  readonly callTimeoutMs?: number;
  /** Whether a pooler stands in between that shares sessions. Default: it is found out. */
  readonly pooler?: boolean;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly random?: Random;
}

export const DEFAULT_POOL_SIZE = 4;
const DEFAULT_CALL_TIMEOUT_MS = 5_000;

/** Open connections of this process. */
const connections = new Set<Connection>();

function sameTarget(a: PostgresTarget, b: PostgresTarget): boolean {
  if (a.kind === "dsn") return b.kind === "dsn" && a.dsn === b.dsn;
  return b.kind === "pool" && a.pool === b.pool;
}

function fits(a: ConnectionShape, b: ConnectionShape): boolean {
  return (
    sameTarget(a.target, b.target) &&
    a.poolSize === b.poolSize &&
    a.callTimeoutMs === b.callTimeoutMs &&
    a.pooler === b.pooler &&
    a.clock === b.clock &&
    a.random === b.random
  );
}

class Owner implements SharedDatabase {
  readonly #connection: Connection;
  #closed = false;
  readonly #ends = new Set<() => void>();

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.owners++;
  }

  run(statement: Statement, values: readonly unknown[], options: RunOptions): Promise<readonly Row[]> {
    if (this.#closed) return Promise.reject(closedError());
    return this.#connection.run(statement, values, options);
  }

  transaction<T>(options: RunOptions, work: (session: Session) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    return this.#connection.transaction(options, work);
  }

  lend<T>(options: RunOptions, work: (client: TakenClient) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    return this.#connection.lend(options, work);
  }

  join(client: TransactionClient, options: RunOptions): Session {
    return this.#connection.join(client, options);
  }

  async listen(channel: string, listener: ChannelListener, subject: string): Promise<() => void> {
    if (this.#closed) throw closedError();
    const drop = await this.#connection.listen(channel, listener, subject);
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

  notify(channel: string, text?: string): void {
    if (!this.#closed) this.#connection.notify(channel, text);
  }

  mode(subject: string): Promise<DatabaseMode> {
    if (this.#closed) return Promise.reject(closedError());
    return this.#connection.mode(subject);
  }

  health(): Promise<DatabaseHealth> {
    if (this.#closed)
      return Promise.resolve({ pool: { open: 0, idle: 0, waiting: 0 }, error: closedError() });
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
  return new ClosedError({ resource: "postgres connection" });
}

/**
 * Opens a database, or joins the connections that this process already has to the same address with the same options.
 * It connects when it is first used.
 */
export function openDatabase(options: DatabaseOptions): SharedDatabase {
  const shape: ConnectionShape = {
    target: options.target,
    poolSize: options.poolSize ?? DEFAULT_POOL_SIZE,
    callTimeoutMs: options.callTimeoutMs ?? DEFAULT_CALL_TIMEOUT_MS,
    pooler: options.pooler,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  };
  let connection = [...connections].find((open) => fits(open.shape, shape));
  if (connection === undefined) connections.add((connection = new Connection(shape)));
  connection.addLogger(options.logger ?? silentLogger);
  return new Owner(connection);
}
