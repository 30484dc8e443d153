import {
  type Logger,
  silentLogger,
  type TaskBackend,
  TaskQueueProtocol,
  UnsupportedError,
} from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  memoryBackend,
  type NamedBackendOptions,
  type Runnable,
  task,
  TaskProvider,
  TasksModule,
} from "../../src/index.ts";
import { createTestApp, TestClock } from "../../src/testing.ts";

const mail = task({ name: "mail", rateLimit: { rate: 2, per: "1m" }, concurrency: 3 }, () => undefined);
const perTenant = task(
  { name: "tenant", input: z.string(), rateLimit: { rate: 1, key: (tenant) => tenant } },
  () => undefined,
);
const plain = task({ name: "plain", input: z.any() }, () => undefined);

/** A logger, and the fields of its warnings that begin so. */
function warned(): { logger: Logger; warnings: (beginning: string) => unknown[] } {
  const all: [string, unknown][] = [];
  return {
    logger: { ...silentLogger, warn: (message, fields) => void all.push([message, fields]) },
    warnings: (beginning) =>
      all.filter(([message]) => message.startsWith(beginning)).map(([, fields]) => fields),
  };
}

/** An application over memory, and the rules that its queue has. */
async function booted(
  tasks: readonly Runnable[],
  entry: Partial<NamedBackendOptions> = {},
  logger?: Logger,
): Promise<Application> {
  const backends = [{ name: "q", backend: memoryBackend({ clock: new TestClock() }), ...entry }];
  return Application.boot({
    modules: [TasksModule.configure({ backends }), TasksModule.scope(...tasks)],
    ...(logger === undefined ? {} : { logger }),
    configFile: false,
    env: {},
  });
}

const rulesOf = async (app: Application) => app.get(TaskQueueProtocol).getPolicy();

describe("what a task says of its limits", () => {
  test("is kept by its queue once the application has booted", async () => {
    await using app = await booted([mail, plain]);
    expect(await rulesOf(app)).toEqual({
      perTask: { mail: { concurrency: 3, rate: { rate: 2, perMs: 60_000, burst: 2 } } },
    });
  });

  test("limits each key where it names one", async () => {
    await using t = await createTestApp({ tasks: [perTenant] });
    expect(await t.queue().getPolicy()).toEqual({ perKey: { rate: { rate: 1, perMs: 1_000, burst: 1 } } });
    for (const tenant of ["a", "a", "b"]) await t.tasks.enqueue(perTenant, tenant);
    await t.drain();
    expect(await t.queue().count("completed")).toBe(2);
    await t.clock.advance("1s");
    await t.drain();
    expect(await t.queue().count("completed")).toBe(3);
  });

  test("gives way to what the queue's entry says of the task", async () => {
    await using app = await booted([mail], {
      policy: { concurrency: 9, perTask: { mail: { concurrency: 1 }, other: { concurrency: 2 } } },
    });
    expect(await rulesOf(app)).toEqual({
      concurrency: 9,
      perTask: {
        mail: { concurrency: 1, rate: { rate: 2, perMs: 60_000, burst: 2 } },
        other: { concurrency: 2 },
      },
    });
  });

  test("leaves the rules of the store as they are besides", async () => {
    const backend = memoryBackend({ clock: new TestClock() });
    await backend.queue("q").setPolicy({ concurrency: 7, perTask: { other: { concurrency: 1 } } });
    await using app = await booted([mail], { backend });
    expect(await rulesOf(app)).toMatchObject({
      concurrency: 7,
      perTask: { other: { concurrency: 1 }, mail: {} },
    });
  });

  test.each([
    ["another concurrency", { perTask: { mail: { concurrency: 1 } } }, ["mail"]],
    ["another rate of keys", { perKey: { rate: { rate: 9, perMs: 1_000, burst: 9 } } }, ["tenant"]],
    ["the same, and more", { concurrency: 9, perTask: { mail: { concurrency: 3 } } }, undefined],
  ])("warns where the stored rules say %s, and stay", async (_, rules, tasks) => {
    const backend = memoryBackend({ clock: new TestClock() });
    await backend.queue("q").setPolicy(rules);
    const { logger, warnings } = warned();
    await using app = await booted([mail, perTenant], { backend }, logger);
    expect(await rulesOf(app)).toMatchObject(rules);
    expect(warnings("the stored rules of a queue say other limits")).toEqual(
      tasks === undefined ? [] : [expect.objectContaining({ queue: "q", tasks })],
    );
  });

  test("warns where the rules of an entry end limits that this process's code does not know", async () => {
    const backend = memoryBackend({ clock: new TestClock() });
    const perTask = { mail: { concurrency: 3 }, other: { concurrency: 2 }, named: { concurrency: 2 } };
    await backend.queue("q").setPolicy({ perTask });
    const { logger, warnings } = warned();
    const policy = { perTask: { named: { concurrency: 1 } } };
    await using app = await booted([mail], { backend, policy }, logger);
    expect((await rulesOf(app)).perTask).not.toHaveProperty("other");
    expect(warnings("the rules of a queue's entry took the place")).toEqual([
      expect.objectContaining({ queue: "q", tasks: ["other"] }),
    ]);
  });

  test("is kept of all, when processes that know different tasks boot at once", async () => {
    const inner = memoryBackend();
    let reads = 0;
    const getPolicy = async () => {
      const rules = await inner.queue("q").getPolicy();
      // Time for others to read the same.
      if (++reads === 1) for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
      return rules;
    };
    const backend: TaskBackend = {
      ...inner,
      state: inner.state!,
      queue: (name, options) => Object.assign(inner.queue(name, options), { getPolicy }),
    };
    const other = task({ name: "other", concurrency: 2 }, () => undefined);
    const apps = await Promise.all([booted([mail], { backend }), booted([other], { backend })]);
    expect(Object.keys((await inner.queue("q").getPolicy()).perTask ?? {}).toSorted()).toEqual([
      "mail",
      "other",
    ]);
    for (const app of apps) await app.close();
  });

  test("is kept of a task that is registered late", async () => {
    await using t = await createTestApp({ tasks: [plain] });
    expect(await t.queue().getPolicy()).toEqual({});
    t.app.get(TaskProvider).registerHandler("late", () => undefined, { concurrency: 4 });
    await t.clock.settle();
    expect(await t.queue().getPolicy()).toEqual({ perTask: { late: { concurrency: 4 } } });
  });

  test("is refused at boot where the queue cannot limit, naming the task", async () => {
    const inner = memoryBackend();
    const backend: TaskBackend = {
      ...inner,
      queue: (name) => {
        const queue = inner.queue(name);
        return Object.defineProperty(queue, "capabilities", {
          value: { ...queue.capabilities, limits: false },
        });
      },
    };
    const failed = await booted([mail], { backend }).catch((error: unknown) => error);
    const { cause = failed } = failed as { cause?: unknown };
    expect(cause).toBeInstanceOf(UnsupportedError);
    expect(cause).toMatchObject({
      fields: { capability: "limits" },
      message: expect.stringContaining('"mail"'),
    });
  });

  test("is refused when two tasks say different things of the keys of one queue", async () => {
    const other = task({ name: "other", rateLimit: { rate: 5, key: "x" } }, () => undefined);
    const bystander = task({ name: "bystander", key: "x" }, () => undefined);
    for (const second of [other, bystander]) {
      const failed = await booted([perTenant, second]).catch((error: unknown) => error);
      const { cause = failed } = failed as { cause?: unknown };
      expect(cause).toMatchObject({
        code: "LEX_ERR_TASK_CONFIG",
        message: expect.stringMatching(/"(tenant|other)" and "(tenant|other|bystander)" share queue "q"/),
      });
    }
  });

  test.each([
    [{ rateLimit: { rate: 0 } }, "rateLimit.rate"],
    [{ rateLimit: { rate: 1, per: 0 } }, "rateLimit.per"],
    [{ rateLimit: { rate: 1, burst: 0 } }, "rateLimit.burst"],
    [{ rateLimit: { rate: 1, bust: 2 } }, "bust"],
    [{ rateLimit: { rate: 1, key: "a" }, key: "b" }, "rateLimit.key"],
    [{ concurrency: 0 }, "concurrency"],
    [{ circuitBreaker: { failures: 0 } }, "circuitBreaker.failures"],
    [{ circuitBreaker: { resetTimeout: 0 } }, "circuitBreaker.resetTimeout"],
    [{ circuitBreaker: { halfOpenProbes: 0 } }, "circuitBreaker.halfOpenProbes"],
    [{ circuitBreaker: { isFailure: 1 } }, "circuitBreaker.isFailure"],
    [{ circuitBreaker: { failure: 1 } }, "failure"],
  ])("is refused by name when it is wrong: %j", (options, path) => {
    const make = (): unknown => task({ name: "bad", ...(options as object) }, () => undefined);
    expect(make).toThrow(expect.objectContaining({ code: "LEX_ERR_TASK_CONFIG", fields: { path } }));
  });
});
