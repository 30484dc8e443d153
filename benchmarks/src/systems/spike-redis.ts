import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Redis } from "ioredis";
import {
  type EnqueueSettings,
  inParts,
  type OpenSubject,
  payload,
  type Payload,
  type Subject,
} from "../subject.ts";
import { ENQUEUE, EXCHANGE, KEYS, WAKE } from "./spike-redis-scripts.ts";

const { version } = createRequire(import.meta.url)("ioredis/package.json") as { version: string };

const MOST_JOBS = 1e9;
const NORMAL = 5;
/** Jobs per call at most. */
const BATCH = 500;
/** Bulk calls in flight. */
const BULK_CALLS = 4;
const LEASE_MS = 30_000;
const POLL_MS = 1_000;

/** Jobs claimed beyond the free slots, as the spike had them: with few slots, the round trip would be all there is. */
const AHEAD: Readonly<Record<number, number>> = { 1: 31, 10: 90 };

/** Keeps leases and fences out of the small encoding, in which a batch costs the square of its length. */
const SENTINEL = "~".repeat(70);

/**
 * The layout of our Redis backend with nothing around it: a hash of records, a list of ids per level, leases and
 * fences, one script to enqueue what one turn brings and one to settle and claim. No validation, middleware, results,
 * retries or renewal: the ceiling that the backend is held against.
 */
export const spikeRedis: Subject = {
  system: "spike",
  version,
  store: "redis",
  abilities: ["priorities"],
  open: async ({ url = "", concurrency, onStart }) => {
    const redis = new Redis(url);
    const [enqueueSha, exchangeSha] = (await Promise.all([
      redis.script("LOAD", ENQUEUE),
      redis.script("LOAD", EXCHANGE),
    ])) as [string, string];
    await Promise.all([redis.hset(KEYS[3]!, SENTINEL, ""), redis.zadd(KEYS[2]!, "+inf", SENTINEL)]);

    const nextId = ids();
    const entry = (n: number, settings: EnqueueSettings | undefined): (string | number)[] => [
      nextId(),
      settings?.priority ?? NORMAL,
      0,
      JSON.stringify({ n: "bench.work", a: payload(n), t: 1_700_000_000_000 }),
    ];
    const send = (entries: readonly (string | number)[]): Promise<unknown> =>
      redis.evalsha(enqueueSha, KEYS.length, ...KEYS, MOST_JOBS, ...entries);

    let gathered: (string | number)[] = [];
    let waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
    const flush = (): void => {
      if (waiting.length === 0) return;
      const callers = waiting;
      const entries = gathered;
      waiting = [];
      gathered = [];
      send(entries).then(
        () => {
          for (const caller of callers) caller.resolve();
        },
        (error: unknown) => {
          for (const caller of callers) caller.reject(error);
        },
      );
    };

    let worker: { stop(): Promise<void> } | undefined;
    const opened: OpenSubject = {
      enqueue: (n, settings) =>
        new Promise<void>((resolve, reject) => {
          if (waiting.length === 0) setImmediate(flush);
          gathered.push(...entry(n, settings));
          waiting.push({ resolve, reject });
          if (waiting.length >= BATCH) flush();
        }),
      enqueueMany: async (first, count, settings) => {
        const inFlight = new Set<Promise<unknown>>();
        await inParts(first, count, BATCH, async (numbers) => {
          const call = send(numbers.flatMap((n) => entry(n, settings?.(n)))).finally(() =>
            inFlight.delete(call),
          );
          inFlight.add(call);
          if (inFlight.size === BULK_CALLS) await Promise.race(inFlight);
        });
        await Promise.all(inFlight);
      },
      start: async () => {
        worker = await startWorker(redis, url, exchangeSha, concurrency, onStart);
      },
      close: async () => {
        await worker?.stop();
        await redis.quit();
      },
    };
    return opened;
  },
};

/** Ids of 16 characters. */
function ids(): () => string {
  const prefix = randomBytes(4).toString("hex");
  let count = 0;
  return () => prefix + (count++).toString(36).padStart(8, "0");
}

async function startWorker(
  redis: Redis,
  url: string,
  sha: string,
  concurrency: number,
  onStart: (n: number) => void,
): Promise<{ stop(): Promise<void> }> {
  const subscriber = new Redis(url);
  await subscriber.subscribe(WAKE);
  let stopping = false;
  let isWoken = false;
  let wake: () => void = () => {};
  subscriber.on("message", () => {
    isWoken = true;
    wake();
  });
  const want = concurrency + (AHEAD[concurrency] ?? 0);
  const handle = async (job: Payload): Promise<void> => onStart(job.n);

  const run = async (): Promise<void> => {
    let settled: string[] = [];
    for (let call = 0; !stopping || settled.length > 0; call++) {
      isWoken = false;
      const token = `t${call}`;
      const settle = settled;
      settled = [];
      const claim = [stopping ? 0 : want, LEASE_MS, token, settle.length / 2];
      const reply = (await redis.evalsha(sha, KEYS.length, ...KEYS, ...claim, ...settle)) as [
        lost: string[],
        due: unknown,
        ...jobs: string[],
      ];
      if (reply[0].length > 0) throw new Error(`${reply[0].length} leases lost`);
      let at = 2;
      const slot = async (): Promise<void> => {
        while (at < reply.length) {
          const [id, record] = reply.slice(at, (at += 2)) as [string, string];
          await handle((JSON.parse(record) as { a: Payload }).a);
          settled.push(id, token);
        }
      };
      await Promise.all(Array.from({ length: concurrency }, slot));
      if (settled.length > 0 || isWoken || stopping) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const over = run();
  return {
    stop: async () => {
      stopping = true;
      wake();
      await over;
      subscriber.disconnect();
      if (subscriber.status !== "end") await once(subscriber, "end");
    },
  };
}
