import { createRequire } from "node:module";
import { FlowProducer, type JobsOptions, Queue, QueueEvents, Worker } from "bullmq";
import { type EnqueueSettings, inParts, payload, type Payload, type Subject } from "../subject.ts";

const { version } = createRequire(import.meta.resolve("bullmq"))("../../package.json") as { version: string };

/** Jobs per call of `addBulk`. */
const BULK = 1_000;

/**
 * BullMQ. As shipped it keeps every completed job for ever; `removeOnComplete` is its leanest setting, with which a
 * caller cannot wait for results.
 */
export function bullmqRedis(variant?: "removeOnComplete"): Subject {
  return {
    system: "bullmq",
    version,
    store: "redis",
    ...(variant === undefined ? {} : { variant }),
    abilities:
      variant === undefined ? ["priorities", "delays", "results", "flows"] : ["priorities", "delays"],
    isSlow: true,
    open: async ({ url = "", concurrency, onStart, needs }) => {
      const { hostname: host, port } = new URL(url);
      const connection = { host, port: Number(port), maxRetriesPerRequest: null };
      const queue = new Queue<Payload, number, string>("bench", {
        connection,
        ...(variant === undefined
          ? {}
          : { defaultJobOptions: { removeOnComplete: true, removeOnFail: true } }),
      });
      await queue.waitUntilReady();
      const events = needs.some((need) => need === "results" || need === "flows")
        ? new QueueEvents("bench", { connection })
        : undefined;
      await events?.waitUntilReady();
      let worker: Worker<Payload, number> | undefined;
      return {
        enqueue: (n, settings) => queue.add("work", payload(n), optionsOf(settings)),
        enqueueMany: (first, count, settings) =>
          inParts(first, count, BULK, (numbers) =>
            queue.addBulk(
              numbers.map((n) => ({ name: "work", data: payload(n), opts: optionsOf(settings?.(n)) })),
            ),
          ),
        ...(events === undefined
          ? {}
          : {
              call: async (n) => (await queue.add("work", payload(n))).waitUntilFinished(events),
              flow: async (count) => {
                const flows = new FlowProducer({ connection });
                try {
                  const { job } = await flows.add({
                    name: "gather",
                    queueName: "bench",
                    children: Array.from({ length: count }, (_, n) => ({
                      name: "work",
                      queueName: "bench",
                      data: payload(n),
                    })),
                  });
                  return await job.waitUntilFinished(events);
                } finally {
                  await flows.close();
                }
              },
            }),
        start: async () => {
          worker = new Worker<Payload, number>(
            "bench",
            async (job) => {
              if (job.name === "gather") return Object.keys(await job.getChildrenValues()).length;
              onStart(job.data.n);
              return job.data.n;
            },
            { connection, concurrency },
          );
          await worker.waitUntilReady();
        },
        close: async () => {
          await worker?.close();
          await events?.close();
          await queue.close();
        },
      };
    },
  };
}

function optionsOf(settings: EnqueueSettings | undefined): JobsOptions {
  return {
    // Its most urgent priority is 1.
    ...(settings?.priority === undefined ? {} : { priority: 21 - settings.priority }),
    ...(settings?.delayMs === undefined ? {} : { delay: settings.delayMs }),
  };
}
