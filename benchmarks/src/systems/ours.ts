import { createRequire } from "node:module";
import { TaskQueueProtocol } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import {
  chord,
  each,
  step,
  task,
  TaskDispatcher,
  TasksModule,
  TaskWorkflows,
  WorkerPool,
} from "@lexigram/tasks";
import { z } from "zod";
import { rabbitQueue } from "../rabbit-queue.ts";
import { type Ability, type EnqueueSettings, inParts, payload, type Subject } from "../subject.ts";

const { version } = createRequire(import.meta.url)("@lexigram/tasks/package.json") as { version: string };

const Input = z.object({ userId: z.number(), email: z.string(), n: z.number() });

/** Jobs per call of `enqueueMany`. */
const BULK = 1_000;

/** Settings of an entry that differ from what is shipped, or are told apart. */
export interface OursVariant {
  readonly label: string;
  readonly keepCompleted?: 0;
  readonly queueType?: "quorum" | "classic";
}

/** Far above what any store reaches: what is measured is the judging. */
const WIDE = { concurrency: 1_000_000, rate: { rate: 1_000_000_000 } };
const KEYS = 1_000;
const KEPT = { age: "1h", count: 1_000_000 } as const;
/** Results that are read in one call. */
const PAGE = 500;

/** What a store adds to the entry of its backend. */
const ENTRIES = {
  memory: () => ({ type: "memory" }),
  redis: (redisUrl: string) => ({ type: "redis", redisUrl, queueName: "bench" }),
  postgres: (postgresDsn: string) => ({ type: "postgres", postgresDsn, queueName: "bench" }),
  rabbitmq: (amqpUrl: string, { queueType = "quorum" }: Partial<OursVariant>) => ({
    type: "rabbitmq",
    amqpUrl,
    queueName: "bench",
    extra: { queueType, namespace: rabbitQueue("ours", queueType) },
  }),
} satisfies Record<string, (url: string, variant: Partial<OursVariant>) => object>;

const ALL = [
  "priorities",
  "delays",
  "results",
  "flows",
  "limits",
  "keys",
  "shared limits",
  "key order",
  "read back",
] as const satisfies readonly Ability[];

const ABILITIES: Readonly<Record<keyof typeof ENTRIES, readonly Ability[]>> = {
  memory: [...ALL, "queue"],
  redis: [...ALL, "queue"],
  postgres: [...ALL, "queue", "snapshots"],
  rabbitmq: ["delays", "results"],
};

/** The whole framework on one of its backends, as shipped: validation, middleware, timeouts, results. */
export function ours(store: keyof typeof ENTRIES, variant?: OursVariant): Subject {
  return {
    system: "ours",
    version,
    store,
    ...(variant === undefined ? {} : { variant: variant.label }),
    // What keeps no records has no results, and its queue claims as the other's does.
    abilities: variant?.keepCompleted === undefined ? ABILITIES[store] : ["priorities", "delays"],
    open: async ({ url = "", concurrency, onStart, needs }) => {
      const isOrdered = needs.includes("key order");
      const isKeyed = isOrdered || needs.includes("keys");
      const key = isKeyed ? { key: ({ n }: { readonly n: number }) => `k${n % KEYS}` } : {};
      const perKey = isOrdered ? ({ order: "fifo" } as const) : { concurrency: 1 };
      const policy = needs.includes("limits") ? WIDE : isKeyed ? { perKey } : undefined;
      const isReadBack = needs.includes("read back");
      // What is read back must be there.
      const keepCompleted = isReadBack ? KEPT : variant?.keepCompleted;
      const work = task({ name: "bench.work", input: Input, ...key }, async (input) => {
        onStart(input.n);
        return input.n;
      });
      const gather = task({ name: "bench.gather", input: z.array(z.number()) }, (all) => all.length);
      const app = await Application.boot({
        modules: [
          TasksModule.configure({
            // The workload says when the worker comes.
            workerCount: 0,
            backends: [
              {
                name: "bench",
                ...ENTRIES[store](url, variant ?? {}),
                ...(policy === undefined ? {} : { policy }),
                ...(keepCompleted === undefined ? {} : { keepCompleted }),
              },
            ],
            config: {
              worker: { maxConcurrentTasks: concurrency },
              ...(needs.includes("shared limits") ? { limits: { all: WIDE } } : {}),
            },
          }),
          TasksModule.scope(work, gather),
        ],
        config: { logging: { level: "error" } },
      });
      const tasks = app.get(TaskDispatcher);
      const optionsOf = (settings: EnqueueSettings): { priority?: number; delay?: number } => ({
        ...(settings.priority === undefined ? {} : { priority: settings.priority }),
        ...(settings.delayMs === undefined ? {} : { delay: settings.delayMs }),
      });
      return {
        enqueue: (n, settings) =>
          settings === undefined
            ? tasks.enqueue(work, payload(n))
            : tasks.enqueue(work, payload(n), optionsOf(settings)),
        enqueueMany: (first, count, settings) =>
          inParts(first, count, BULK, (numbers) =>
            tasks.enqueueMany(
              numbers.map((n) =>
                settings === undefined
                  ? { task: work, input: payload(n), ...(isReadBack ? { options: { id: `r${n}` } } : {}) }
                  : { task: work, input: payload(n), options: optionsOf(settings(n)) },
              ),
            ),
          ),
        call: async (n) => (await tasks.enqueue(work, payload(n))).result(),
        flow: async (count) => {
          const numbers = Array.from({ length: count }, (_, n) => payload(n));
          const flow = chord(each(step.task(work)), step.task(gather));
          return (await (await app.get(TaskWorkflows).start(flow, numbers)).result()).finalResult;
        },
        readBack: async (count) => {
          const queue = app.get(TaskQueueProtocol);
          let found = 0;
          await inParts(0, count, PAGE, async (numbers) => {
            const outcomes = await queue.results(numbers.map((n) => `r${n}`));
            found += outcomes.filter(({ status }) => status === "completed").length;
          });
          return found;
        },
        queue: app.get(TaskQueueProtocol),
        start: () => app.get(WorkerPool).scaleTo(1),
        close: () => app.close(),
      };
    },
  };
}
