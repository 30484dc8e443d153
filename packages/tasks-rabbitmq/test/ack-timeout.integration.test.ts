import { uniqueName } from "@lexigram/conformance";
import { systemClock } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { sharedServers } from "@lexigram/services";
import { HandlerRegistry, MemoryStateStore, task, TaskDispatcher, TasksModule } from "@lexigram/tasks";
import { describe, expect, onTestFinished, test } from "vitest";
import { rabbitmqBackend } from "../src/index.ts";
import type { RabbitMQBackendOptions } from "../src/rabbitmq-backend-options.ts";
import { serverOfTest } from "./rabbit-server.ts";

interface Boot {
  readonly timeout?: string | null;
  readonly options?: Partial<RabbitMQBackendOptions>;
  readonly workerCount?: number;
}

/** Boots an application with one task, which may run that long. */
async function boot({ timeout, options = {}, workerCount = 1 }: Boot): Promise<Application> {
  const server = await serverOfTest();
  server.names("long");
  const backend = rabbitmqBackend({ url: sharedServers.rabbitmq, namespace: server.namespace, ...options });
  const work = task(
    {
      name: uniqueName("task"),
      queue: "long",
      ...(timeout === undefined ? {} : { timeout: timeout as never }),
    },
    () => "done",
  );
  const app = await Application.boot({
    modules: [
      TasksModule.configure({ workerCount, backends: [{ name: "long", backend }] }),
      TasksModule.scope(work),
    ],
    config: { logging: { level: "silent" } },
  });
  onTestFinished(() => app.close());
  expect((await app.get(TaskDispatcher).enqueue(work)).id).toBeDefined();
  return app;
}

/** What a boot was refused with, below what the kernel says of it. */
async function refusal(settings: Boot): Promise<unknown> {
  let error: unknown = await boot(settings).then(
    () => undefined,
    (failed: unknown) => failed,
  );
  while ((error as { code?: string } | undefined)?.code !== "LEX_ERR_TASK_CONFIG" && error instanceof Error)
    error = error.cause;
  return error;
}

describe("a task on RabbitMQ", () => {
  test("boots while its time limit and grace take 80 % of the acknowledgement timeout", async () => {
    expect(await refusal({ timeout: "23m" })).toBeUndefined();
    expect(await refusal({ timeout: "7s", options: { ackTimeout: "15s" } })).toBeUndefined();
    expect(await refusal({ timeout: "1h", options: { ackTimeout: null } })).toBeUndefined();
  });

  test.each([
    [{ timeout: "24m" }, 1_800_000, "for 1445000 ms", "1435000 ms at most"],
    [{ timeout: "8s", options: { ackTimeout: "15s" } }, 15_000, "for 13000 ms", "7000 ms at most"],
    [{ options: { ackTimeout: "1m" } }, 60_000, "for 305000 ms", "43000 ms at most"],
  ] satisfies [Boot, number, string, string][])(
    "is refused at boot beyond that: %o",
    async (settings, limit, takes, most) => {
      expect(await refusal(settings)).toMatchObject({
        fields: { path: "timeout" },
        message: expect.stringMatching(new RegExp(`${takes} .* held for ${limit} ms`)),
        hint: expect.stringContaining(most),
      });
    },
  );

  test("boots beyond that when the queue has an index, in which long deliveries are recorded", async () => {
    const state = new MemoryStateStore({ clock: systemClock });
    onTestFinished(() => state.close());
    expect(await refusal({ timeout: "1h", options: { ackTimeout: "15s", jobIndex: state } })).toBeUndefined();
  });

  test("is refused beyond that when it is registered later, and is not registered", async () => {
    const app = await boot({ timeout: "7s", options: { ackTimeout: "15s" } });
    const handlers = app.get(HandlerRegistry);
    handlers.register("short", () => 1, { timeout: "7s" });
    expect(() => handlers.register("late", () => 1, { timeout: "8s" })).toThrow(
      expect.objectContaining({ code: "LEX_ERR_TASK_CONFIG", fields: { path: "timeout" } }),
    );
    expect([handlers.lookup("late"), handlers.lookup("short")?.name]).toEqual([undefined, "short"]);
  });

  test("is nobody's concern in a process without workers", async () => {
    expect(await refusal({ timeout: "1h", workerCount: 0 })).toBeUndefined();
  });

  test.each(["500ms", 0, "soon"])("has no acknowledgement timeout of %s", (ackTimeout) => {
    expect(() => rabbitmqBackend({ url: sharedServers.rabbitmq, ackTimeout: ackTimeout as never })).toThrow(
      expect.objectContaining({ code: "LEX_ERR_TASK_CONFIG", fields: { path: "ackTimeout" } }),
    );
  });
});
