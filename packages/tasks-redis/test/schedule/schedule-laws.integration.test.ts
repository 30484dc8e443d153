import {
  judgeScheduleCase,
  scheduleCases,
  type ScheduleHarness,
  type SchedulerStores,
  title,
  uniqueName,
} from "@lexigram/conformance";
import type { Clock, TaskBackend } from "@lexigram/contracts";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import { type QueueBinding, QueueSet, TaskDispatcher, TaskScheduler } from "@lexigram/tasks";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { redisBackend } from "../../src/index.ts";

vi.setConfig({ maxConcurrency: 20 });

/** A scheduler as an application has one. */
function schedulerOn({ queue, state }: SchedulerStores, backend: TaskBackend, clock: Clock): TaskScheduler {
  const binding: QueueBinding = {
    name: queue.name,
    primary: true,
    queue,
    backend,
    state,
    defaults: { priority: undefined, maxRetries: undefined, timeoutMs: undefined, backoff: undefined },
    consume: false,
    concurrency: undefined,
    weight: 1,
    policy: undefined,
  };
  const queues = new QueueSet([binding]);
  return new TaskScheduler({
    dispatcher: new TaskDispatcher({ queues }),
    queues,
    clock,
    misfireThreshold: "1s",
  });
}

describe.concurrent("schedulers over redis", () => {
  let server: PrivateServer;
  const opened: TaskBackend[] = [];
  beforeAll(async () => {
    server = await privateRedis();
  });
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    await server.stop();
  });

  const harness: ScheduleHarness = {
    name: "redis",
    async open() {
      const namespace = uniqueName("test");
      const name = uniqueName("queue");
      return async () => {
        // A random of its own keeps its connection from being shared.
        const backend = redisBackend({ url: server.url, namespace, random: () => 0.5 });
        opened.push(backend);
        const { state } = backend;
        if (state === undefined) throw new Error("the backend has no state");
        return { queue: backend.queue(name), state };
      };
    },
    scheduler: (stores, clock) => schedulerOn(stores, opened[0] as TaskBackend, clock),
    dispose: async () => {},
  };

  for (const c of scheduleCases)
    test(`${title(c)}`, async ({ expect }) => {
      const report = await judgeScheduleCase(c, harness);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});
