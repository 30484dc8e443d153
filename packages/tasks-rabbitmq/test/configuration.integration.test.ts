import { Application } from "@lexigram/kernel";
import { named, task, TaskConfig, TaskDispatcher, TaskQueueProtocol, TasksModule } from "@lexigram/tasks";
import { describe, expect, test } from "vitest";
import { serverOfTest } from "./rabbit-server.ts";

const double = task({ name: "double", queue: "mail" }, async (ctx) => `${ctx.job.task}, doubled`);

/** Runs a job in an application whose code names no store, and tells what its configuration became. */
async function ran(env: Readonly<Record<string, string>>) {
  await using app = await Application.boot({
    modules: [TasksModule.configure({ workerCount: 1 }), TasksModule.scope(double)],
    configFile: false,
    config: { logging: { level: "error" } },
    env,
  });
  const handle = await app.get(TaskDispatcher).enqueue(double);
  expect(await handle.result({ timeout: "20s" })).toBe("double, doubled");
  const [{ type, settings } = {}] = app.get(TaskConfig).queues;
  const policy = await app.get(named(TaskQueueProtocol, "mail")).getPolicy();
  return { type, settings, policy };
}

describe("a queue on RabbitMQ", { timeout: 60_000 }, () => {
  test.each(["rabbitmq", "amqp"])("is configured by the environment alone, as %s", async (type) => {
    const { url, namespace, names } = await serverOfTest();
    names("mail");
    const env = {
      LEX_TASKS__BACKENDS__0__NAME: "mail",
      LEX_TASKS__BACKENDS__0__TYPE: type,
      LEX_TASKS__BACKENDS__0__AMQP_URL: url,
      LEX_TASKS__BACKENDS__0__MAX_SIZE: "50",
      LEX_TASKS__BACKENDS__0__EXTRA__NAMESPACE: namespace,
      LEX_TASKS__BACKENDS__0__EXTRA__QUEUE_TYPE: "classic",
      LEX_TASKS__BACKENDS__0__EXTRA__HEARTBEAT: "3s",
      LEX_TASKS__BACKENDS__0__EXTRA__CONSUMER_PRIORITY: "2",
    };
    const expected = {
      type,
      settings: { amqpUrl: url, namespace, queueType: "classic", heartbeat: "3s", consumerPriority: "2" },
      policy: { maxSize: 50 },
    };
    expect(await ran(env)).toEqual(expected);
    // What is there fits the second time too.
    expect(await ran(env)).toEqual(expected);
  });

  test("is refused with a setting that there is not, by its name, and without its password", async () => {
    const env = {
      LEX_TASKS__BACKENDS__0__NAME: "mail",
      LEX_TASKS__BACKENDS__0__TYPE: "rabbitmq",
      LEX_TASKS__BACKENDS__0__AMQP_URL: "amqp://user:hunter2@127.0.0.1:1",
      LEX_TASKS__BACKENDS__0__EXTRA__QUEUETIPE: "classic",
    };
    const error = await ran(env).catch((refused: unknown) => refused);
    expect(JSON.stringify(error)).not.toContain("hunter2");
    expect(error).toMatchObject({ cause: { fields: { path: expect.stringMatching(/^queuetipe$/i) } } });
  });
});
