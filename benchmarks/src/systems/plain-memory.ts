import type { OpenSubject, Subject } from "../subject.ts";
import { payload, type Payload } from "../subject.ts";

/** The least a queue can do: an array and runners that take from it. No ids, leases, retries, limits or results. */
export const plainMemory: Subject = {
  system: "plain",
  version: process.version,
  store: "memory",
  abilities: ["results"],
  open: ({ concurrency, onStart }) => {
    const waiting: { payload: Payload; resolve: ((result: unknown) => void) | undefined }[] = [];
    let head = 0;
    let running = 0;
    let started = false;
    const handle = async (job: Payload): Promise<void> => onStart(job.n);
    const pump = (): void => {
      while (started && running < concurrency && head < waiting.length) {
        const job = waiting[head++];
        if (job === undefined) continue;
        running++;
        void handle(job.payload).then((result) => {
          running--;
          job.resolve?.(result);
          pump();
        });
      }
      if (head === waiting.length) waiting.length = head = 0;
    };
    const opened: OpenSubject = {
      enqueue: async (n) => {
        waiting.push({ payload: payload(n), resolve: undefined });
        pump();
      },
      enqueueMany: async (first, count) => {
        for (let n = first; n < first + count; n++) waiting.push({ payload: payload(n), resolve: undefined });
        pump();
      },
      call: (n) =>
        new Promise((resolve) => {
          waiting.push({ payload: payload(n), resolve });
          pump();
        }),
      start: async () => {
        started = true;
        pump();
      },
      close: async () => {},
    };
    return Promise.resolve(opened);
  },
};
