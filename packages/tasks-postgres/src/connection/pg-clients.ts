import { Client, type ClientBase, Pool, type PoolClient, type QueryConfig } from "pg";
import { ofLink } from "./refusals.ts";
import type { Statement } from "./statement.ts";

/** Where the server is: its address, or a pool of the caller's. */
export type PostgresTarget =
  | { readonly kind: "dsn"; readonly dsn: string }
  | { readonly kind: "pool"; readonly pool: Pool };

/** A row, by its columns: numbers for all that count, buffers for bytea, texts for all else. */
export type Row = Readonly<Record<string, unknown>>;

/** A connection of a pool, from when it is taken until it is given back. */
export type TakenClient = PoolClient;

const APPLICATION_NAME = "lexigram-tasks";
const KEEP_ALIVE_MS = 5_000;

export interface PoolShape {
  readonly size: number;
  readonly connectTimeoutMs: number;
  /** What our own connections ask for when they start. */
  readonly options: string | undefined;
}

const ignore = (): void => {};

// What an application has set for its own queries must not change what ours answer.
const toNumber = (text: string): number => Number(text);
const PARSERS: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [16, (text) => text === "t"],
  [17, (text) => Buffer.from(text.slice(2), "hex")],
  [20, toNumber],
  [21, toNumber],
  [23, toNumber],
  [26, toNumber],
  [700, toNumber],
  [701, toNumber],
  [1700, toNumber],
]);
const asText = (text: string): unknown => text;
const TYPES = { getTypeParser: (oid: number) => PARSERS.get(oid) ?? asText };

function settingsOf({ options }: PoolShape): { readonly options?: string } {
  return options === undefined ? {} : { options };
}

/** One pool: ours over an address, or the caller's, of which nothing is changed or closed. */
export class ClientPool {
  readonly own: boolean;
  readonly #pool: Pool;
  readonly #known = new WeakSet<PoolClient>();
  readonly #clients = new Set<PoolClient>();
  readonly #used = new Set<PoolClient>();

  constructor(target: PostgresTarget, shape: PoolShape) {
    this.own = target.kind === "dsn";
    this.#pool =
      target.kind === "pool"
        ? target.pool
        : new Pool({
            connectionString: target.dsn,
            application_name: APPLICATION_NAME,
            max: shape.size,
            connectionTimeoutMillis: shape.connectTimeoutMs,
            idleTimeoutMillis: 0,
            keepAlive: true,
            keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
            ...settingsOf(shape),
          });
    // A pool of which nobody hears the errors of idle connections ends the process at the first, and so does a
    // connection that is in use, from the moment when it is handed out.
    this.#pool.on("error", ignore);
    this.#pool.on("acquire", this.#guard);
  }

  readonly #guard = (client: PoolClient): void => {
    if (this.#known.has(client)) return;
    this.#known.add(client);
    client.on("error", ignore);
    if (!this.own) return;
    this.#clients.add(client);
    client.once("end", () => this.#clients.delete(client));
  };

  get total(): number {
    return this.#pool.totalCount;
  }

  get idle(): number {
    return this.#pool.idleCount;
  }

  get waiting(): number {
    return this.#pool.waitingCount;
  }

  get size(): number {
    return this.#pool.options.max;
  }

  async take(): Promise<PoolClient> {
    const client = await this.#pool.connect().catch(ofLink);
    this.#used.add(client);
    return client;
  }

  /** @param broken whether its connection is of no use any more; it is ended then, without a word to the server. */
  release(client: PoolClient, broken: boolean): void {
    this.#used.delete(client);
    if (broken) destroy(client);
    client.release(broken);
  }

  /** Ends our own pool, at once; what is under way is lost. Of the caller's nothing is ended. */
  async end(): Promise<void> {
    if (!this.own) {
      this.#pool.off("error", ignore);
      this.#pool.off("acquire", this.#guard);
      return;
    }
    const ended = this.#pool.end();
    for (const client of this.#clients) destroy(client);
    await ended.catch(ignore);
  }

  /** Takes no new call and lets those under way end. */
  retire(): void {
    if (!this.own) return;
    this.#pool.end().catch(ignore);
    for (const client of this.#clients) if (!this.#used.has(client)) destroy(client);
  }
}

/** A half-open connection would never answer to a polite end. */
function destroy(client: ClientBase): void {
  const { connection } = client as unknown as {
    readonly connection?: { readonly stream?: { destroy(): void } };
  };
  connection?.stream?.destroy();
}

/** Runs one statement on a client that is the caller's for now. */
export async function query(
  client: ClientBase,
  statement: Statement,
  values: readonly unknown[],
  named: boolean,
): Promise<readonly Row[]> {
  const config: QueryConfig = {
    text: statement.text,
    values: values as unknown[],
    types: TYPES,
  };
  if (named) config.name = statement.name;
  const { rows } = await client.query<Row>(config).catch(ofLink);
  return rows;
}

/** Runs what is no single statement of a plan: several at once, without values, and their answers unread. */
export async function execute(client: ClientBase, text: string): Promise<void> {
  await client.query(text).catch(ofLink);
}

/** Begins a transaction. @returns its id, by which others can ask what became of it. */
export async function begin(client: ClientBase): Promise<string> {
  const text = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_current_xact_id()::text AS id";
  const answers: unknown = await client.query(text).catch(ofLink);
  const [, answer] = answers as readonly { readonly rows: readonly { readonly id: string }[] }[];
  return answer?.rows[0]?.id ?? "";
}

/** @returns false when the server rolled it back, because something in it had failed. */
export async function commit(client: ClientBase): Promise<boolean> {
  const { command } = await client.query("COMMIT").catch(ofLink);
  return command === "COMMIT";
}

/** One connection beside the pool, for what is bound to a session. */
export interface LoneClient {
  connect(): Promise<void>;
  query(text: string): Promise<void>;
  destroy(): void;
}

export interface LoneClientEvents {
  readonly lost: (error: Error) => void;
  readonly message: (channel: string, text: string) => void;
}

/** Makes a connection like those of the pool, and outside of it. */
export function loneClient(target: PostgresTarget, shape: PoolShape, events: LoneClientEvents): LoneClient {
  const settings = {
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    connectionTimeoutMillis: shape.connectTimeoutMs,
  };
  const client =
    target.kind === "pool"
      ? new Client({ ...callersOptions(target.pool), ...settings })
      : new Client({
          connectionString: target.dsn,
          application_name: APPLICATION_NAME,
          ...settings,
          ...settingsOf(shape),
        });
  client.on("error", events.lost);
  client.on("end", () => events.lost(new Error("the server closed the connection")));
  client.on("notification", ({ channel, payload = "" }) => events.message(channel, payload));
  // One after the other: a client that is given several at once complains.
  let last: Promise<void> = Promise.resolve();
  return {
    connect: async () => void (await client.connect()),
    query: (text) => (last = last.catch(ignore).then(() => execute(client, text))),
    destroy: () => destroy(client),
  };
}

/** The pool hides the password from whoever lists its options. */
function callersOptions(pool: Pool): object {
  const { options } = pool;
  return { ...options, password: options.password };
}
