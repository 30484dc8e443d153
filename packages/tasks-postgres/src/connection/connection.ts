import { ClosedError, type Clock, type Logger, type Random, silentLogger } from "@lexigram/contracts";
import { callersSession } from "./callers-session.ts";
import type {
  ChannelListener,
  Database,
  DatabaseHealth,
  DatabaseMode,
  RunOptions,
  Session,
} from "./database.ts";
import { Deadlines } from "./deadlines.ts";
import { lendTransaction } from "./lent-transaction.ts";
import { Listening } from "./listening.ts";
import { type Notification, Notifier } from "./notifier.ts";
import {
  ClientPool,
  execute,
  loneClient,
  type PoolShape,
  type PostgresTarget,
  query,
  type Row,
  type TakenClient,
} from "./pg-clients.ts";
import { isPooled } from "./pooler-check.ts";
import { fateOf, isCode, isReply, LateError, LinkError, shownError, unavailable } from "./refusals.ts";
import { judgeServer, SERVER_FACTS, type ServerReport } from "./server-check.ts";
import { LENT_OPTIONS, startupOptions } from "./session-settings.ts";
import { Statement } from "./statement.ts";
import type { TransactionClient } from "./transaction-client.ts";

const LONGEST_PULSE_MS = 500;
const CONNECT_MS = 3_000;
const PROBE_MS = 3_000;

/** What one connection is shared by: the same server, asked in the same way, on the same clock. */
export interface ConnectionShape {
  readonly target: PostgresTarget;
  readonly poolSize: number;
  readonly callTimeoutMs: number;
  /** `undefined`: it is found out. */
  readonly pooler: boolean | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** One pool after the check of its server, until it is of no use any more. */
interface Life {
  readonly pool: ClientPool;
  /** What is lent: the caller's pool too, and otherwise one of its own, so that calls need not wait for the application. */
  readonly lent: ClientPool;
  readonly mode: DatabaseMode;
}

const ANSWER = new Statement("SELECT 1 AS one");
const NOTIFY = new Statement("SELECT pg_notify(c, t) FROM unnest($1::text[], $2::text[]) AS n(c, t)");

/** The pool, the connection that hears, and what tells, for all owners of one database. */
export class Connection implements Database {
  readonly shape: ConnectionShape;
  owners = 0;
  readonly #loggers = new Set<Logger>();
  readonly #warned = new Set<string>();
  readonly #deadlines: Deadlines;
  readonly #listening: Listening;
  readonly #notifier: Notifier;
  readonly #calls = new Set<Promise<unknown>>();
  #life: Life | undefined;
  #preparing: Promise<Life> | undefined;
  /** The one that the caller brought, from its first use on. */
  #callersPool: ClientPool | undefined;
  /** A pooler that knows none of the settings that connections ask for refuses the connection. */
  #settings = true;
  /** A prepared statement was not where it had been made, so a connection is not one session. */
  #pooled = false;
  #server: ServerReport | undefined;
  #error: Error | undefined;
  #closed = false;

  constructor(shape: ConnectionShape) {
    this.shape = shape;
    const { clock, random, target, callTimeoutMs } = shape;
    this.#deadlines = new Deadlines(clock, Math.max(5, Math.min(LONGEST_PULSE_MS, callTimeoutMs / 10)));
    this.#listening = new Listening({
      clock,
      random,
      deadlines: this.#deadlines,
      logger: () => this.#logger,
      make: (events) => loneClient(target, this.#poolShape, events),
    });
    this.#notifier = new Notifier(clock, (notifications) => this.#sendNotifications(notifications));
  }

  addLogger(logger: Logger): void {
    if (this.#loggers.has(logger)) return;
    this.#loggers.add(logger);
    for (const risk of this.#warned) warn(logger, risk);
  }

  async run(statement: Statement, values: readonly unknown[], options: RunOptions): Promise<readonly Row[]> {
    const life = this.#life ?? (await this.#ready(options.subject));
    const named = life.mode === "direct";
    return this.#call(life.pool, options, (client) => query(client, statement, values, named));
  }

  async transaction<T>(options: RunOptions, work: (session: Session) => Promise<T>): Promise<T> {
    const life = this.#life ?? (await this.#ready(options.subject));
    return this.#call(life.pool, options, async (client) => {
      await execute(client, "BEGIN");
      let done: T;
      try {
        done = await work({
          run: (statement, values) => query(client, statement, values, life.mode === "direct"),
          execute: (text) => execute(client, text),
        });
      } catch (error) {
        if (!(error instanceof LinkError)) await execute(client, "ROLLBACK");
        throw error;
      }
      await execute(client, "COMMIT");
      return done;
    });
  }

  async lend<T>(options: RunOptions, work: (client: TakenClient) => Promise<T>): Promise<T> {
    const { pool, lent } = this.#life ?? (await this.#ready(options.subject));
    const { clock, callTimeoutMs } = this.shape;
    return lendTransaction(
      {
        pool: lent,
        clock,
        deadlines: this.#deadlines,
        run: (...call) => this.run(...call),
        distrust: () => this.#distrust(pool),
        awaited: (what) => this.#awaited(what),
      },
      { timeoutMs: callTimeoutMs, ...options },
      work,
    );
  }

  join(client: TransactionClient, options: RunOptions): Session {
    const { subject, timeoutMs = this.shape.callTimeoutMs } = options;
    return callersSession(client, subject, (call) =>
      this.#deadlines.limit(timeoutMs, call, () => new LateError(true)),
    );
  }

  async listen(channel: string, listener: ChannelListener, subject: string): Promise<() => void> {
    const { mode } = this.#life ?? (await this.#ready(subject));
    if (this.#closed) throw closedError();
    return this.#listening.listen(channel, listener, subject, mode === "pooled");
  }

  notify(channel: string, text = ""): void {
    this.#notifier.notify(channel, text);
  }

  async mode(subject: string): Promise<DatabaseMode> {
    return (this.#life ?? (await this.#ready(subject))).mode;
  }

  async health(): Promise<DatabaseHealth> {
    let latencyMs: number | undefined;
    let error: Error | undefined;
    const { clock } = this.shape;
    try {
      await this.#ready("health");
      const since = clock.monotonic();
      await this.run(ANSWER, [], { subject: "health", timeoutMs: PROBE_MS });
      latencyMs = clock.monotonic() - since;
    } catch (caught) {
      error = this.#error ?? shownError(caught);
    }
    const pool = this.#life?.pool;
    const listener = this.#listening.state;
    error ??= listener === "reconnecting" ? this.#listening.error : undefined;
    return {
      pool: { open: pool?.total ?? 0, idle: pool?.idle ?? 0, waiting: pool?.waiting ?? 0 },
      ...(latencyMs === undefined ? {} : { latencyMs }),
      ...(this.#life === undefined ? {} : { mode: this.#life.mode }),
      ...(listener === undefined ? {} : { listener }),
      ...(this.#server === undefined ? {} : { server: this.#server }),
      ...(error === undefined ? {} : { error }),
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#notifier.close();
    this.#closed = true;
    this.#listening.close();
    await Promise.allSettled(this.#calls);
    await this.#preparing?.catch(() => {});
    await (this.#callersPool ?? this.#life?.pool)?.end();
    // What is lent may be held for as long as the application likes.
    void this.#life?.lent.end();
    this.#life = undefined;
    this.#deadlines.close();
  }

  get #logger(): Logger {
    const [first = silentLogger] = this.#loggers;
    return first;
  }

  get #poolShape(): PoolShape {
    const { poolSize, callTimeoutMs } = this.shape;
    return {
      size: poolSize,
      connectTimeoutMs: Math.min(CONNECT_MS, callTimeoutMs),
      // The server gives a statement up before its caller does, so that mostly its fate is known.
      options: this.#optional(startupOptions(Math.ceil(callTimeoutMs * 0.9))),
    };
  }

  #optional(options: string): string | undefined {
    return this.#settings && this.shape.pooler !== true ? options : undefined;
  }

  /** The pool whose server has been checked. Calls that come at the same time share a check. */
  #ready(subject: string): Promise<Life> {
    if (this.#life !== undefined) return Promise.resolve(this.#life);
    if (this.#closed) return Promise.reject(closedError());
    this.#preparing ??= this.#prepare(subject).finally(() => (this.#preparing = undefined));
    return this.#preparing;
  }

  async #prepare(subject: string): Promise<Life> {
    const pool = this.#callersPool ?? new ClientPool(this.shape.target, this.#poolShape);
    if (!pool.own) this.#callersPool = pool;
    try {
      const [server, mode] = await this.#call(
        pool,
        { subject, timeoutMs: Math.max(CONNECT_MS, this.shape.callTimeoutMs) },
        async (client) => {
          const [facts = {}] = await query(client, SERVER_FACTS, [], false);
          return [judgeServer(facts), await this.#modeOf(pool, client)] as const;
        },
      );
      this.#server = server;
      this.#error = undefined;
      if (mode === "pooled") this.#listening.poll();
      for (const risk of server.risks) {
        if (this.#warned.has(risk)) continue;
        this.#warned.add(risk);
        for (const logger of this.#loggers) warn(logger, risk);
      }
      const lentShape = { ...this.#poolShape, options: this.#optional(LENT_OPTIONS) };
      this.#life = { pool, lent: pool.own ? new ClientPool(this.shape.target, lentShape) : pool, mode };
      return this.#life;
    } catch (error) {
      if (pool.own) await pool.end();
      if (this.#settings && pool.own && refusesSettings(error)) {
        this.#settings = false;
        return this.#prepare(subject);
      }
      this.#error = shownError((error as Error).cause ?? error);
      throw error;
    }
  }

  async #modeOf(pool: ClientPool, client: TakenClient): Promise<DatabaseMode> {
    const { pooler } = this.shape;
    if (this.#pooled) return "pooled";
    if (pooler !== undefined) return pooler ? "pooled" : "direct";
    if (!this.#settings) return "pooled";
    return (await isPooled(pool, client)) ? "pooled" : "direct";
  }

  #call<T>(pool: ClientPool, options: RunOptions, use: (client: TakenClient) => Promise<T>): Promise<T> {
    return this.#awaited(this.#attempt(pool, options, use));
  }

  /** Lets nothing close before it is over. */
  #awaited<T>(what: Promise<T>): Promise<T> {
    const over = (): void => void this.#calls.delete(what);
    this.#calls.add(what);
    what.then(over, over);
    return what;
  }

  /**
   * Runs a piece of work on a connection of a pool and judges how it ended. A connection that did not answer in time is
   * never used again, and those beside it are not trusted either.
   */
  async #attempt<T>(
    pool: ClientPool,
    { subject, timeoutMs = this.shape.callTimeoutMs }: RunOptions,
    use: (client: TakenClient) => Promise<T>,
  ): Promise<T> {
    const turn: Turn = { client: undefined, over: false };
    const { promise: late, reject: expire } = withReject();
    const inTime = this.#deadlines.set(timeoutMs, () => expire(new LateError(turn.client !== undefined)));
    let broken = false;
    try {
      return await Promise.race([used(pool, turn, use), late]);
    } catch (error) {
      const fate = fateOf(error, turn.client !== undefined);
      broken = fate !== undefined && fate.leave !== "nothing";
      if (isCode(error, "26000", "42P05")) this.#pooled = true;
      if (fate?.leave === "server") this.#retire(pool);
      if (error instanceof LateError && turn.client !== undefined) this.#distrust(pool);
      if (fate !== undefined) throw unavailable(subject, fate, error);
      throw isReply(error) ? shownError(error) : error;
    } finally {
      turn.over = true;
      inTime();
      if (turn.client !== undefined) pool.release(turn.client, broken);
    }
  }

  /** After a connection that went silent: ours are all made anew, idle ones of the caller's are asked for a sign. */
  #distrust(pool: ClientPool): void {
    if (pool.own) return this.#retire(pool);
    for (let idle = pool.idle; idle > 0; idle--) void this.#probe(pool);
  }

  async #probe(pool: ClientPool): Promise<void> {
    const client = await pool.take().catch(() => undefined);
    if (client === undefined) return;
    let over = false;
    const end = (broken: boolean): void => {
      if (over) return;
      over = true;
      inTime();
      pool.release(client, broken);
    };
    const inTime = this.#deadlines.set(PROBE_MS, () => end(true));
    query(client, ANSWER, [], false).then(
      () => end(false),
      () => end(true),
    );
  }

  /** Looks for the server anew for the calls that follow: with another pool, where it is ours. */
  #retire(pool: ClientPool): void {
    if (this.#life?.pool !== pool) return;
    this.#life.lent.retire();
    this.#life = undefined;
    pool.retire();
    this.#logger.debug("the connections to PostgreSQL are made anew");
  }

  #sendNotifications(notifications: readonly Notification[]): void {
    if (this.#closed) return;
    const channels = notifications.map(([channel]) => channel);
    const texts = notifications.map(([, text]) => text);
    this.run(NOTIFY, [channels, texts], { subject: "notify" }).catch((error: unknown) =>
      this.#logger.debug("a notification was not sent", { error }),
    );
  }
}

/** A pooler that knows no startup options says so when it is connected to. */
function refusesSettings(error: unknown): boolean {
  const { cause } = (error ?? {}) as { readonly cause?: unknown };
  return isCode(cause, "08P01") && /startup|options/i.test((cause as Error).message);
}

/** One call's hold on a connection. */
interface Turn {
  client: TakenClient | undefined;
  over: boolean;
}

async function used<T>(pool: ClientPool, turn: Turn, use: (client: TakenClient) => Promise<T>): Promise<T> {
  const client = await pool.take();
  if (turn.over) {
    pool.release(client, false);
    throw new LateError(false);
  }
  turn.client = client;
  return use(client);
}

function withReject(): { readonly promise: Promise<never>; readonly reject: (error: Error) => void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_, refuse) => (reject = refuse));
  return { promise, reject };
}

function warn(logger: Logger, risk: string): void {
  logger.warn("the PostgreSQL server risks accepted jobs", { risk });
}

function closedError(): ClosedError {
  return new ClosedError({ resource: "postgres connection" });
}
