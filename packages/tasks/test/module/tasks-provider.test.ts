import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DomainEvent,
  type LogFields,
  type Logger,
  named,
  silentLogger,
  StateStoreProtocol,
  TaskCompletedEvent,
  TaskFailedEvent,
  TaskQueuedEvent,
  TaskQueueProtocol,
  type TaskBackend,
} from "@lexigram/contracts";
import {
  Application,
  type BootOptions,
  inject,
  injectable,
  module,
  Provider,
  ProviderPriority,
} from "@lexigram/kernel";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import {
  createMemoryTaskProvider,
  createProviderFromConfig,
  DeadLetterQueue,
  memoryBackend,
  MemoryTaskQueue,
  RetryTask,
  type Runnable,
  task,
  TaskConfig,
  type TaskContext,
  TaskDispatcher,
  TaskProvider,
  type TaskRef,
  TasksModule,
  type TasksOptions,
  WorkerPool,
} from "../../src/index.ts";
import { createTestApp, TestClock } from "../../src/testing.ts";

const boot = (options: BootOptions): Promise<Application> =>
  Application.boot({ logger: silentLogger, configFile: false, env: {}, ...options });

/** A backend that tells when it and its queues are opened and closed. */
function told(name: string, log: string[], failing?: { opening?: Error; closing?: Error }): TaskBackend {
  const inner = memoryBackend();
  return {
    type: "told",
    ...(inner.state === undefined ? {} : { state: inner.state }),
    queue(queueName) {
      log.push(`open ${name}`);
      const queue = inner.queue(queueName);
      return new Proxy(queue, {
        get(target, member) {
          if (member === "getTaskCount" && failing?.opening !== undefined)
            return () => Promise.reject(failing.opening);
          if (member === "close")
            return async () => {
              log.push(`close queue ${name}`);
              if (failing?.closing !== undefined) throw failing.closing;
              await target.close();
            };
          const value: unknown = Reflect.get(target, member, target);
          return typeof value === "function" ? (value as () => unknown).bind(target) : value;
        },
      });
    },
    health: () => inner.health(),
    async close() {
      log.push(`close backend ${name}`);
      await inner.close();
    },
  };
}

function lines(): { logger: Logger; warned: string[]; failed: string[] } {
  const warned: string[] = [];
  const failed: string[] = [];
  return {
    warned,
    failed,
    logger: {
      ...silentLogger,
      warn: (message) => warned.push(message),
      error: (message) => failed.push(message),
    },
  };
}

describe("a TaskProvider without the module", () => {
  test.each([
    ["new TaskProvider()", () => new TaskProvider()],
    ["TaskProvider.fromConfig", () => TaskProvider.fromConfig({ name: "x" })],
    ["createMemoryTaskProvider", () => createMemoryTaskProvider({ workerCount: 1 })],
    ["createProviderFromConfig", () => createProviderFromConfig(new TaskConfig({ name: "x" }))],
  ])("works by itself, made by %s", async (_how, make) => {
    const provider = make();
    provider.registerHandler("early", (input) => `early ${String(input)}`);
    await using app = await boot({ providers: [provider] });
    expect([provider.name, provider.priority]).toEqual(["tasks", ProviderPriority.INFRASTRUCTURE]);
    provider.registerHandler("late", (input) => `late ${String(input)}`);
    provider.refreshWorkerHandlers();
    for (const name of ["early", "late"]) {
      const id = await provider.enqueueJob(name, "job", { priority: 10 });
      expect(await app.get(TaskDispatcher).handle("default", id).result({ timeout: "5s" })).toBe(
        `${name} job`,
      );
    }
    expect(provider.getWorkerStats()).toHaveLength(1);
  });

  test("says what it needs when it is asked before it runs", async () => {
    const provider = new TaskProvider();
    await expect(provider.enqueueJob("x")).rejects.toMatchObject({
      code: "LEX_ERR_TASK_CONFIG",
      fields: { path: "enqueueJob" },
    });
    expect(() => provider.getWorkerStats()).toThrow(/needs a running application/);
    expect(await provider.healthCheck()).toMatchObject({ status: "starting" });
  });
});

describe("a task of a queue that is not there", () => {
  const noted = (): { logger: Logger; warned: [string, LogFields | undefined][] } => {
    const warned: [string, LogFields | undefined][] = [];
    return { warned, logger: { ...silentLogger, warn: (message, fields) => warned.push([message, fields]) } };
  };
  const mialOf = (name: string): Runnable & TaskRef<void, void> =>
    task({ name, queue: "mial" }, () => undefined);

  test("is warned about when the application starts, once for each queue, with the nearest name", async () => {
    const { logger, warned } = noted();
    await using _app = await boot({
      logger,
      modules: [
        TasksModule.configure({ backends: [{ name: "main" }, { name: "mail" }] }),
        TasksModule.scope(
          mialOf("one"),
          mialOf("two"),
          task({ name: "far", queue: "elsewhere" }, () => undefined),
          task({ name: "fine", queue: "mail" }, () => undefined),
          task({ name: "plain" }, () => undefined),
        ),
      ],
    });
    expect(warned).toEqual([
      [
        expect.stringContaining("does not have"),
        { queue: "elsewhere", tasks: ["far"], hint: "queues: main, mail" },
      ],
      [
        expect.stringContaining("does not have"),
        { queue: "mial", tasks: ["one", "two"], hint: 'did you mean "mail"? queues: main, mail' },
      ],
    ]);
  });
});

describe("what a scope lists", () => {
  test("is warned about through the application's logger", async () => {
    const { logger, warned } = lines();
    const once = task({ name: "once", idempotencyKey: "constant" }, () => undefined);
    await using _app = await boot({ modules: [TasksModule.configure(), TasksModule.scope(once)], logger });
    expect(warned.join("\n")).toContain("constant idempotencyKey");
  });
});

describe("the configuration of an application's tasks", () => {
  test("comes from code, files and environment, the environment above all", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tasks-config-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "application.yaml");
    writeFileSync(file, "tasks: { worker: { lease: 20s, grace: 3s }, name: file }");
    writeFileSync(join(folder, "application.eu.yaml"), "tasks: { worker: { lease: 30s } }");
    await using app = await boot({
      modules: [
        TasksModule.configure({
          workerCount: 2,
          config: { name: "code", worker: { lease: "10s", grace: "1s", heartbeat: "9s" } },
        }),
      ],
      configFile: file,
      env: { LEX_PROFILE: "eu", LEX_TASKS__WORKER__WORKER_COUNT: "4" },
    });
    expect(app.get(TaskConfig)).toMatchObject({
      env: "development",
      name: "file",
      worker: { workerCount: 4, leaseMs: 30_000, graceMs: 3_000, heartbeatMs: 9_000, requeueFloorMs: 1_000 },
    });
    expect(app.get(WorkerPool).getPoolStats().poolSize).toBe(4);
  });

  test("of queues in code is overlaid by name: the primary stays, new ones come last", async () => {
    const main = memoryBackend();
    await using app = await boot({
      modules: [
        TasksModule.configure({
          backends: [
            { name: "main", backend: main },
            { name: "mail", type: "redis", redisUrl: "redis://nowhere:1", maxSize: 5 },
          ],
        }),
      ],
      env: {
        LEX_TASKS__BACKENDS__0__NAME: "mail",
        LEX_TASKS__BACKENDS__0__TYPE: "memory",
        LEX_TASKS__BACKENDS__1__NAME: "audit",
        LEX_TASKS__BACKENDS__2__NAME: "main",
        LEX_TASKS__BACKENDS__2__CONCURRENCY: "3",
      },
    });
    expect(app.get(TaskConfig).queues).toMatchObject([
      { name: "main", primary: true, backend: main, concurrency: 3 },
      { name: "mail", type: "memory", policy: { maxSize: 5 } },
      { name: "audit" },
    ]);
    expect(app.get(TaskQueueProtocol)).toBe(app.get(named(TaskQueueProtocol, "main")));
    expect(await app.get(named(TaskQueueProtocol, "mail")).getTaskCount()).toBe(0);
  });

  test("gives queues of the environment alone to whoever injects them by name", async () => {
    @injectable()
    class Auditor {
      constructor(
        @inject(named(TaskQueueProtocol, "audit")) readonly queue: TaskQueueProtocol,
        @inject(named(StateStoreProtocol, "audit")) readonly state: StateStoreProtocol,
      ) {}
    }
    @module({ providers: [Auditor] })
    class Feature {}
    await using app = await boot({
      modules: [TasksModule.configure({ backends: [{ name: "main" }] }), Feature],
      env: { LEX_TASKS__BACKENDS__0__NAME: "audit" },
    });
    expect(app.get(Auditor).queue.name).toBe("audit");
    expect(app.get(Auditor).state).toBe(app.get(named(StateStoreProtocol, "audit")));
  });

  test("is refused with the field when a file or code below it is wrong", async () => {
    const refused = (tasks: unknown): Promise<unknown> =>
      boot({ modules: [TasksModule.configure()], config: { tasks } }).then(
        () => "booted",
        (error: unknown) => error,
      );
    expect(await refused({ worker: { leese: "1s" } })).toMatchObject({
      code: "LEX_ERR_CONFIG_INVALID",
      fields: { issues: [{ field: "tasks.worker.leese", suggestion: 'did you mean "lease"?' }] },
    });
    expect(
      await refused({
        backends: [
          { name: "a", primary: true },
          { name: "b", primary: true },
        ],
      }),
    ).toMatchObject({
      code: "LEX_ERR_CONFIG_INVALID",
      fields: { issues: [{ field: "tasks.backends.1.primary" }] },
    });
    expect(await refused({ worker: { lease: "soon" } })).toMatchObject({
      fields: { issues: [{ field: "tasks.worker.lease" }] },
    });
  });

  test("only warns of a variable that names nothing", async () => {
    const { logger, warned } = lines();
    await using _app = await boot({
      modules: [TasksModule.configure()],
      env: { LEX_TASKS__WORKER__LEESE: "1s" },
      logger,
    });
    expect(warned.join("\n")).toContain("tasks.worker.leese");
  });

  test("stops a production boot when an address is a development machine's, and shows no secret", async () => {
    const redis = TasksModule.configure({ config: { backend: { type: "redis" } } });
    await expect(boot({ modules: [redis], env: { LEX_ENV: "production" } })).rejects.toMatchObject({
      code: "LEX_ERR_CONFIG_REFUSED",
      fields: { issues: [{ field: "tasks.backend.redisUrl" }] },
    });
  });

  test("lets memory run in production, and says so", async () => {
    const { logger, warned } = lines();
    await using _app = await boot({
      modules: [TasksModule.configure()],
      env: { LEX_ENV: "production" },
      logger,
    });
    expect(warned.join("\n")).toMatch(/kept in (the )?memory/);
  });
});

describe("opening backends", () => {
  test("shares one connection among entries with one address, and none between different ones", async () => {
    const made: unknown[] = [];
    const provider = new TaskProvider({
      backends: [
        { name: "a", type: "mine", extra: { at: 1 } },
        { name: "b", type: "mine", extra: { at: 1 } },
        { name: "c", type: "mine", extra: { at: 2 } },
      ],
    });
    provider.backends.register("mine", (settings) => {
      made.push(settings);
      return memoryBackend();
    });
    await using _app = await boot({ providers: [provider] });
    expect(made).toEqual([{ at: 1 }, { at: 2 }]);
  });

  test("finds a type that another provider brings before it boots", async () => {
    class Mine extends Provider {
      override priority = ProviderPriority.CRITICAL;
      override boot(container: Parameters<Provider["boot"]>[0]): void {
        container.resolve(TaskProvider).backends.register("mine", () => memoryBackend());
      }
    }
    await using app = await boot({
      providers: [Mine, new TaskProvider({ config: { backend: { type: "mine" } } })],
    });
    expect(await app.get(TaskQueueProtocol).getTaskCount()).toBe(0);
  });

  test("closes what it has opened when one fails, and says which", async () => {
    const log: string[] = [];
    const cause = new Error("connection refused to redis://user:secret@host");
    const { logger, failed } = lines();
    const booting = boot({
      logger,
      modules: [
        TasksModule.configure({
          backends: [
            { name: "good", backend: told("good", log) },
            { name: "bad", backend: told("bad", log, { opening: cause }) },
          ],
        }),
      ],
    });
    await expect(booting).rejects.toMatchObject({
      code: "LEX_ERR_PROVIDER_BOOT",
      cause: { code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE", fields: { queue: "bad" }, cause },
    });
    expect(log.filter((line) => line.startsWith("close"))).toEqual([
      "close queue bad",
      "close queue good",
      "close backend bad",
      "close backend good",
    ]);
    expect(failed).toContain("a backend could not be opened");
  });

  test("names the known types for one that is unknown", async () => {
    const booting = boot({ modules: [TasksModule.configure({ config: { backend: { type: "rediss" } } })] });
    await expect(booting).rejects.toMatchObject({
      hint: expect.stringContaining('"redis"'),
      cause: {
        code: "LEX_ERR_TASK_BACKEND_UNKNOWN",
        fields: { type: "rediss" },
        hint: expect.stringContaining('"redis"'),
      },
    });
  });

  test("keeps state where an entry says, and in memory, said out loud, where nobody does", async () => {
    const stateless = (): TaskBackend => {
      const { state: _state, ...rest } = memoryBackend();
      return { ...rest, type: "stateless" };
    };
    const { logger, warned } = lines();
    const store = memoryBackend();
    await using app = await boot({
      logger,
      modules: [
        TasksModule.configure({
          backends: [
            { name: "a", backend: stateless(), state: "store" },
            { name: "b", backend: stateless() },
            { name: "store", backend: store },
          ],
        }),
      ],
    });
    expect(app.get(named(StateStoreProtocol, "a"))).toBe(store.state);
    expect(app.get(named(StateStoreProtocol, "b"))).not.toBe(store.state);
    expect(warned.filter((line) => line.includes("keeps no state"))).toHaveLength(1);
    const keepsNone = boot({
      modules: [
        TasksModule.configure({
          backends: [
            { name: "a", state: "b" },
            { name: "b", backend: stateless(), state: "a" },
          ],
        }),
      ],
    });
    await expect(keepsNone).rejects.toMatchObject({ cause: { code: "LEX_ERR_TASK_CONFIG" } });
  });
});

describe("a backend made in code", () => {
  test.each<[string, () => TasksOptions]>([
    ["a backend", () => ({ queue: memoryBackend() })],
    ["a queue", () => ({ queue: new MemoryTaskQueue({ name: "mine" }) })],
    ["an entry", () => ({ backends: [{ name: "mine", backend: memoryBackend() }] })],
  ])("given as %s, is closed with its application, and refused by the next one", async (_how, options) => {
    const tasks = TasksModule.configure(options());
    await (await boot({ modules: [tasks] })).stop();
    await expect(boot({ modules: [tasks] })).rejects.toMatchObject({
      hint: expect.stringContaining("for each application"),
      cause: {
        code: "LEX_ERR_TASK_CONFIG",
        message: expect.stringContaining("was closed by an application"),
      },
    });
  });
});

describe("stopping", () => {
  test("closes queues last in first out, then backends, whatever fails on the way", async () => {
    const log: string[] = [];
    const app = await boot({
      modules: [
        TasksModule.configure({
          backends: [
            { name: "a", backend: told("a", log) },
            { name: "b", backend: told("b", log, { closing: new Error("stuck") }) },
          ],
        }),
      ],
    });
    log.length = 0;
    await Promise.all([app.stop(), app.stop()]);
    expect(log).toEqual(["close queue b", "close queue a", "close backend b", "close backend a"]);
  });

  test("lets running handlers finish, which can still enqueue and use what other providers started", async () => {
    const log: string[] = [];
    const gate = gateOf();
    class Database extends Provider {
      open = false;
      override boot(): void {
        this.open = true;
      }
      override shutdown(): void {
        this.open = false;
        log.push("database is closed");
      }
    }
    const database = new Database();
    const started = gateOf();
    let tasks: TaskDispatcher | undefined;
    const slow = task({ name: "slow" }, async () => {
      started.resolve();
      await gate.promise;
      const handle = await tasks!.enqueue("other");
      log.push(`finished with database ${database.open ? "open" : "closed"}, enqueued ${handle.outcome}`);
    });
    const app = await boot({
      modules: [TasksModule.configure(), TasksModule.scope(slow)],
      providers: [database],
    });
    tasks = app.get(TaskDispatcher);
    await tasks.enqueue(slow);
    await started.promise;
    const stopping = app.stop();
    gate.resolve();
    await stopping;
    expect(log).toEqual(["finished with database open, enqueued accepted", "database is closed"]);
  });

  test("aborts what does not finish in time, and hands it back without using up an attempt", async () => {
    const backend = memoryBackend();
    const keeping: TaskBackend = { ...backend, close: async () => {} };
    const signals: unknown[] = [];
    const stuck = task({ name: "stuck", maxRetries: 0 }, (ctx: TaskContext) => {
      ctx.signal.addEventListener("abort", () => signals.push(ctx.signal.reason));
      return new Promise<never>(() => {});
    });
    const clock = new TestClock();
    const app = await boot({
      clock,
      modules: [
        TasksModule.configure({
          queue: keeping,
          config: { worker: { shutdownTimeout: "10s", grace: "2s" } },
        }),
        TasksModule.scope(stuck),
      ],
    });
    const handle = await app.get(TaskDispatcher).enqueue(stuck);
    await clock.settle();
    const stopping = app.stop();
    await clock.advance("9s");
    expect(signals).toHaveLength(0);
    await clock.advance("1s");
    expect(signals).toHaveLength(1);
    await clock.advance("2s");
    await stopping;
    const job = await backend.queue("tasks").getJob(handle.id);
    expect(job).toMatchObject({ status: "pending", attempt: 0, recoveries: 0 });
  });
});

describe("facts about jobs", () => {
  const flaky = task(
    { name: "flaky", maxRetries: 1, retry: { baseDelay: "1s" }, input: z.boolean() },
    (fine) => {
      if (!fine) throw new Error("no luck");
    },
  );

  test("reach hooks under their names, as payloads", async () => {
    await using t = await createTestApp({ tasks: [flaky] });
    const heard: [string, unknown][] = [];
    for (const name of [
      "task.queued",
      "task.enqueued",
      "task.started",
      "task.completed",
      "task.failed",
      "task.retried",
      "task.dead",
    ] as const)
      t.app.hooks.registerAction(name, (payload) => heard.push([name, payload]));
    const { id } = await t.tasks.enqueue(flaky, true);
    await t.drain();
    expect(heard.map(([name]) => name)).toEqual([
      "task.queued",
      "task.enqueued",
      "task.started",
      "task.completed",
    ]);
    for (const [, payload] of heard)
      expect(payload).toMatchObject({ taskName: "flaky", queueName: "tasks", jobId: id, taskId: id });
    heard.length = 0;
    await t.tasks.enqueue(flaky, false);
    await t.drain({ followDelays: true });
    expect(heard.map(([name]) => name)).toEqual(
      expect.arrayContaining([
        "task.started",
        "task.failed",
        "task.retried",
        "task.started",
        "task.failed",
        "task.dead",
      ]),
    );
  });

  test("reach the event bus as domain events, a failure after the last attempt only", async () => {
    await using t = await createTestApp({ tasks: [flaky] });
    const heard: DomainEvent[] = [];
    for (const type of [TaskQueuedEvent, TaskCompletedEvent, TaskFailedEvent])
      t.app.events.subscribe(type, (event: DomainEvent) => heard.push(event));
    const good = await t.tasks.enqueue(flaky, true);
    const bad = await t.tasks.enqueue(flaky, false);
    await t.drain();
    expect(heard.map(({ eventType }) => eventType)).toEqual([
      "TaskQueuedEvent",
      "TaskQueuedEvent",
      "TaskCompletedEvent",
    ]);
    expect(heard[2]).toMatchObject({
      taskId: good.id,
      workerId: expect.any(String),
      occurredAt: t.clock.now(),
    });
    await t.drain({ followDelays: true });
    expect(heard[3]).toMatchObject({
      eventType: "TaskFailedEvent",
      taskId: bad.id,
      error: { message: "no luck" },
    });
    expect(heard).toHaveLength(4);
  });

  test("cost nothing while nobody listens", async () => {
    await using app = await boot({ modules: [TasksModule.configure()] });
    const { TaskEmitter } = await import("../../src/index.ts");
    const emitter = app.get(TaskEmitter);
    expect([emitter.has("task.queued"), emitter.has("task.received")]).toEqual([false, false]);
    const undo = app.hooks.registerAction("task.enqueued", () => {});
    expect(emitter.has("task.queued")).toBe(true);
    undo();
    expect(emitter.has("task.queued")).toBe(false);
    app.events.subscribe(DomainEvent, () => {});
    expect(emitter.has("task.queued")).toBe(true);
  });

  test("never harm a job when a hook fails", async () => {
    await using t = await createTestApp({ tasks: [flaky] });
    t.app.hooks.registerAction("task.started", () => {
      throw new Error("hook");
    });
    await t.tasks.enqueue(flaky, true);
    expect((await t.drain()).completed).toBe(1);
  });

  test("keep a job alive that its handler puts off", async () => {
    let tries = 0;
    const later = task({ name: "later" }, () => {
      if (++tries < 3) throw new RetryTask({ delay: "1h", countAttempt: false });
    });
    await using t = await createTestApp({ tasks: [later] });
    await t.tasks.enqueue(later);
    expect(await t.drain({ followDelays: true })).toMatchObject({ completed: 1, retried: 2, failed: 0 });
  });
});

describe("health", () => {
  test("is the worst of all queues, each asked within a time", async () => {
    const clock = new TestClock();
    await using app = await boot({
      clock,
      modules: [TasksModule.configure({ backends: [{ name: "a" }, { name: "b" }] })],
    });
    const provider = app.get(TaskProvider);
    expect(await provider.healthCheck()).toMatchObject({
      component: "tasks",
      status: "healthy",
      details: { queues: [{ queue: "a", status: "healthy", pending: 0 }, { queue: "b" }] },
    });
    const b = app.get(named(TaskQueueProtocol, "b"));
    b.getTaskCount = () => new Promise<never>(() => {});
    const checking = provider.healthCheck(3_000);
    await clock.advance("3s");
    expect(await checking).toMatchObject({
      status: "unhealthy",
      message: expect.stringContaining('queue "b": no answer within 3000 ms'),
    });
    b.getTaskCount = () => Promise.reject(new Error("no redis://user:hunter2@host"));
    const sick = await provider.healthCheck();
    expect(sick.status).toBe("unhealthy");
    expect(JSON.stringify(sick)).not.toContain("hunter2");
  });

  test("answers liveness, readiness and startup", async () => {
    await using app = await boot({ modules: [TasksModule.configure()] });
    for (const report of [await app.liveness(), await app.readiness(), await app.startupCheck()])
      expect(report.status).toBe("healthy");
    expect((await app.liveness()).checks.map(({ component }) => component)).toContain("tasks.workers");
    expect((await app.startupCheck()).checks.map(({ component }) => component)).toContain("tasks.startup");
  });
});

describe("a queue added while the application runs", () => {
  test("is served at once, and found by its name", async () => {
    const echo = task({ name: "echo", input: z.string() }, (input) => input);
    await using app = await boot({ modules: [TasksModule.configure(), TasksModule.scope(echo)] });
    const provider = app.get(TaskProvider);
    const binding = await provider.addQueue({ name: "more", maxSize: 5 });
    expect(app.get(named(TaskQueueProtocol, "more"))).toBe(binding.queue);
    expect(await binding.queue.getPolicy()).toMatchObject({ maxSize: 5 });
    const handle = await app.get(TaskDispatcher).enqueue(echo, "hi", { queue: "more" });
    expect(await handle.result({ timeout: "5s" })).toBe("hi");
    await expect(provider.addQueue({ name: "more" })).rejects.toMatchObject({ code: "LEX_ERR_TASK_CONFIG" });
    await expect(provider.addQueue({ name: "a b" })).rejects.toMatchObject({
      fields: { path: expect.stringContaining("name") },
    });
  });

  test("keeps its dead letters with those of the others", async () => {
    const bad = task({ name: "bad", maxRetries: 0 }, () => {
      throw new Error("no luck");
    });
    await using t = await createTestApp({ tasks: [bad] });
    await t.app.get(TaskProvider).addQueue({ name: "more" });
    const letters = t.app.get(DeadLetterQueue);
    for (const queue of ["default", "more"]) await t.tasks.enqueue(bad, undefined, { queue });
    await t.drain();
    expect(await letters.size()).toBe(2);
    expect((await letters.list({ queue: "more" })).items).toHaveLength(1);
    expect(await letters.retryAll()).toBe(2);
  });

  test("that cannot be opened leaves the others alone", async () => {
    const echo = task({ name: "echo", input: z.string() }, (input) => input);
    await using app = await boot({ modules: [TasksModule.configure(), TasksModule.scope(echo)] });
    const bad = told("bad", [], { opening: new Error("no") });
    await expect(app.get(TaskProvider).addQueue({ name: "bad", backend: bad })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE",
    });
    const handle = await app.get(TaskDispatcher).enqueue(echo, "still here");
    expect(await handle.result({ timeout: "5s" })).toBe("still here");
  });
});

describe("live workers", () => {
  test("are recorded while they run, by every process on the store, and gone when they stop or die", async () => {
    const clock = new TestClock();
    const shared = memoryBackend({ clock });
    const backend: TaskBackend = { ...shared, close: async () => {} };
    const idle = task({ name: "idle" }, () => undefined);
    const start = (name: string): Promise<Application> =>
      boot({
        clock,
        modules: [
          TasksModule.configure({ queue: backend, config: { name, worker: { workerCount: 2 } } }),
          TasksModule.scope(idle),
        ],
      });
    const first = await start("first");
    await clock.advance("1s");
    const second = await start("second");
    const list = await first.get(TaskProvider).workers();
    expect(list.map(({ name }) => name)).toEqual(["first", "second"]);
    expect(list[0]).toMatchObject({
      host: expect.any(String),
      pid: process.pid,
      slots: 20,
      running: 0,
      tasks: ["idle"],
      queues: ["tasks"],
      lagMs: 0,
      startedAt: clock.now() - 1_000,
    });
    await clock.advance("1m");
    expect(await first.get(TaskProvider).workers()).toHaveLength(2);
    await second.stop();
    expect((await first.get(TaskProvider).workers()).map(({ name }) => name)).toEqual(["first"]);
    await first.stop();
  });

  test("are none in a process that only enqueues", async () => {
    await using app = await boot({ modules: [TasksModule.configure({ workerCount: 0 })] });
    expect(await app.get(TaskProvider).workers()).toEqual([]);
    expect(app.get(WorkerPool).running).toBe(false);
  });

  test("begin, where there were none, when the pool is told to have some", async () => {
    const idle = task({ name: "idle" }, () => undefined);
    await using app = await boot({
      modules: [TasksModule.configure({ workerCount: 0 }), TasksModule.scope(idle)],
    });
    const pool = app.get(WorkerPool);
    const handle = await app.get(TaskDispatcher).enqueue(idle);
    await pool.scaleTo(0);
    expect([pool.running, await handle.status()]).toEqual([false, "pending"]);
    await expect(pool.scaleTo(-1)).rejects.toMatchObject({ code: "LEX_ERR_TASK_CONFIG" });
    expect(pool.running).toBe(false);
    await pool.scaleTo(1);
    expect(await handle.result({ timeout: "5s" })).toBeUndefined();
    expect(await app.get(TaskProvider).workers()).toHaveLength(1);
    await app.stop();
    expect(pool.running).toBe(false);
  });

  test("begin with the application when their number was given before it had started", async () => {
    class Early extends Provider {
      override boot(container: Parameters<Provider["boot"]>[0]): Promise<void> {
        return container.resolve(WorkerPool).scaleTo(2);
      }
    }
    await using app = await boot({
      modules: [TasksModule.configure({ workerCount: 0 })],
      providers: [Early],
    });
    expect(app.get(WorkerPool).running).toBe(true);
    expect(await app.get(TaskProvider).workers()).toMatchObject([{ slots: 20 }]);
  });

  test.each([
    ["is disabled", { config: { enabled: false } }],
    ["is eager", { eager: true }],
  ])("never run in a process that %s", async (_what, options) => {
    await using app = await boot({ modules: [TasksModule.configure(options)] });
    await app.get(WorkerPool).scaleTo(2);
    expect(app.get(WorkerPool).running).toBe(false);
  });
});

describe("starting and stopping", () => {
  test("survives any order and number of calls", async () => {
    const idle = task({ name: "idle" }, () => undefined);
    for (let round = 0; round < 25; round++) {
      const app = new Application({
        modules: [TasksModule.configure({ workerCount: 1 + (round % 3) }), TasksModule.scope(idle)],
        logger: silentLogger,
        configFile: false,
        env: {},
      });
      if (round % 5 === 0) await app.stop();
      else {
        const starting = app.start();
        if (round % 5 === 1) await Promise.allSettled([starting, app.stop(), app.stop()]);
        else {
          await starting;
          const pool = app.get(WorkerPool);
          const enqueued = Array.from({ length: round }, () => app.get(TaskDispatcher).enqueue(idle));
          if (round % 5 === 2) await Promise.all([pool.stop(), pool.start(), pool.stop(), pool.start()]);
          if (round % 5 === 3) await pool.stop();
          await Promise.all(enqueued);
          await Promise.all([app.stop(), app.stop()]);
        }
      }
      expect(app.state).toBe("stopped");
    }
  });

  test("leaves no timer behind", async () => {
    const clock = new TestClock();
    const app = await boot({ clock, modules: [TasksModule.configure()] });
    expect(clock.pendingTimers).toBeGreaterThan(0);
    await app.stop();
    await clock.settle();
    expect(clock.pendingTimers).toBe(0);
  });
});

function gateOf(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
