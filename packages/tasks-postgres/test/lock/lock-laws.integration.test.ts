import { judgeLockCase, lockCases, type LockHarness, title, uniqueName } from "@lexigram/conformance";
import type { TaskBackend } from "@lexigram/contracts";
import {
  IdempotencyManager,
  IdempotentTaskManager,
  LockManager,
  type QueueBinding,
  QueueSet,
  TaskDispatcher,
} from "@lexigram/tasks";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { postgresBackend } from "../../src/index.ts";
import { type PostgresServer, sharedPostgres } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

vi.setConfig({ maxConcurrency: 4, testTimeout: 60_000 });

describe.concurrent("locks over postgres", () => {
  let server: PostgresServer;
  const opened: TaskBackend[] = [];
  beforeAll(async () => {
    server = await sharedPostgres();
  });
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    await server.end();
  });

  const harness: LockHarness = {
    name: "postgres",
    unitMs: 600,
    async open() {
      const schema = ownSchema("locks");
      const name = uniqueName("queue");
      return async () => {
        // A random of its own keeps its connections from being shared.
        const backend = postgresBackend({
          dsn: server.url,
          schema: schema.name,
          poolSize: 1,
          random: () => 0.5,
        });
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
