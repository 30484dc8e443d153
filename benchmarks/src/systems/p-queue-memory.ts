import { createRequire } from "node:module";
import PQueue from "p-queue";
import { payload, type Subject } from "../subject.ts";

const { version } = createRequire(import.meta.resolve("p-queue"))("../package.json") as { version: string };

/** p-queue: an in-process promise queue with concurrency and priorities; no delays, retries or records. */
export const pQueueMemory: Subject = {
  system: "p-queue",
  version,
  store: "memory",
  abilities: ["priorities", "results"],
  open: async ({ concurrency, onStart }) => {
    const queue = new PQueue({ concurrency, autoStart: false });
    const add = (n: number, priority: number): Promise<unknown> => {
      const job = payload(n);
      return queue.add(async () => onStart(job.n), { priority });
    };
    return {
      enqueue: async (n, settings) => void add(n, settings?.priority ?? 0),
      enqueueMany: async (first, count, settings) => {
        for (let n = first; n < first + count; n++) void add(n, settings?.(n).priority ?? 0);
      },
      call: (n) => add(n, 0),
      start: async () => void queue.start(),
      close: async () => queue.clear(),
    };
  },
};
