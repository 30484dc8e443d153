import { Application } from "@lexigram/kernel";
import { task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { describe, expect, test } from "vitest";
import { rabbitmqBackend } from "../../src/index.ts";
import { serverOfTest } from "../rabbit-server.ts";

const JOBS = 6_000;
const AT_ONCE = 1_000;
const DUE_IN_MS = 2_000;

describe("delayed jobs of a RabbitMQ queue", { timeout: 60_000 }, () => {
  test.each(["quorum", "classic"] as const)(
    "start once each when thousands are due at one instant, on %s queues",
    async (queueType) => {
      const { url, namespace, names } = await serverOfTest();
      names("due");
      const starts = new Map<string, number>();
      let over = (): void => {};
      const all = new Promise<void>((resolve) => (over = resolve));
      const work = task({ name: "work", queue: "due" }, async (ctx) => {
        starts.set(ctx.job.id, (starts.get(ctx.job.id) ?? 0) + 1);
        if (starts.size === JOBS) over();
      });
      await using app = await Application.boot({
        modules: [
          TasksModule.configure({
            workerCount: 1,
            backends: [{ name: "due", backend: rabbitmqBackend({ url, namespace, queueType }) }],
          }),
          TasksModule.scope(work),
        ],
        configFile: false,
        config: { logging: { level: "error" }, tasks: { worker: { maxConcurrentTasks: 100 } } },
        env: {},
      });
      const due = Date.now() + DUE_IN_MS;
      const dispatcher = app.get(TaskDispatcher);
      for (let stored = 0; stored < JOBS; stored += AT_ONCE) {
        const answers = await dispatcher.enqueueMany(
          Array.from({ length: AT_ONCE }, () => ({
            task: work,
            options: { delay: Math.max(0, due - Date.now()) },
          })),
        );
        expect(answers.filter(({ ok }) => !ok)).toEqual([]);
      }
      await all;
      await app.close();
      expect(Math.max(...starts.values())).toBe(1);
    },
  );
});
