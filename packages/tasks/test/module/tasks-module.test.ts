import {
  named,
  silentLogger,
  StateStoreProtocol,
  TaskExecutorProtocol,
  TaskQueueProtocol,
  token,
  type Token,
} from "@lexigram/contracts";
import {
  Application,
  type BootOptions,
  inject,
  injectable,
  module,
  optional,
  Provider,
} from "@lexigram/kernel";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  DeadLetterQueue,
  HandlerRegistry,
  memoryBackend,
  MemoryTaskQueue,
  MetricsMiddleware,
  ProgressStore,
  ProgressTrackerProtocol,
  type Runnable,
  ResultStore,
  TaskBackendRegistry,
  type TaskClass,
  TaskConfig,
  type TaskContext,
  TaskDashboard,
  TaskDispatcher,
  TaskEmitter,
  TaskMiddlewarePipeline,
  TaskProvider,
  TasksModule,
  type TasksOptions,
  handles,
  task,
  WorkerPool,
} from "../../src/index.ts";
import { TestClock } from "../../src/testing.ts";

const boot = (options: BootOptions): Promise<Application> =>
  Application.boot({ logger: silentLogger, configFile: false, env: {}, ...options });

const bootTasks = (options: TasksOptions, ...scope: (Runnable | TaskClass)[]): Promise<Application> =>
  boot({ modules: [TasksModule.configure(options), TasksModule.scope(...scope)] });

const add = task({ name: "add", input: z.object({ a: z.number(), b: z.number() }) }, ({ a, b }) => a + b);

describe("an application with tasks", () => {
  test("runs a job enqueued by an injected dispatcher, and by queues injected by name", async () => {
    @injectable()
    class Orders {
      constructor(
        @inject(TaskDispatcher) readonly tasks: TaskDispatcher,
        @inject(TaskQueueProtocol) readonly queue: TaskQueueProtocol,
        @inject(named(TaskQueueProtocol, "mail")) readonly mails: TaskQueueProtocol,
        @inject(named(StateStoreProtocol, "mail")) readonly state: StateStoreProtocol,
      ) {}
    }
    @module({
      imports: [
        TasksModule.configure({ backends: [{ name: "main" }, { name: "mail" }] }),
        TasksModule.scope(add),
      ],
      providers: [Orders],
    })
    class AppModule {}
    await using app = await boot({ modules: [AppModule] });
    const { tasks, queue, mails, state } = app.get(Orders);
    expect([queue.name, mails.name]).toEqual(["main", "mail"]);
    const handle = await tasks.enqueue(add, { a: 1, b: 2 });
    expect(await handle.result({ timeout: "5s" })).toBe(3);
    const body = { data: JSON.stringify({ v: 1, input: { a: 2, b: 2 } }), encoding: "json" };
    await mails.enqueue({ id: "by-hand", task: "add", body, headers: {}, priority: 5 });
    expect(await tasks.handle("mail", "by-hand").result({ timeout: "5s" })).toBe(4);
    expect((await state.put("k", 1)).stored).toBe(true);
  });

  test("makes a scoped class anew for each attempt, with what it injects, and disposes of it", async () => {
    const told: string[] = [];
    let made = 0;
    @injectable({ lifetime: "scoped" })
    class Unit {
      readonly n = ++made;
      [Symbol.dispose](): void {
        told.push(`unit ${this.n} is gone`);
      }
    }
    @injectable()
    class Shared {
      readonly name = "shared";
    }
    @injectable({ lifetime: "scoped" })
    class Work {
      constructor(
        @inject(Unit) readonly unit: Unit,
        @inject(Shared) readonly shared: Shared,
        @optional(Nobody) readonly nobody: Nobody | undefined,
      ) {}
      @task({ input: z.string() }) run(input: string, ctx: TaskContext): string {
        told.push(`unit ${this.unit.n} runs ${input} of ${ctx.job.task}`);
        return `${this.shared.name} ${this.nobody === undefined}`;
      }
    }
    @module({ imports: [TasksModule.configure(), TasksModule.scope(Work)], providers: [Unit, Shared] })
    class AppModule {}
    await using app = await boot({ modules: [AppModule] });
    const tasks = app.get(TaskDispatcher);
    for (const input of ["a", "b"]) {
      const handle = await tasks.of(Work).run(input);
      expect(await handle.result({ timeout: "5s" })).toBe("shared true");
    }
    expect(told).toEqual([
      "unit 1 runs a of Work.run",
      "unit 1 is gone",
      "unit 2 runs b of Work.run",
      "unit 2 is gone",
    ]);
  });

  test("lets several applications of one module tree live side by side", async () => {
    @module({ imports: [TasksModule.configure(), TasksModule.scope(add)] })
    class AppModule {}
    await using first = await boot({ modules: [AppModule] });
    await using second = await boot({ modules: [AppModule] });
    expect(first.get(TaskProvider)).not.toBe(second.get(TaskProvider));
    await second.stop();
    const handle = await first.get(TaskDispatcher).enqueue(add, { a: 1, b: 1 });
    expect(await handle.result({ timeout: "5s" })).toBe(2);
  });

  test("takes any number of scopes, of any module", async () => {
    const one = task({ name: "one" }, () => 1);
    const two = task({ name: "two" }, () => 2);
    const contract = task({ name: "three", output: z.number() });
    class Three {
      @handles(contract) three(): number {
        return 3;
      }
    }
    @module({ imports: [TasksModule.scope(two, Three)] })
    class Feature {}
    await using app = await boot({
      modules: [TasksModule.configure(), TasksModule.scope(one), TasksModule.scope(), Feature],
    });
    expect(app.get(HandlerRegistry).names()).toEqual(["one", "three", "two"]);
    const handle = await app.get(TaskDispatcher).enqueue(contract);
    expect(await handle.result({ timeout: "5s" })).toBe(3);
  });

  test("refuses a scope without a configured module, before what it injects is missed", async () => {
    @injectable()
    class Orders {
      constructor(@inject(TaskDispatcher) readonly tasks: TaskDispatcher) {}
    }
    await expect(boot({ modules: [TasksModule.scope(add)], providers: [Orders] })).rejects.toMatchObject({
      code: "LEX_ERR_TASK_CONFIG",
      message: expect.stringContaining("TasksModule.scope(add) needs TasksModule.configure()"),
      hint: expect.stringContaining("TasksModule.configure()"),
    });
    await using app = await boot({ modules: [TasksModule.scope(add)], providers: [new TaskProvider()] });
    expect(app.get(HandlerRegistry).names()).toEqual(["add"]);
  });

  test("says in which scopes a task is listed twice", async () => {
    class Work {
      @task({ name: "work" }) work(): void {}
    }
    const twice = (...modules: ReturnType<typeof TasksModule.scope>[]): Promise<Application> =>
      boot({ modules: [TasksModule.configure(), ...modules] });
    const other = task({ name: "other" }, () => undefined);
    for (const [modules, message] of [
      [
        [TasksModule.scope(add), TasksModule.scope(other, add)],
        'task "add" is listed twice: in TasksModule.scope(add) and in TasksModule.scope(other, add)',
      ],
      [
        [TasksModule.scope(Work), TasksModule.scope(Work, other)],
        "class Work is listed twice: in TasksModule.scope(Work) and in TasksModule.scope(Work, other)",
      ],
    ] as const)
      await expect(twice(...modules)).rejects.toMatchObject({
        hint: expect.stringContaining("one scope"),
        cause: { code: "LEX_ERR_TASK_REGISTRATION", message },
      });
  });

  test("finds out before it boots that a class of a scope cannot be made", async () => {
    @injectable({ lifetime: "singleton" })
    class Keeps {
      constructor(@inject(PerAttempt) readonly unit: PerAttempt) {}
      @task({ name: "keeps" }) run(): void {}
    }
    @injectable()
    class Lacks {
      constructor(@inject(Nobody) readonly nobody: Nobody) {}
      @task({ name: "lacks" }) run(): void {}
    }
    let booted = false;
    class Slow extends Provider {
      override boot(): void {
        booted = true;
      }
    }
    for (const [owner, code] of [
      [Keeps, "LEX_ERR_CONTAINER_SCOPE"],
      [Lacks, "LEX_ERR_CONTAINER_MISSING"],
    ] as const)
      await expect(
        boot({
          modules: [TasksModule.configure(), TasksModule.scope(owner)],
          providers: [PerAttempt, Slow],
        }),
      ).rejects.toMatchObject({ code });
    expect(booted).toBe(false);
  });

  test("offers its services by their tokens", async () => {
    await using app = await bootTasks({});
    const provider = app.get(TaskProvider);
    expect(app.get(TaskExecutorProtocol)).toBe(app.get(HandlerRegistry));
    expect(app.get(HandlerRegistry)).toBe(provider.handlers);
    expect(app.get(TaskBackendRegistry)).toBe(provider.backends);
    for (const service of [
      TaskDispatcher,
      WorkerPool,
      TaskMiddlewarePipeline,
      ResultStore,
      ProgressStore,
      DeadLetterQueue,
      TaskDashboard,
      TaskEmitter,
      MetricsMiddleware,
      TaskConfig,
    ])
      expect(app.get(service as abstract new () => object)).toBeInstanceOf(service);
    for (const one of [ProgressTrackerProtocol, StateStoreProtocol, TaskQueueProtocol] as Token<unknown>[])
      expect(app.get(one)).toBe(app.get(one));
    expect(app.get(named(TaskQueueProtocol, "tasks"))).toBe(app.get(TaskQueueProtocol));
  });

  test("serves delay() of what it lists while it runs", async () => {
    const alone = task({ name: "alone" }, () => "done");
    await expect(alone.delay()).rejects.toMatchObject({ code: "LEX_ERR_TASK_REGISTRATION" });
    {
      await using _app = await bootTasks({}, alone);
      expect(await (await alone.delay()).result({ timeout: "5s" })).toBe("done");
    }
    await expect(alone.delay()).rejects.toMatchObject({ code: "LEX_ERR_TASK_REGISTRATION" });
  });

  test("counts and lists what ran", async () => {
    await using app = await bootTasks({}, add);
    const handle = await app.get(TaskDispatcher).enqueue(add, { a: 1, b: 1 });
    await handle.result({ timeout: "5s" });
    expect(app.get(MetricsMiddleware).getStats().totalExecuted).toBe(1);
    expect(app.get(TaskProvider).getWorkerStats()).toHaveLength(1);
    expect(await app.get(ResultStore).get(handle.id)).toMatchObject({ status: "ok", value: 2 });
  });
});

describe("TasksModule.configure", () => {
  test("takes a backend as its primary queue, and closes it at the end", async () => {
    const backend = memoryBackend();
    const app = await bootTasks({ queue: backend }, add);
    const handle = await app.get(TaskDispatcher).enqueue(add, { a: 1, b: 1 });
    expect(await handle.result({ timeout: "5s" })).toBe(2);
    await app.stop();
    expect((await backend.health()).status).toBe("unhealthy");
  });

  test("takes a queue that was made elsewhere", async () => {
    const queue = new MemoryTaskQueue({ name: "mine" });
    const app = await bootTasks({ queue }, add);
    expect(app.get(named(TaskQueueProtocol, "mine"))).toBe(app.get(TaskQueueProtocol));
    const handle = await app.get(TaskDispatcher).enqueue(add, { a: 1, b: 1 });
    expect(await handle.result({ timeout: "5s" })).toBe(2);
    await app.stop();
    await expect(queue.getTaskCount()).rejects.toMatchObject({ code: "LEX_ERR_TASK_CLOSED" });
  });

  test("runs jobs where they are enqueued, and no worker, when eager", async () => {
    const where: string[] = [];
    const here = task({ name: "here" }, (ctx) => void where.push(ctx.job.task));
    await using app = await bootTasks({ eager: true }, here);
    await app.get(TaskDispatcher).enqueue(here);
    expect(where).toEqual(["here"]);
    expect(app.get(WorkerPool).running).toBe(false);
    expect(await app.get(TaskProvider).workers()).toEqual([]);
  });

  test("wraps jobs in the middleware it is given, the first outermost, inside the built-in", async () => {
    const told: string[] = [];
    await using app = await bootTasks(
      {
        middleware: [
          async (context, next) => {
            told.push(`in ${context.phase}`);
            const value = await next();
            told.push(`out ${context.phase}`);
            return value;
          },
          { beforeExecute: (context) => void told.push(`before ${String(context.metadata["timeoutMs"])}`) },
        ],
      },
      add,
    );
    const handle = await app.get(TaskDispatcher).enqueue(add, { a: 1, b: 1 });
    await handle.result({ timeout: "5s" });
    // A worker may be quicker than the answer to the one who enqueued.
    expect(told.filter((line) => line.endsWith("enqueue"))).toEqual(["in enqueue", "out enqueue"]);
    expect(told.filter((line) => !line.endsWith("enqueue"))).toEqual([
      "in process",
      "before 300000",
      "out process",
    ]);
  });

  test("writes bodies with the codec it is given", async () => {
    const base64 = {
      encoding: "base64",
      encode: (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64"),
      decode: (data: string | Uint8Array) =>
        JSON.parse(Buffer.from(String(data), "base64").toString()) as unknown,
    };
    await using app = await bootTasks({ codecs: [base64], codec: "base64" }, add);
    const handle = await app.get(TaskDispatcher).enqueue(add, { a: 3, b: 4 });
    expect(await handle.result({ timeout: "5s" })).toBe(7);
    expect((await handle.job())?.body.encoding).toBe("base64");
  });

  test("puts its own options above those of its config", async () => {
    await using app = await bootTasks({
      workerCount: 3,
      env: "staging",
      config: { worker: { workerCount: 2, lease: "7s" } },
    });
    expect(app.get(TaskConfig)).toMatchObject({ env: "staging", worker: { workerCount: 3, leaseMs: 7_000 } });
    expect(app.get(WorkerPool).getPoolStats().poolSize).toBe(3);
  });

  test("takes a TaskConfig", async () => {
    await using app = await bootTasks({ config: new TaskConfig({ name: "billing" }) });
    expect(app.get(TaskConfig).name).toBe("billing");
  });
});

describe("TasksModule.testing", () => {
  test("keeps jobs in memory until a test runs them, on a clock of its own, under either name", async () => {
    for (const factory of ["testing", "stub"] as const) {
      await using app = await boot({
        modules: [TasksModule[factory]({ backends: [{ name: "q", type: "redis" }] }), TasksModule.scope(add)],
      });
      expect(app.get(TestClock).monotonic()).toBe(0);
      const handle = await app.get(TaskDispatcher).enqueue(add, { a: 1, b: 1 });
      expect(await handle.status()).toBe("pending");
      expect(app.get(WorkerPool).getPoolStats().poolSize).toBe(1);
      await app.get(WorkerPool).start();
      expect(await handle.result()).toBe(2);
    }
  });

  test("uses the application's clock when that is a test's", async () => {
    const clock = new TestClock();
    await using app = await boot({ modules: [TasksModule.testing()], clock });
    expect(app.get(TestClock)).toBe(clock);
  });

  test("runs workers when it is told to", async () => {
    await using app = await boot({
      modules: [TasksModule.testing({ mode: "workers" }), TasksModule.scope(add)],
    });
    const handle = await app.get(TaskDispatcher).enqueue(add, { a: 1, b: 1 });
    expect(await handle.result()).toBe(2);
  });
});

@injectable({ lifetime: "scoped" })
class PerAttempt {}

interface Nobody {
  readonly nothing: true;
}
const Nobody: Token<Nobody> = token("Nobody");
