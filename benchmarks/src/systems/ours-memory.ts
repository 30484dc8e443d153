import { createRequire } from "node:module";
import { Application } from "@lexigram/kernel";
import { task, TaskDispatcher, TaskQueueProtocol, TasksModule } from "@lexigram/tasks";
import { z } from "zod";
import { type EnqueueSettings, payload, type Subject } from "../subject.ts";

const { version } = createRequire(import.meta.url)("@lexigram/tasks/package.json") as { version: string };

const Input = z.object({ userId: z.number(), email: z.string(), n: z.number() });

/** Jobs per call of `enqueueMany`. */
const BULK = 1_000;

/** The whole framework on its embedded backend: validation, middleware, timeouts, results. */
export function oursMemory(variant?: { readonly label: string; readonly keepCompleted: 0 }): Subject {
  return {
    system: "ours",
    version,
    store: "memory",
    ...(variant === undefined ? {} : { variant: variant.label }),
    priorities: true,
    delays: true,
    results: variant === undefined,
    open: async ({ concurrency, onStart }) => {
      const work = task({ name: "bench.work", input: Input }, async (input) => {
        onStart(input.n);
        return input.n;
      });
      const app = await Application.boot({
        modules: [
          TasksModule.configure({
            workerCount: 1,
            backends: [
              {
                name: "bench",
                type: "memory",
                ...(variant === undefined ? {} : { keepCompleted: variant.keepCompleted }),
              },
            ],
            config: { worker: { maxConcurrentTasks: concurrency } },
          }),
          TasksModule.scope(work),
        ],
        config: { logging: { level: "error" } },
      });
      const tasks = app.get(TaskDispatcher);
      const queue = app.get(TaskQueueProtocol);
      const optionsOf = (settings: EnqueueSettings | undefined): { priority?: number; delay?: number } => ({
        ...(settings?.priority === undefined ? {} : { priority: settings.priority }),
        ...(settings?.delayMs === undefined ? {} : { delay: settings.delayMs }),
      });
      return {
        enqueue: (n, settings) =>
          settings === undefined
            ? tasks.enqueue(work, payload(n))
            : tasks.enqueue(work, payload(n), optionsOf(settings)),
        enqueueMany: async (first, count, settings) => {
          for (let at = first; at < first + count; at += BULK) {
            const size = Math.min(BULK, first + count - at);
            await tasks.enqueueMany(
              Array.from({ length: size }, (_, i) =>
                settings === undefined
                  ? { task: work, input: payload(at + i) }
                  : { task: work, input: payload(at + i), options: optionsOf(settings(at + i)) },
              ),
            );
          }
        },
        call: async (n) => (await tasks.enqueue(work, payload(n))).result(),
        pause: () => queue.pause(),
        resume: () => queue.resume(),
        close: () => app.close(),
      };
    },
  };
}
