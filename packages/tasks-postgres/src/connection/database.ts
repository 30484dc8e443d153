import type { TransactionClient } from "./transaction-client.ts";
import type { Row, TakenClient } from "./pg-clients.ts";
import type { ServerReport } from "./server-check.ts";
import type { Statement } from "./statement.ts";

export interface RunOptions {
  /** Whom the call is for, in errors: the queue's name, or `state`. */
  readonly subject: string;
  /** Milliseconds after which it is given up. Default: the connection's `callTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** Hears the notifications of one channel. */
export interface ChannelListener {
  readonly message: (text: string) => void;
  /**
   * Called when notifications may have been missed: after the connection that hears them was lost, and once a second
   * where nothing can be heard, behind a pooler. Look again, then.
   */
  readonly missed?: () => void;
}

/** A connection for as long as a piece of work takes: what runs on it runs in its transaction. */
export interface Session {
  /** @throws what the server said, as it is. */
  run(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]>;
  /** Runs several statements in a text, without values. */
  execute(text: string): Promise<void>;
}

/**
 * How a server can be used. `direct`: each connection is one session. `pooled`: a pooler in between hands each statement
 * to any session, so nothing may be bound to one: no LISTEN, no prepared statements, no settings but those that
 * functions carry.
 */
export type DatabaseMode = "direct" | "pooled";

/** One database, as queues and state stores see it. Owners of one DSN share it. All methods may be called concurrently. */
export interface Database {
  /**
   * Runs a statement, which commits by itself, on some connection of the pool. Numbers of the server come back as
   * numbers, bytea as a Buffer, booleans as booleans, all else as text.
   *
   * Nothing is ever sent twice: a resend is the caller's.
   *
   * @throws QueueUnavailableError when the server cannot be reached or does not answer in time; `accepted` is `"no"`
   *   when it cannot have applied the call, `retryable` is false when asking again cannot help, as with a wrong
   *   password. TaskConfigError when the server can never serve. ClosedError after `close`. An error that the statement
   *   itself raised is thrown as it is: see {@link isCode}.
   */
  run(statement: Statement, values: readonly unknown[], options: RunOptions): Promise<readonly Row[]>;
  /**
   * Does some work in one transaction and commits it, unless the work throws.
   *
   * @throws as `run`; an error of the work itself is thrown as it is.
   */
  transaction<T>(options: RunOptions, work: (session: Session) => Promise<T>): Promise<T>;
  /**
   * Lends a connection to code of the application: begins a transaction, lets `work` do its part on the connection,
   * and commits; rolls back when `work` throws. `work` takes as long as it takes; each step of ours is given up after
   * `timeoutMs`. When the answer of the commit is lost, another connection is asked what became of it, for twice as long.
   *
   * @throws what `work` threw; as `run`, where `accepted: "no"` says that the transaction was not committed.
   */
  lend<T>(options: RunOptions, work: (client: TakenClient) => Promise<T>): Promise<T>;
  /** What runs in a transaction that a client of the caller's is in; see {@link callersSession}. */
  join(client: TransactionClient, options: RunOptions): Session;
  /**
   * Hears a channel. Resolves when the server has confirmed it; a lost connection is made anew by itself. Behind a
   * pooler nothing is heard, and `missed` is called once a second instead.
   *
   * @returns what ends it; other listeners of the channel stay.
   * @throws QueueUnavailableError when the server cannot be reached.
   */
  listen(channel: string, listener: ChannelListener, subject: string): Promise<() => void>;
  /**
   * Tells a channel's listeners something, soon and in the background: at once, and for what follows within 5 ms once
   * more at their end; the same text is told once. A hint: it is lost when the server cannot be reached. Call it after
   * what it tells of has been committed.
   *
   * @param text up to 7,900 bytes.
   */
  notify(channel: string, text?: string): void;
  /** @throws as `run`. */
  mode(subject: string): Promise<DatabaseMode>;
}

/** What a database says of itself. Holds no secrets. */
export interface DatabaseHealth {
  /** Of a statement that only answers; absent when it was not answered. */
  readonly latencyMs?: number;
  readonly mode?: DatabaseMode;
  /** Connections of the pool: open, idle now, and calls that wait for one. */
  readonly pool: { readonly open: number; readonly idle: number; readonly waiting: number };
  /** The connection that hears notifications, when one is needed. */
  readonly listener?: ListenerState;
  /** As it answered when it was connected to. */
  readonly server?: ServerReport;
  /** Why it cannot be used. */
  readonly error?: Error;
}

export type ListenerState = "connecting" | "ready" | "reconnecting" | "polling" | "closed";

/** One owner's hold on a database that others may share. */
export interface SharedDatabase extends Database {
  /** Never rejects. Connects, if nothing has yet. */
  health(): Promise<DatabaseHealth>;
  /**
   * Lets go of the database; the last owner's call ends what was opened, after what is under way has ended. Later calls
   * reject with `ClosedError`. Idempotent.
   */
  close(): Promise<void>;
}
