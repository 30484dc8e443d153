import { judgeLockCase, lockCases, type LockHarness, title, uniqueName } from "@lexigram/conformance";
import type { TaskBackend } from "@lexigram/contracts";
import { type PrivateServer, privateRedis } from "@lexigram/services";
import {
  IdempotencyManager,
  IdempotentTaskManager,
  LockManager,
  type QueueBinding,
  QueueSet,
  TaskDispatcher,
} from "@lexigram/tasks";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { redisBackend } from "../../src/index.ts";

vi.setConfig({ maxConcurrency: 20, testTimeout: 30_000 });

describe.concurrent("locks over redis", () => {
  let server: PrivateServer;
  const opened: TaskBackend[] = [];
  beforeAll(async () => {
    server = await privateRedis();
  });
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    await server.stop();
  });

  const harness: LockHarness = {
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
    locks: ({ state }, clock, pollMs) => new LockManager({ state, clock, pollInterval: pollMs }),
    idempotency: ({ state }, clock) => new IdempotencyManager({ state, clock }),
    submissions({ queue, state }, clock) {
      const binding: QueueBinding = {
        name: queue.name,
        primary: true,
        queue,
        backend: opened[0] as TaskBackend,
        state,
        defaults: { priority: undefined, maxRetries: undefined, timeoutMs: undefined, backoff: undefined },
        consume: false,
        concurrency: undefined,
        weight: 1,
        policy: undefined,
      };
      const queues = new QueueSet([binding]);
      return new IdempotentTaskManager({ dispatcher: new TaskDispatcher({ queues }), queues, clock });
    },
    waiting: ({ queue }) => queue.getTaskCount(),
    dispose: async () => {},
  };

  for (const c of lockCases)
    test(`${title(c)}`, async ({ expect }) => {
      const report = await judgeLockCase(c, harness);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });
});
