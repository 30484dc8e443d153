import { judgeLockCase, lockCases, type LockHarness, title, uniqueName } from "@lexigram/conformance";
import type { TaskBackend } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { privateRedis, type PrivateServer, sharedServers } from "@lexigram/services";
import { IdempotentTaskManager, task, TaskDispatcher, TasksModule, unique } from "@lexigram/tasks";
import { rabbitmqBackend } from "@lexigram/tasks-rabbitmq";
import { redisBackend } from "@lexigram/tasks-redis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
// oxlint-disable-next-line no-restricted-imports -- a process of the product, which the tests of all backends share
import { lockProcess } from "../../../packages/tasks/test/lock/lock-subject.ts";

const PARTS = ["critical", "high", "normal", "low", "dead", "workers"];

let redis: PrivateServer;
const opened: TaskBackend[] = [];
beforeAll(async () => {
  redis = await privateRedis();
});
afterAll(async () => {
  for (const backend of opened) await backend.close();
  await redis.stop();
});

/** Deletes what a queue is made of. */
async function removed(namespace: string, queue: string): Promise<void> {
  const own = rabbitmqBackend({ url: sharedServers.rabbitmq, namespace });
  await own.withChannel(async (channel) => {
    for (const part of PARTS) await channel.deleteQueue(`${namespace}.${queue}.${part}`);
  });
  await own.close();
}

function stateOf(namespace: string): TaskBackend {
  // A random of its own keeps its connection from being shared.
  const backend = redisBackend({ url: redis.url, namespace, random: () => 0.5 });
  opened.push(backend);
  return backend;
}

function harness(): LockHarness {
  const namespace = uniqueName("test");
  const name = uniqueName("queue");
  const brokers: TaskBackend[] = [];
  return {
    name: "rabbitmq with state in redis",
    async open() {
      return async () => {
        const backend = rabbitmqBackend({ url: sharedServers.rabbitmq, namespace, random: () => 0.5 });
        brokers.push(backend);
        return { queue: backend.queue(name), state: stateOf(namespace).state! };
      };
    },
    ...lockProcess(() => brokers[0]!),
    async dispose() {
      for (const backend of brokers) await backend.close();
      await removed(namespace, name);
    },
  };
}

describe("locks and idempotency of queues on RabbitMQ, with state in Redis", { timeout: 60_000 }, () => {
  for (const c of lockCases)
    test(`${title(c)}`, async ({ skip }) => {
      const report = await judgeLockCase(c, harness);
      if (report.outcome === "skipped") skip(report.reason);
      expect(report.outcome === "failed" ? report.error.message : report.outcome).toBe("passed");
    });

  test("run a submission once, also when the broker holds its message twice", async () => {
    const namespace = uniqueName("test");
    let ran = 0;
    const charge = task(
      { name: "charge", queue: "work", input: z.object({ amount: z.number() }) },
      async ({ amount }) => ({ charged: amount, ran: ++ran }),
    );
    const broker = rabbitmqBackend({ url: sharedServers.rabbitmq, namespace });
    const app = await Application.boot({
      modules: [
        TasksModule.configure({
          backends: [
            { name: "work", primary: true, backend: broker, state: "state" },
            { name: "state", backend: stateOf(namespace), consume: false },
          ],
        }),
        TasksModule.scope(charge),
      ],
      configFile: false,
      config: { logging: { level: "error" } },
      env: {},
    });
    onTestFinished(async () => {
      await app.close();
      await removed(namespace, "work");
    });
    const manager = app.get(IdempotentTaskManager);
    const options = { idempotencyKey: "order-7" };
    const [first, second] = await Promise.all([
      manager.submit(charge, { amount: 5 }, options),
      manager.submit(charge, { amount: 5 }, options),
    ]);
    expect(second.taskId).toBe(first.taskId);
    expect(await second.handle.result({ timeout: "20s" })).toEqual({ charged: 5, ran: 1 });
    // As of a submission that could not know whether it had been enqueued.
    const dispatcher = app.get(TaskDispatcher);
    const headers = { "idempotency-key": first.idempotencyKey };
    const copy = await dispatcher.enqueue(charge, { amount: 5 }, { id: `${first.taskId}-copy`, headers });
    expect(await copy.result({ timeout: "20s" })).toEqual({ charged: 5, ran: 1 });
    expect(ran).toBe(1);
    await expect(unique(charge, { key: "one" }).applyAsync(dispatcher, { amount: 1 })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_UNSUPPORTED",
      hint: expect.any(String),
    });
  });
});
