import { createRequire } from "node:module";
import { Logger, makeWorkerUtils, run, type Runner, type TaskSpec } from "graphile-worker";
import pg from "pg";
import { type EnqueueSettings, inParts, payload, type Payload, type Subject } from "../subject.ts";

const { version } = createRequire(import.meta.resolve("graphile-worker"))("../package.json") as {
  version: string;
};

/** Jobs per call of `addJobs`. */
const BULK = 1_000;

const VARIANTS = {
  "one by one": {},
  batched: {
    localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
    pollInterval: 500,
  },
} as const;

/**
 * Graphile Worker as shipped, which claims and completes one job a call, and with the settings of its own measurements:
 * a local queue of 500 and batched completions. It removes what is completed.
 */
export function graphileWorkerPostgres(variant: keyof typeof VARIANTS): Subject {
  return {
    system: "graphile-worker",
    version,
    store: "postgres",
    variant,
    abilities: ["priorities", "delays"],
    isSlow: variant === "one by one",
    open: async ({ url = "", concurrency, onStart }) => {
      // What its documentation recommends.
      const pgPool = new pg.Pool({ connectionString: url, max: Math.max(10, concurrency + 2) });
      pgPool.on("error", () => {});
      pgPool.on("connect", (client) => client.on("error", () => {}));
      const logger = new Logger(() => () => {});
      const utils = await makeWorkerUtils({ pgPool, logger });
      await utils.migrate();
      let runner: Runner | undefined;
      return {
        enqueue: (n, settings) => utils.addJob("work", payload(n), specOf(settings)),
        enqueueMany: (first, count, settings) =>
          inParts(first, count, BULK, (numbers) =>
            utils.addJobs(
              numbers.map((n) => ({ identifier: "work", payload: payload(n), ...specOf(settings?.(n)) })),
            ),
          ),
        start: async () => {
          runner = await run({
            pgPool,
            logger,
            noHandleSignals: true,
            preset: { worker: { ...VARIANTS[variant], concurrentJobs: concurrency } },
            taskList: {
              work: async (job) => onStart((job as Payload).n),
            },
          });
        },
        close: async () => {
          await runner?.stop();
          await utils.release();
          await pgPool.end();
        },
      };
    },
  };
}

function specOf(settings: EnqueueSettings | undefined): Pick<TaskSpec, "priority" | "runAt"> {
  return {
    // Its most urgent priority is the lowest.
    ...(settings?.priority === undefined ? {} : { priority: -settings.priority }),
    ...(settings?.delayMs === undefined ? {} : { runAt: new Date(Date.now() + settings.delayMs) }),
  };
}
