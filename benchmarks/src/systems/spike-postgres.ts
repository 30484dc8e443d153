import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import pg from "pg";
import {
  type EnqueueSettings,
  inParts,
  type OpenSubject,
  payload,
  type Payload,
  type Subject,
} from "../subject.ts";
import { ENQUEUE, EXCHANGE, LAYOUT, SESSION } from "./spike-postgres-sql.ts";

const { version } = createRequire(import.meta.url)("pg/package.json") as { version: string };

const QUEUE = 1;
const NORMAL = 5;
/** Jobs per call to enqueue at most. */
const BATCH = 1_000;
/** Jobs claimed a call, whatever runs at once. */
const CLAIM = 100;
/** Connections that enqueue, and as many that exchange. */
const CONNECTIONS = 2;
/** Milliseconds between two notifications at least. */
const NEWS_MS = 5;
const POLL_MS = 1_000;
const WAKE = "spike";

/** The lock under which the first of two processes makes the tables. */
const LAYOUT_LOCK = 7_341;

/**
 * The layout of our PostgreSQL backend with nothing around it: one statement to enqueue what one turn brings, one to
 * settle and claim. No validation, middleware, results, records, retries or renewal: the ceiling that the backend is held
 * against.
 */
export const spikePostgres: Subject = {
  system: "spike",
  version,
  store: "postgres",
  abilities: ["priorities"],
  open: async ({ url = "", concurrency, onStart }) => {
    const connect = async (): Promise<pg.Client> => {
      const client = new pg.Client({ connectionString: url, options: SESSION });
      await client.connect();
      return client;
    };
    const news = await connect();
    await makeLayout(news);
    const producers = await Promise.all(Array.from({ length: CONNECTIONS }, connect));
    const tell = notifier(news);
    const add = adder(producers, tell);
    const nextId = ids();
    const record = (n: number, settings: EnqueueSettings | undefined): string =>
      `{"i":"${nextId()}","p":${settings?.priority ?? NORMAL},"n":"bench.work","d":${JSON.stringify(payload(n))}}`;
    let worker: { stop(): Promise<void> } | undefined;
    const opened: OpenSubject = {
      enqueue: (n, settings) => add(record(n, settings)),
      enqueueMany: async (first, count, settings) => {
        const free = [...producers];
        const inFlight = new Set<Promise<unknown>>();
        await inParts(first, count, BATCH, async (numbers) => {
          while (free.length === 0) await Promise.race(inFlight);
          const client = free.pop()!;
          const call = send(
            client,
            numbers.map((n) => record(n, settings?.(n))),
          ).finally(() => {
            free.push(client);
            inFlight.delete(call);
          });
          inFlight.add(call);
        });
        await Promise.all(inFlight);
        tell();
      },
      start: async () => {
        const sessions = await Promise.all(
          Array.from({ length: Math.min(concurrency, CONNECTIONS) }, connect),
        );
        worker = await startWorker(await connect(), sessions, concurrency, onStart);
      },
      close: async () => {
        await worker?.stop();
        await Promise.all([news, ...producers].map((client) => client.end()));
      },
    };
    return opened;
  },
};

async function makeLayout(client: pg.Client): Promise<void> {
  await client.query(`SELECT pg_advisory_lock(${LAYOUT_LOCK})`);
  const { rows } = await client.query("SELECT FROM pg_namespace WHERE nspname = 'spike'");
  if (rows.length === 0) await client.query(LAYOUT);
  await client.query(`SELECT pg_advisory_unlock(${LAYOUT_LOCK})`);
}

/** Ids of 16 characters, in order. */
function ids(): () => string {
  const prefix = randomBytes(4).toString("hex");
  let count = 0;
  return () => prefix + (count++).toString(36).padStart(8, "0");
}

/** Tells workers of new jobs, on a connection of its own: within the transaction of each, commits would wait in line. */
function notifier(client: pg.Client): () => void {
  let isDue = false;
  let isResting = false;
  const flush = (): void => {
    isDue = false;
    isResting = true;
    const rest = (): void => {
      setTimeout(() => {
        isResting = false;
        if (isDue) flush();
      }, NEWS_MS).unref();
    };
    // A worker that hears nothing polls.
    client.query(`NOTIFY ${WAKE}`).then(rest, rest);
  };
  return () => {
    isDue = true;
    if (!isResting) flush();
  };
}

async function send(client: pg.Client, records: readonly string[]): Promise<void> {
  const { rowCount } = await client.query({
    name: "enqueue",
    text: ENQUEUE,
    values: [QUEUE, `[${records.join(",")}]`],
  });
  if (rowCount !== records.length) throw new Error(`${rowCount} of ${records.length} jobs were stored`);
}

/** Sends what one turn brings together, with a call in flight on each connection at most. */
function adder(clients: readonly pg.Client[], tell: () => void): (record: string) => Promise<void> {
  interface Waiting {
    readonly record: string;
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }
  const free = [...clients];
  let waiting: Waiting[] = [];
  const flush = (): void => {
    const client = waiting.length === 0 ? undefined : free.pop();
    if (client === undefined) return;
    const batch = waiting.slice(0, BATCH);
    waiting = waiting.slice(BATCH);
    const over = (end: (one: Waiting) => void): void => {
      free.push(client);
      for (const one of batch) end(one);
      tell();
      flush();
    };
    send(
      client,
      batch.map(({ record }) => record),
    ).then(
      () => over(({ resolve }) => resolve()),
      (error: unknown) => over(({ reject }) => reject(error)),
    );
    flush();
  };
  return (record) =>
    new Promise((resolve, reject) => {
      waiting.push({ record, resolve, reject });
      if (waiting.length === 1) setImmediate(flush);
    });
}

async function startWorker(
  listener: pg.Client,
  sessions: readonly pg.Client[],
  concurrency: number,
  onStart: (n: number) => void,
): Promise<{ stop(): Promise<void> }> {
  let stopping = false;
  let news = 0;
  let wakes: (() => void)[] = [];
  const wakeAll = (): void => {
    news++;
    const all = wakes;
    wakes = [];
    for (const wake of all) wake();
  };
  listener.on("notification", wakeAll);
  await listener.query(`LISTEN ${WAKE}`);
  const handle = async (job: Payload): Promise<void> => onStart(job.n);
  const slots = Math.ceil(concurrency / sessions.length);

  const run = async (client: pg.Client): Promise<void> => {
    let settled: string[] = [];
    while (!stopping || settled.length > 0) {
      const heard = news;
      const { rows } = await client.query<[receipt: string | null, body: string, settled: number]>({
        name: "exchange",
        text: EXCHANGE,
        values: [QUEUE, settled, stopping ? 0 : CLAIM],
        rowMode: "array",
      });
      const [, , count] = rows.pop() ?? [];
      if (count !== settled.length) throw new Error(`${settled.length} receipts settled ${count}`);
      settled = [];
      let at = 0;
      const slot = async (): Promise<void> => {
        for (let row = rows[at++]; row !== undefined; row = rows[at++]) {
          await handle(JSON.parse(row[1]) as Payload);
          settled.push(row[0]!);
        }
      };
      await Promise.all(Array.from({ length: slots }, slot));
      if (settled.length > 0 || heard !== news || stopping) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        wakes.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  };
  const over = Promise.all(sessions.map(run));
  return {
    stop: async () => {
      stopping = true;
      wakeAll();
      await over;
      await Promise.all([listener, ...sessions].map((client) => client.end()));
    },
  };
}
