import { Application } from "@lexigram/kernel";
import {
  MemoryStateStore,
  named,
  type NamedBackendOptions,
  StateStoreProtocol,
  task,
  TaskDispatcher,
  TaskQueueProtocol,
  TasksModule,
  type Runnable,
} from "@lexigram/tasks";
import { describe, expect, test, vi } from "vitest";
import { serverOfTest } from "./rabbit-server.ts";

async function booted(
  tasks: readonly Runnable[],
  entry: Partial<NamedBackendOptions> = {},
  more: object = {},
) {
  const { url, namespace, names } = await serverOfTest();
  names("mail");
  const extra = { namespace, queueType: "classic" };
  const backends = [
    { name: "main" },
    { name: "mail", type: "rabbitmq", amqpUrl: url, extra, state: "main", ...entry },
  ];
  return Application.boot({
    modules: [TasksModule.configure({ backends, config: more }), TasksModule.scope(...tasks)],
    configFile: false,
    config: { logging: { level: "silent" } },
    env: {},
  });
}

/** What stands behind the failure of a boot. */
async function refusal(boot: Promise<unknown>): Promise<unknown> {
  const failed: unknown = await boot.catch((error: unknown) => error);
  const { cause = failed } = failed as { readonly cause?: unknown };
  return cause;
}

describe("limits of queues on RabbitMQ", { timeout: 60_000 }, () => {
  test.each([
    ["rateLimit", { rateLimit: { rate: 1 } }],
    ["rateLimit with a key", { rateLimit: { rate: 1, key: "k" } }],
    ["concurrency", { concurrency: 1 }],
  ])("refuse a task with %s at boot, by its name", async (_what, options) => {
    const limited = task({ name: "limited", queue: "mail", ...options }, () => undefined);
    expect(await refusal(booted([limited]))).toMatchObject({
      code: "LEX_ERR_TASK_UNSUPPORTED",
      fields: { capability: "limits" },
      message: expect.stringContaining('"limited"'),
    });
  });

  test.each([
    ["limits", { concurrency: 1 }],
    ["limits", { rate: { rate: 1 } }],
    ["limits", { perTask: { work: { concurrency: 1 } } }],
    ["limits", { perKey: { concurrency: 1 } }],
    ["keyOrder", { perKey: { order: "fifo" as const } }],
    ["fairness", { perKey: { fair: true } }],
  ])("refuse rules that need %s: %j", async (capability, policy) => {
    expect(await refusal(booted([], { policy }))).toMatchObject({
      code: "LEX_ERR_TASK_UNSUPPORTED",
      fields: { capability },
    });
  });

  test("refuse to debounce and to throttle", async () => {
    const work = task({ name: "work", queue: "mail" }, () => undefined);
    await using app = await booted([work], { consume: false });
    for (const options of [{ debounce: { wait: "1s" } }, { throttle: { per: "1s" } }] as const)
      await expect(app.get(TaskDispatcher).enqueue(work, undefined, options)).rejects.toMatchObject({
        code: "LEX_ERR_TASK_UNSUPPORTED",
        fields: { capability: "unique" },
      });
  });

  test("stop claiming by a breaker whose state lies in another store", async () => {
    let ran = 0;
    const fails = task({ name: "fails", queue: "mail", maxRetries: 0 }, () => {
      ran++;
      throw new Error("away");
    });
    await using app = await booted([fails], {
      circuitBreaker: { failures: 1, resetTimeout: "1h" },
      concurrency: 1,
    });
    const queue = app.get(named(TaskQueueProtocol, "mail"));
    await app.get(TaskDispatcher).enqueue(fails);
    await vi.waitFor(async () => expect((await queue.stats()).breaker).toBe("open"), 10_000);
    expect(app.get(named(StateStoreProtocol, "mail"))).toBeInstanceOf(MemoryStateStore);
    for (let i = 0; i < 3; i++) await app.get(TaskDispatcher).enqueue(fails);
    await vi.waitFor(async () => expect(await queue.getTaskCount()).toBe(3), 10_000);
    expect(ran).toBe(1);
  });

  test("run no more at once than a limit over several queues says", async () => {
    let [running, most, ended] = [0, 0, 0];
    const work = task({ name: "work", queue: "mail" }, async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => setImmediate(resolve));
      running--;
      ended++;
    });
    await using app = await booted([work], {}, { limits: { all: { concurrency: 2 } } });
    for (let i = 0; i < 10; i++) await app.get(TaskDispatcher).enqueue(work);
    await vi.waitFor(() => expect(ended).toBe(10), 20_000);
    expect(most).toBeLessThanOrEqual(2);
  });
});
