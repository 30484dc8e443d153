import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { PgBoss, type SendOptions } from "pg-boss";
import { type EnqueueSettings, inParts, payload, type Payload, type Subject } from "../subject.ts";

const { version } = createRequire(import.meta.url)("pg-boss/package.json") as { version: string };

const QUEUE = "bench";

/** Jobs per call of `insert`. */
const BULK = 1_000;
/** Jobs per fetch of the batched variants, which complete together. */
const BATCH = 1_000;
/** Loops that fetch and complete. */
const LOOPS = 2;
/** Milliseconds that a call may wait for one of its connections; as shipped, 10,000 calls at once end in errors. */
const CONNECTION_WAIT_MS = 300_000;
/** Milliseconds between two fetches that found nothing, where no notification wakes. */
const POLL_MS = 10;

/**
 * pg-boss with a partition of the queue's own. `one by one` and `batched` are `work()`, woken by notifications; `fetch` is
 * loops of `fetch()` and `complete()`, with which enqueueing notifies nobody. It keeps what is completed for seven days.
 */
export function pgBossPostgres(variant: "one by one" | "batched" | "fetch"): Subject {
  const isWoken = variant !== "fetch";
  return {
    system: "pg-boss",
    version,
    store: "postgres",
    variant,
    abilities: ["priorities", "delays"],
    isSlow: variant === "one by one",
    open: async ({ url = "", concurrency, onStart }) => {
      const boss = new PgBoss({
        connectionString: url,
        connectionTimeoutMillis: CONNECTION_WAIT_MS,
        useListenNotify: isWoken,
        schedule: false,
        // One by one it only keeps on fetching where it knows how many are ready.
        ...(variant === "one by one"
          ? { monitorIntervalSeconds: 1, superviseIntervalSeconds: 1, queueCacheIntervalSeconds: 1 }
          : {}),
      });
      boss.on("error", () => {});
      await boss.start();
      // A producer beside the worker meets it.
      if ((await boss.getQueue(QUEUE)) === null)
        await boss.createQueue(QUEUE, { partition: true, notify: isWoken });
      const handle = async (jobs: readonly { data: Payload }[]): Promise<void> => {
        let next = 0;
        const slot = async (): Promise<void> => {
          for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) onStart(job.data.n);
        };
        await Promise.all(Array.from({ length: concurrency }, slot));
      };
      let stopping = false;
      let loops: Promise<unknown> = Promise.resolve();
      const loop = async (): Promise<void> => {
        while (!stopping) {
          const jobs = await boss.fetch<Payload>(QUEUE, { batchSize: BATCH });
          if (jobs.length === 0) {
            await sleep(POLL_MS);
            continue;
          }
          await handle(jobs);
          await boss.complete(
            QUEUE,
            jobs.map(({ id }) => id),
          );
        }
      };
      return {
        enqueue: (n, settings) => boss.send(QUEUE, payload(n), optionsOf(settings)),
        enqueueMany: (first, count, settings) =>
          inParts(first, count, BULK, (numbers) =>
            boss.insert(
              QUEUE,
              numbers.map((n) => ({ data: payload(n), ...optionsOf(settings?.(n)) })),
            ),
          ),
        start: async () => {
          if (variant === "fetch") loops = Promise.all(Array.from({ length: LOOPS }, loop));
          else
            await boss.work<Payload>(
              QUEUE,
              {
                pollingIntervalSeconds: 0.5,
                notifyPollingIntervalSeconds: 0.5,
                ...(variant === "batched"
                  ? { batchSize: BATCH, localConcurrency: 1, burstWhenBatchFull: true }
                  : { batchSize: 1, localConcurrency: concurrency, burstWhenReadyExceeds: 1 }),
              },
              handle,
            );
        },
        close: async () => {
          stopping = true;
          await loops;
          await boss.offWork(QUEUE, { wait: true }).catch(() => {});
          await boss.stop({ graceful: true, close: true });
        },
      };
    },
  };
}

function optionsOf(
  settings: EnqueueSettings | undefined,
): Pick<SendOptions, "priority"> & { startAfter?: Date } {
  return {
    ...(settings?.priority === undefined ? {} : { priority: settings.priority }),
    ...(settings?.delayMs === undefined ? {} : { startAfter: new Date(Date.now() + settings.delayMs) }),
  };
}
