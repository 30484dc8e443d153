import { createRequire } from "node:module";
import BeeQueue from "bee-queue";
import { type EnqueueSettings, inParts, payload, type Payload, type Subject } from "../subject.ts";

const { version } = createRequire(import.meta.url)("bee-queue/package.json") as { version: string };

/** Jobs per call of `saveAll`. */
const BULK = 1_000;

/** Milliseconds that closing waits for handlers, which are all over by then. */
const CLOSES_WITHIN_MS = 1_000;

/** Bee-Queue with what its documentation recommends for speed: completed jobs removed, no events, jobs not stored in the process. */
export const beeQueueRedis: Subject = {
  system: "bee-queue",
  version,
  store: "redis",
  variant: "removeOnSuccess, no events",
  abilities: ["delays", "results"],
  isSlow: true,
  open: async ({ url = "", concurrency, onStart, needs }) => {
    const { hostname: host, port } = new URL(url);
    const results = needs.includes("results");
    const make = async (isWorker: boolean): Promise<BeeQueue<Payload>> => {
      const queue = new BeeQueue<Payload>("bench", {
        redis: { host, port: Number(port) },
        isWorker,
        removeOnSuccess: true,
        getEvents: results && !isWorker,
        sendEvents: results && isWorker,
        storeJobs: results && !isWorker,
        activateDelayedJobs: needs.includes("delays") && isWorker,
      });
      await queue.ready();
      return queue;
    };
    const queue = await make(false);
    let worker: BeeQueue<Payload> | undefined;
    const create = (n: number, settings: EnqueueSettings | undefined): BeeQueue.Job<Payload> => {
      const job = queue.createJob(payload(n));
      return settings?.delayMs === undefined ? job : job.delayUntil(Date.now() + settings.delayMs);
    };
    return {
      enqueue: (n, settings) => create(n, settings).save(),
      enqueueMany: (first, count, settings) =>
        inParts(first, count, BULK, (numbers) => queue.saveAll(numbers.map((n) => create(n, settings?.(n))))),
      call: async (n) => {
        const job = create(n, undefined).setId(`call-${n}`);
        const result = new Promise((resolve, reject) => job.on("succeeded", resolve).on("failed", reject));
        // As documented, it listens once the job is saved, and never hears of a job that was faster.
        (queue.jobs as Map<string, unknown>).set(job.id, job);
        await job.save();
        return result;
      },
      start: async () => {
        worker = await make(true);
        worker.process(concurrency, async (job: BeeQueue.Job<Payload>) => {
          onStart(job.data.n);
          return job.data.n;
        });
      },
      close: async () => {
        await worker?.close(CLOSES_WITHIN_MS);
        await queue.close(CLOSES_WITHIN_MS);
      },
    };
  },
};
