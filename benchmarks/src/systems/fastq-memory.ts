import { createRequire } from "node:module";
import fastq from "fastq";
import { payload, type Payload, type Subject } from "../subject.ts";

const { version } = createRequire(import.meta.url)("fastq/package.json") as { version: string };

/** fastq: an in-process work queue with a concurrency; no priorities, delays, retries or records. */
export const fastqMemory: Subject = {
  system: "fastq",
  version,
  store: "memory",
  abilities: ["results"],
  open: async ({ concurrency, onStart }) => {
    const queue = fastq.promise(async (job: Payload) => onStart(job.n), concurrency);
    queue.pause();
    return {
      // Its promise resolves when the job is done; a job is accepted at once.
      enqueue: async (n) => void queue.push(payload(n)),
      enqueueMany: async (first, count) => {
        for (let n = first; n < first + count; n++) void queue.push(payload(n));
      },
      call: (n) => queue.push(payload(n)),
      start: async () => queue.resume(),
      close: async () => queue.kill(),
    };
  },
};
