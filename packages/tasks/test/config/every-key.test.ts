import { once } from "node:events";
import {
  type Clock,
  type Logger,
  named,
  ok,
  type OutboxProtocol,
  QueueUnavailableError,
  RemoteTaskError,
  silentLogger,
  StateStoreProtocol,
  systemClock,
  type TaskBackend,
  TaskQueueProtocol,
} from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { taskConfigSchema } from "../../src/config/task-config-schema.ts";
import {
  IdempotencyManager,
  IdempotentTaskManager,
  LockManager,
  memoryBackend,
  RejectTask,
  task,
  TaskConfig,
  type TaskConfigOptions,
  TaskDispatcher,
  TaskProvider,
  TaskScheduler,
  TasksModule,
  WorkerPool,
} from "../../src/index.ts";
import { createTestApp, type TestApp, TestClock, type TestMode } from "../../src/testing.ts";

const machine = vi.hoisted(() => ({ load: 0.5 }));
vi.mock("node:os", async (original) => ({
  ...(await original<object>()),
  loadavg: () => [machine.load, 0, 0],
  availableParallelism: () => 4,
}));

// A key of configuration that nothing reads is worse than none. Each key of the schema has a proof here, and a new one
// without a proof fails the first test.

type Entry = NonNullable<TaskConfigOptions["backends"]>[number];
type Proof = () => Promise<void>;

const any = z.any();
const done = task({ name: "done", input: any }, () => undefined);
const fails = task({ name: "fails" }, () => {
  throw new Error("no luck with password=hunter2");
});
const hangs = task(
  { name: "hangs", input: any },
  (_input, ctx) =>
    new Promise<never>((_resolve, reject) =>
      ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason as Error)),
    ),
);
const order: string[] = [];
const orderly = task({ name: "orderly", input: z.string() }, (input) => void order.push(input));
const rejects = task({ name: "rejects" }, () => {
  throw new RejectTask({ requeue: true });
});
const ALL = [done, fails, hangs, orderly, rejects];

async function within(
  config: TaskConfigOptions,
  body: (t: TestApp) => Promise<void>,
  mode: TestMode = "manual",
): Promise<void> {
  order.length = 0;
  await using t = await createTestApp({ tasks: ALL, config, mode });
  await body(t);
}

const withEntry = (
  entry: Partial<Entry>,
  body: (t: TestApp) => Promise<void>,
  mode?: TestMode,
): Promise<void> => within({ backends: [{ name: "q", ...entry }] }, body, mode);

/** An application on the machine's own path, over backends of a test. */
async function started(
  config: TaskConfigOptions,
  clock: Clock = new TestClock(),
  logger: Logger = silentLogger,
): Promise<Application> {
  return Application.boot({
    modules: [TasksModule.configure({ config }), TasksModule.scope(...ALL)],
    configFile: false,
    env: {},
    clock,
    logger,
  });
}

/** What a backend's factory is given. */
async function settingsFor(type: string, config: TaskConfigOptions): Promise<unknown> {
  let given: unknown;
  const provider = TaskProvider.fromConfig(config);
  // In the place of a package that is not installed here.
  provider.backends.create = (_type, settings) => {
    expect(_type).toBe(type);
    given = settings;
    return Promise.resolve(memoryBackend());
  };
  await using _app = await Application.boot({
    providers: [provider],
    configFile: false,
    env: {},
    logger: silentLogger,
  });
  return given;
}

/** What workers ask a queue for. */
async function claims(
  worker: TaskConfigOptions["worker"],
): Promise<{ leaseMs: number; ahead: number; maxBytes: number; waits: number[] }> {
  const clock = new TestClock();
  const inner = memoryBackend({ clock });
  const waits: number[] = [];
  let claim = { leaseMs: 0, ahead: 0, maxBytes: 0 };
  const backend: TaskBackend = {
    ...inner,
    queue(name) {
      const queue = inner.queue(name);
      const exchange = queue.exchange.bind(queue);
      const waitForWork = queue.waitForWork.bind(queue);
      queue.exchange = (request) => {
        claim = { ...request.claim, ahead: Math.max(claim.ahead, request.claim.ahead) };
        return exchange(request);
      };
      queue.waitForWork = (maxMs, signal) => {
        waits.push(maxMs);
        return waitForWork(maxMs, signal);
      };
      return queue;
    },
  };
  await using app = await started(
    { ...(worker === undefined ? {} : { worker }), backends: [{ name: "q", backend }] },
    clock,
  );
  await app.get(TaskDispatcher).enqueueMany(Array.from({ length: 50 }, () => ({ task: done, input: 1 })));
  await clock.advance("1s");
  return { ...claim, waits };
}

/** The waits between the attempts of a job that always fails. */
async function waits(config: TaskConfigOptions): Promise<number[]> {
  const found: number[] = [];
  await within(config, async (t) => {
    const handle = await t.tasks.enqueue(fails);
    for (;;) {
      await t.drain();
      const job = await handle.job();
      if (job?.runAt === undefined || job.status === "failed") return;
      found.push(job.runAt - t.clock.now());
      await t.clock.advance(job.runAt - t.clock.now());
    }
  });
  return found;
}

/** After how many milliseconds an attempt that hangs has ended by its time limit; undefined: not within three hours. */
async function timeLimit(config: TaskConfigOptions, timeout?: "10h" | null): Promise<number | undefined> {
  let found: number | undefined;
  await within(
    { ...config, retry: { maxRetries: 0 } },
    async (t) => {
      await t.tasks.enqueue(hangs, 1, timeout === undefined ? {} : { timeout });
      await t.clock.settle();
      for (let ms = 0; ms < 10_800_000 && t.events.every(({ event }) => event !== "task.dead"); ms += 600_000)
        await t.clock.advance(600_000);
      const dead = t.events.find(({ event }) => event === "task.dead");
      if (dead === undefined) return;
      const job = await t.queue().list({ status: "failed", limit: 1 });
      const [{ startedAt = 0, finishedAt = 0 } = {}] = job.items;
      found = finishedAt - startedAt;
    },
    "workers",
  );
  return found;
}

/** How many attempts run at once of 8 jobs that hang. */
const atOnce = async (config: TaskConfigOptions, key?: string): Promise<number> => {
  let running = 0;
  await within(
    config,
    async (t) => {
      for (let i = 0; i < 8; i++) await t.tasks.enqueue(hangs, i, key === undefined ? {} : { key });
      await t.clock.settle();
      running = t.app.get(WorkerPool).getPoolStats().running;
    },
    "workers",
  );
  return running;
};

/** How many of 30 jobs start at once, and within ten seconds. */
async function starts(policy: Entry["policy"], key?: string): Promise<[number, number]> {
  const found: number[] = [];
  await withEntry(
    { policy: policy ?? {} },
    async (t) => {
      for (let i = 0; i < 30; i++) await t.tasks.enqueue(done, i, key === undefined ? {} : { key });
      const started = (): number => t.events.filter(({ event }) => event === "task.started").length;
      await t.clock.settle();
      found.push(started());
      await t.clock.advance("10s");
      found.push(started());
    },
    "workers",
  );
  return found as [number, number];
}

const rateProofs = (
  at: string,
  policy: (rate: { rate: number; per?: "10s"; burst?: number }) => Entry["policy"],
  key?: string,
): Record<string, Proof> => ({
  [`${at}.rate`]: async () => expect(await starts(policy({ rate: 1 }), key)).toEqual([1, 11]),
  [`${at}.per`]: async () => expect(await starts(policy({ rate: 1, per: "10s" }), key)).toEqual([1, 2]),
  [`${at}.burst`]: async () => expect(await starts(policy({ rate: 1, burst: 4 }), key)).toEqual([4, 14]),
});

/** How many of 30 jobs, on two queues by turns, start at once, and within ten seconds. */
async function startsOverall(config: TaskConfigOptions): Promise<[number, number]> {
  const found: number[] = [];
  await within(
    { backends: [{ name: "q" }, { name: "r" }], ...config },
    async (t) => {
      for (let i = 0; i < 30; i++) await t.tasks.enqueue(done, i, { queue: i % 2 === 0 ? "q" : "r" });
      const started = (): number => t.events.filter(({ event }) => event === "task.started").length;
      await t.clock.settle();
      found.push(started());
      await t.clock.advance("10s");
      found.push(started());
    },
    "workers",
  );
  return found as [number, number];
}

const overallProofs = (
  at: string,
  config: (rate: { rate: number; per?: "10s"; burst?: number }) => TaskConfigOptions,
): Record<string, Proof> => ({
  [`${at}.rate`]: async () => expect(await startsOverall(config({ rate: 1 }))).toEqual([1, 11]),
  [`${at}.per`]: async () => expect(await startsOverall(config({ rate: 1, per: "10s" }))).toEqual([1, 2]),
  [`${at}.burst`]: async () => expect(await startsOverall(config({ rate: 1, burst: 4 }))).toEqual([4, 14]),
});

/** How many jobs that fail have run one after the other, at once and within each of two times ten seconds. */
async function broken(circuitBreaker: NonNullable<Entry["circuitBreaker"]>, jobs = 6): Promise<number[]> {
  const found: number[] = [];
  await within(
    { backends: [{ name: "q", circuitBreaker }], retry: { maxRetries: 0 } },
    async (t) => {
      for (let i = 0; i < jobs; i++) {
        await t.tasks.enqueue(fails);
        await t.clock.settle();
      }
      for (let i = 0; i < 3; i++) {
        found.push(t.events.filter(({ event }) => event === "task.failed").length);
        await t.clock.advance("10s");
      }
    },
    "workers",
  );
  return found;
}

/** How many of three jobs start while the machine and the loop are so busy, and in the end. */
async function busyStarts(worker: TaskConfigOptions["worker"], load: number, lagMs = 0): Promise<number[]> {
  machine.load = load;
  const base = new TestClock();
  let skew = 0;
  const clock: Clock = {
    now: () => base.now(),
    monotonic: () => base.monotonic() + skew,
    setTimer: (callback, delayMs) => base.setTimer(callback, delayMs),
  };
  try {
    await using app = await started(worker === undefined ? {} : { worker }, clock);
    let ran = 0;
    const tasks = app.get(TaskDispatcher);
    tasks.on("task.started", () => void ran++);
    skew += lagMs;
    await base.advance("1s");
    for (let i = 0; i < 3; i++) await tasks.enqueue(done, i);
    await base.settle();
    const found = [ran];
    machine.load = 0;
    await base.advance("2s");
    return [...found, ran];
  } finally {
    machine.load = 0.5;
  }
}

/** The exit code of an application that has stopped by itself, and after how many milliseconds; -1: not in an hour. */
async function recycled(worker: TaskConfigOptions["worker"]): Promise<[number | undefined, number]> {
  const clock = new TestClock();
  await using app = await started(worker === undefined ? {} : { worker }, clock);
  for (let ms = 0; ms < 3_600_000; ms += 60_000) {
    await clock.advance(60_000);
    if (app.state !== "running") return [app.exitCode, ms + 60_000];
  }
  return [app.exitCode, -1];
}

const backoffProofs = (
  at: string,
  config: (retry: NonNullable<Entry["retry"]>) => TaskConfigOptions,
): Record<string, Proof> => ({
  [`${at}.strategy`]: async () =>
    expect(await waits(config({ strategy: "linear", jitter: 0 }))).toEqual([1_000, 2_000, 3_000]),
  [`${at}.baseDelay`]: async () =>
    expect(await waits(config({ baseDelay: "3s", jitter: 0 }))).toEqual([3_000, 6_000, 12_000]),
  [`${at}.factor`]: async () =>
    expect(await waits(config({ factor: 5, jitter: false }))).toEqual([1_000, 5_000, 25_000]),
  [`${at}.maxDelay`]: async () =>
    expect(await waits(config({ maxDelay: "1500ms", jitter: 0 }))).toEqual([1_000, 1_500, 1_500]),
  [`${at}.jitter`]: async () => {
    expect(await waits(config({ jitter: 0 }))).toEqual([1_000, 2_000, 4_000]);
    expect(await waits(config({ jitter: 1, baseDelay: "1h", maxDelay: "1h" }))).not.toEqual([
      3_600_000, 3_600_000, 3_600_000,
    ]);
  },
});

const timeProofs = (section: "worker" | "timeout"): Record<string, Proof> => ({
  [`${section}.defaultTimeout`]: async () =>
    expect(await timeLimit({ [section]: { defaultTimeout: "7m" } })).toBe(420_000),
  [`${section}.maxTimeout`]: async () =>
    expect(await timeLimit({ [section]: { maxTimeout: "20m" } }, "10h")).toBe(1_200_000),
  [`${section}.enforceTimeout`]: async () => {
    expect(await timeLimit({ [section]: { enforceTimeout: true } }, null)).toBe(3_600_000);
    expect(await timeLimit({ [section]: { enforceTimeout: false } }, null)).toBeUndefined();
  },
});

async function unknown(
  unknownTask: NonNullable<NonNullable<TaskConfigOptions["worker"]>["unknownTask"]>,
  body: (t: TestApp, id: string) => Promise<void>,
): Promise<void> {
  await within({ worker: { unknownTask } }, async (t) => {
    const { id } = await t.tasks.enqueue("nobody-knows");
    await t.drain();
    await body(t, id);
  });
}

/** When a handler that hangs is aborted after `stop`, and when the stop is over. */
async function stopping(
  worker: NonNullable<TaskConfigOptions["worker"]>,
): Promise<[aborted: number, stopped: number]> {
  const clock = new TestClock();
  let aborted = -1;
  const deaf = task({ name: "deaf" }, (ctx) => {
    ctx.signal.addEventListener("abort", () => (aborted = clock.monotonic()));
    return new Promise<never>(() => {});
  });
  const app = await Application.boot({
    modules: [TasksModule.configure({ config: { worker } }), TasksModule.scope(deaf)],
    configFile: false,
    env: {},
    clock,
    logger: silentLogger,
  });
  await app.get(TaskDispatcher).enqueue(deaf);
  await clock.settle();
  let stopped = -1;
  const stop = app.stop().then(() => (stopped = clock.monotonic()));
  await clock.advance("2m");
  await stop;
  return [aborted, stopped];
}

/** How often a backend is asked how a side thread may renew leases. */
async function keepersAsked(worker: NonNullable<TaskConfigOptions["worker"]>): Promise<number> {
  let asked = 0;
  const backend: TaskBackend = {
    ...memoryBackend(),
    keeper() {
      asked++;
      return {
        module: "data:text/javascript,export const leaseExtender = () => ({ close() {} })",
        data: null,
      };
    },
  };
  await using _app = await started({ backends: [{ name: "work", backend }], worker }, systemClock);
  return asked;
}

async function blockedWarnings(onBlocked: "warn" | "ignore" | "exit"): Promise<number> {
  const base = new TestClock();
  let skew = 0;
  const clock: Clock = {
    now: () => base.now(),
    monotonic: () => base.monotonic() + skew,
    setTimer: (callback, delayMs) => base.setTimer(callback, delayMs),
  };
  let warned = 0;
  const logger: Logger = {
    ...silentLogger,
    warn: (message) => (warned += Number(message.includes("blocked"))),
  };
  await using _app = await started({ worker: { onBlocked } }, clock, logger);
  skew = 10_000;
  await base.advance("5s");
  return warned;
}

async function deadLetters(config: TaskConfigOptions, body: (t: TestApp) => Promise<void>): Promise<void> {
  await within({ ...config, retry: { maxRetries: 0 } }, async (t) => {
    for (let i = 0; i < 3; i++) await t.tasks.enqueue(fails);
    await t.drain();
    await body(t);
  });
}

/** What a schedule of every hour has fired when the scheduler starts after two and a half. */
async function madeUpFor(
  scheduler: NonNullable<TaskConfigOptions["scheduler"]>,
  misfire: "once" | "skip",
): Promise<number> {
  const clock = new TestClock();
  const backend = memoryBackend({ clock });
  const open = (): TaskBackend => ({ ...backend, close: async () => {} });
  const first = await started({ backends: [{ name: "q", backend: open() }] }, clock);
  await first.get(TaskScheduler).scheduleJob("done", "0 * * * *", { id: "s", misfire });
  await first.close();
  await clock.advance(9_000_000);
  await using app = await started({ scheduler, backends: [{ name: "q", backend: open() }] }, clock);
  await clock.settle();
  return (await app.get(TaskQueueProtocol).stats()).counts.completed;
}

const fifo = { order: "fifo" } as const;

const PROOFS: Record<string, Proof> = {
  name: () =>
    within({ name: "billing" }, async (t) => {
      expect(await t.app.get(TaskProvider).healthCheck()).toMatchObject({ component: "billing" });
    }),
  enabled: async () => {
    await using app = await started({ enabled: false });
    expect(app.get(WorkerPool).running).toBe(false);
  },
  env: async () => {
    const config: TaskConfigOptions = { env: "production", backend: { type: "redis" } };
    await expect(started(config)).rejects.toMatchObject({
      code: "LEX_ERR_TASK_CONFIG",
      fields: { path: "tasks.backend.redisUrl" },
    });
  },
  enqueueTimeout: async () => {
    const clock = new TestClock();
    const inner = memoryBackend({ clock });
    let options: unknown;
    const away: TaskBackend = {
      ...inner,
      queue(name, given) {
        options = given;
        const enqueueMany: TaskQueueProtocol["enqueueMany"] = () =>
          Promise.reject(
            new QueueUnavailableError({ queue: name, retryable: true, accepted: "no", ids: [] }),
          );
        return Object.assign(inner.queue(name, given), { enqueueMany });
      },
    };
    await using app = await started(
      { enqueueTimeout: "3s", backends: [{ name: "q", backend: away }] },
      clock,
    );
    expect(options).toEqual({ enqueueTimeoutMs: 3_000 });
    let ended: unknown;
    const enqueuing = app
      .get(TaskDispatcher)
      .enqueue(done, 1)
      .catch((error: unknown) => (ended = error));
    await clock.advance("2999ms");
    expect(ended).toBeUndefined();
    await clock.advance("1ms");
    await enqueuing;
    expect(ended).toMatchObject({ code: "LEX_ERR_TASK_QUEUE_UNAVAILABLE" });
  },
  logLevel: async () => {
    const lines: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      info: (message) => lines.push(message),
      debug: (message) => lines.push(message),
    };
    for (const logLevel of ["debug", "info"] as const) {
      lines.length = 0;
      await using t = await createTestApp({ tasks: ALL, config: { logLevel }, logger });
      await t.tasks.enqueue(done, 1);
      await t.drain();
      expect(lines.filter((line) => line.startsWith("task "))).toEqual(
        logLevel === "debug" ? ["task started", "task succeeded"] : [],
      );
    }
  },
  extra: () =>
    within({ extra: { mine: [1] } }, async (t) => {
      expect(t.app.get(TaskConfig).extra).toEqual({ mine: [1] });
    }),

  "scheduler.enabled": async () => {
    await using app = await started({ scheduler: { enabled: false } });
    expect(app.get(TaskScheduler).running).toBe(false);
  },
  "scheduler.checkInterval": async () => {
    const clock = new TestClock();
    const backend = memoryBackend({ clock });
    const config: TaskConfigOptions = {
      worker: { workerCount: 0 },
      scheduler: { checkInterval: "40s" },
      backends: [{ name: "q", backend: { ...backend, close: async () => {} } }],
    };
    await using app = await started(config, clock);
    await using other = await started(
      {
        ...config,
        scheduler: { enabled: false },
        backends: [{ name: "q", backend: { ...backend, close: async () => {} } }],
      },
      clock,
    );
    await clock.settle();
    await other.get(TaskScheduler).scheduleJob("done", { every: "5s" }, { id: "s", misfire: "all" });
    const enqueued = async (): Promise<number> => app.get(TaskQueueProtocol).getTaskCount();
    await clock.advance("39s");
    expect(await enqueued()).toBe(0);
    await clock.advance("1s");
    expect(await enqueued()).toBe(8);
  },
  "scheduler.timezone": async () => {
    await using app = await started({ scheduler: { timezone: "Asia/Tokyo" } });
    await app.get(TaskScheduler).scheduleJob("done", "0 12 * * *", "s");
    expect((await app.get(TaskScheduler).getScheduledJob("s"))?.nextRun).toEqual(
      new Date("2030-01-01T03:00:00Z"),
    );
    expect(() => new TaskConfig({ scheduler: { timezone: "Asia/Tokio" } })).toThrow(
      expect.objectContaining({
        fields: { path: "tasks.scheduler.timezone" },
        hint: "did you mean Asia/Tokyo?",
      }),
    );
  },
  "scheduler.misfireThreshold": async () => {
    expect(await madeUpFor({}, "skip")).toBe(0);
    expect(await madeUpFor({ misfireThreshold: "31m" }, "skip")).toBe(1);
  },
  "scheduler.misfireWindow": async () => {
    expect(await madeUpFor({}, "once")).toBe(1);
    // A schedule takes its window with it when it is stored.
    const clock = new TestClock();
    await using app = await started({ scheduler: { misfireWindow: "3s" } }, clock);
    const scheduler = app.get(TaskScheduler);
    await scheduler.scheduleJob("done", "0 * * * *", "s");
    await scheduler.stopScheduler();
    await clock.advance("1h30m");
    await scheduler.startScheduler();
    await clock.settle();
    expect((await app.get(TaskQueueProtocol).stats()).counts.completed).toBe(0);
  },

  "locks.ttl": async () => {
    const clock = new TestClock();
    await using app = await started({ locks: { ttl: "5s" } }, clock);
    const lock = await app.get(LockManager).acquire("a", { renew: false });
    await clock.advance("4s");
    expect(lock.held).toBe(true);
    await clock.advance("1s");
    expect(lock.held).toBe(false);
  },
  "locks.pollInterval": async () => {
    const clock = new TestClock();
    await using app = await started({ locks: { pollInterval: "20s" } }, clock);
    const locks = app.get(LockManager);
    await locks.acquire("a", { ttl: "1h" });
    const waiting = locks.acquire("a");
    await clock.advance("1s");
    // What nobody tells of is found by the poll.
    await app.get(StateStoreProtocol).delete("locks:a");
    let held = false;
    void waiting.then(() => (held = true));
    await clock.advance("18s");
    expect(held).toBe(false);
    await clock.advance("2s");
    expect((await waiting).held).toBe(true);
  },
  "idempotency.ttl": async () => {
    const clock = new TestClock();
    await using app = await started({ idempotency: { ttl: "1h" }, worker: { workerCount: 0 } }, clock);
    const [keys, tasks] = [app.get(IdempotencyManager), app.get(IdempotentTaskManager)];
    await keys.run("a", async () => 1);
    await tasks.submit(done, 1);
    await clock.advance("59m");
    expect(await keys.run("a", async () => 2)).toBe(1);
    expect((await tasks.submit(done, 1)).status).toBe("duplicate");
    await clock.advance("1m");
    expect(await keys.run("a", async () => 2)).toBe(2);
    expect((await tasks.submit(done, 1)).status).toBe("submitted");
  },
  "idempotency.lease": async () => {
    const clock = new TestClock();
    await using app = await started({ idempotency: { lease: "7s" } }, clock);
    const [keys, state] = [app.get(IdempotencyManager), app.get(StateStoreProtocol)];
    await keys.acquire("a");
    expect((await state.get("idempotency:a"))?.expiresInMs).toBe(7_000);
  },

  "backend.type": async () => expect(await settingsFor("mine", { backend: { type: "mine" } })).toEqual({}),
  "backend.redisUrl": async () =>
    expect(await settingsFor("redis", { backend: { type: "redis", redisUrl: "redis://h" } })).toEqual({
      redisUrl: "redis://h",
    }),
  "backend.amqpUrl": async () =>
    expect(await settingsFor("amqp", { backend: { type: "amqp", amqpUrl: "amqp://h" } })).toEqual({
      amqpUrl: "amqp://h",
    }),
  "backend.postgresDsn": async () =>
    expect(
      await settingsFor("postgres", { backend: { type: "postgres", postgresDsn: "postgres://h/d" } }),
    ).toEqual({ postgresDsn: "postgres://h/d" }),
  "backend.extra": async () => {
    expect(await settingsFor("redis", { backend: { type: "redis", extra: { tls: true } } })).toEqual({
      redisUrl: "redis://localhost:6379",
      tls: true,
    });
    // Who names the server in another way gets no URL beside it.
    const extra = { sentinel: { name: "main", sentinels: [{ host: "a", port: 1 }] } };
    expect(await settingsFor("redis", { backend: { type: "redis", extra } })).toEqual(extra);
  },
  "backend.queueName": async () => {
    await using app = await started({ backend: { queueName: "mine" } });
    expect(app.get(TaskQueueProtocol).name).toBe("mine");
  },

  "backends[].name": () =>
    withEntry({ name: "mails" }, async (t) => {
      expect(t.app.get(named(TaskQueueProtocol, "mails"))).toBe(t.queue());
    }),
  "backends[].primary": () =>
    within({ backends: [{ name: "a" }, { name: "b", primary: true }] }, async (t) => {
      expect(t.app.get(TaskQueueProtocol)).toBe(t.queue("b"));
    }),
  "backends[].backend": async () => {
    const backend = memoryBackend();
    await using app = await started({ backends: [{ name: "q", backend }] });
    expect(app.get(StateStoreProtocol)).toBe(backend.state);
  },
  "backends[].type": async () =>
    expect(await settingsFor("mine", { backends: [{ name: "q", type: "mine" }] })).toEqual({}),
  "backends[].redisUrl": async () =>
    expect(
      await settingsFor("redis", { backends: [{ name: "q", type: "redis", redisUrl: "redis://h" }] }),
    ).toEqual({ redisUrl: "redis://h" }),
  "backends[].amqpUrl": async () =>
    expect(
      await settingsFor("rabbitmq", { backends: [{ name: "q", type: "rabbitmq", amqpUrl: "amqp://h" }] }),
    ).toEqual({ amqpUrl: "amqp://h" }),
  "backends[].postgresDsn": async () =>
    expect(
      await settingsFor("postgres", {
        backends: [{ name: "q", type: "postgres", postgresDsn: "postgres://h" }],
      }),
    ).toEqual({ postgresDsn: "postgres://h" }),
  "backends[].extra": async () =>
    expect(await settingsFor("mine", { backends: [{ name: "q", type: "mine", extra: { a: 1 } }] })).toEqual({
      a: 1,
    }),
  "backends[].queueName": async () => {
    await using app = await started({ backends: [{ name: "q", queueName: "q:v2" }] });
    expect(app.get(named(TaskQueueProtocol, "q")).name).toBe("q:v2");
  },
  "backends[].state": async () => {
    const [a, b] = [memoryBackend(), memoryBackend()];
    await using app = await started({
      backends: [
        { name: "a", backend: a, state: "b" },
        { name: "b", backend: b },
      ],
    });
    expect(app.get(named(StateStoreProtocol, "a"))).toBe(b.state);
  },
  "backends[].host": async () => {
    const backend = memoryBackend();
    await using app = await started({ backends: [{ name: "a", queueName: "files", host: "h1", backend }] });
    expect(app.get(TaskQueueProtocol).name).toBe("files.h1");
  },
  "backends[].outbox": async () => {
    const stored: unknown[] = [];
    const outbox: OutboxProtocol = {
      add: async (transaction, jobs) => {
        stored.push(transaction, ...jobs.map(({ task: name }) => name));
        return jobs.map(({ id }) => ok({ id, outcome: "accepted" }));
      },
      take: async () => ({ state: "empty" }),
      rename: async () => {},
      release: async () => {},
      waitForJobs: async (_maxMs, signal) => void (signal.aborted || (await once(signal, "abort"))),
      close: async () => {},
    };
    const names: string[] = [];
    const backend: TaskBackend = { ...memoryBackend(), outbox: (name) => (names.push(name), outbox) };
    await using app = await started({
      backends: [
        { name: "a", backend: memoryBackend(), outbox: "b" },
        { name: "b", backend },
      ],
    });
    const transaction = {};
    await app.get(TaskDispatcher).enqueue(done, 1, { transaction });
    expect(names).toEqual(["a"]);
    expect(stored).toEqual([transaction, "done"]);
  },
  "backends[].consume": () =>
    withEntry(
      { consume: false },
      async (t) => {
        const handle = await t.tasks.enqueue(done, 1);
        await t.clock.advance("1m");
        expect(await handle.status()).toBe("pending");
      },
      "workers",
    ),
  "backends[].concurrency": async () =>
    expect(await atOnce({ backends: [{ name: "q", concurrency: 3 }] })).toBe(3),
  "backends[].weight": () =>
    within(
      { worker: { maxConcurrentTasks: 1, prefetch: 0 }, backends: [{ name: "a", weight: 3 }, { name: "b" }] },
      async (t) => {
        for (let i = 0; i < 40; i++)
          for (const queue of ["a", "b"]) await t.tasks.enqueue(orderly, queue, { queue });
        await t.drain();
        const share = order.slice(0, 40).filter((queue) => queue === "a").length;
        expect(share).toBeGreaterThanOrEqual(27);
        expect(share).toBeLessThanOrEqual(33);
      },
    ),
  "backends[].maxSize": () =>
    withEntry({ maxSize: 2 }, async (t) => {
      for (let i = 0; i < 2; i++) await t.tasks.enqueue(done, i);
      await expect(t.tasks.enqueue(done, 2)).rejects.toMatchObject({
        code: "LEX_ERR_TASK_QUEUE_FULL",
        fields: { capacity: 2 },
      });
    }),
  "backends[].timeout": async () =>
    expect(await timeLimit({ backends: [{ name: "q", timeout: "9m" }] })).toBe(540_000),
  "backends[].maxRetries": async () =>
    expect(await waits({ backends: [{ name: "q", maxRetries: 1 }] })).toHaveLength(1),
  ...backoffProofs("backends[].retry", (retry) => ({ backends: [{ name: "q", retry }] })),
  "backends[].priority": () =>
    withEntry({ priority: 17 }, async (t) => {
      expect((await (await t.tasks.enqueue(done, 1)).job())?.priority).toBe(17);
    }),
  "backends[].aging": async () => {
    const inner = memoryBackend();
    const policies: unknown[] = [];
    const queue = (name: string): TaskQueueProtocol =>
      Object.assign(inner.queue(name), {
        setPolicy: (policy: unknown) => Promise.resolve(void policies.push(policy)),
      });
    await using _app = await started({
      backends: [{ name: "q", aging: "2s", backend: { ...inner, queue } }],
    });
    expect(policies).toEqual([{ agingMs: 2_000 }]);
  },
  "backends[].keepCompleted": () =>
    withEntry({ keepCompleted: 0 }, async (t) => {
      const handle = await t.tasks.enqueue(done, 1);
      await t.drain();
      expect(await handle.job()).toBeUndefined();
    }),
  "backends[].keepFailed": () =>
    deadLetters({ backends: [{ name: "q", keepFailed: { count: 2 } }] }, async (t) => {
      expect(await t.queue().deadLetters.size()).toBe(2);
    }),
  "backends[].policy.concurrency": async () =>
    expect(await atOnce({ backends: [{ name: "q", policy: { concurrency: 2 } }] })).toBe(2),
  ...rateProofs("backends[].policy.rate", (rate) => ({ rate })),
  "backends[].policy.perTask{}.concurrency": async () =>
    expect(
      await atOnce({ backends: [{ name: "q", policy: { perTask: { hangs: { concurrency: 4 } } } }] }),
    ).toBe(4),
  ...rateProofs("backends[].policy.perTask{}.rate", (rate) => ({ perTask: { done: { rate } } })),
  "backends[].policy.perKey.concurrency": async () =>
    expect(await atOnce({ backends: [{ name: "q", policy: { perKey: { concurrency: 5 } } }] }, "k")).toBe(5),
  ...rateProofs("backends[].policy.perKey.rate", (rate) => ({ perKey: { rate } }), "k"),
  "backends[].policy.perKey.order": () =>
    withEntry({ policy: { perKey: fifo } }, async (t) => {
      await t.tasks.enqueue(fails, undefined, { key: "k" });
      await t.tasks.enqueue(orderly, "second", { key: "k" });
      await t.drain();
      expect(order).toEqual([]);
      await t.drain({ followDelays: true });
      expect(order).toEqual(["second"]);
    }),
  "backends[].policy.perKey.fair": () =>
    within(
      { worker: { maxConcurrentTasks: 1 }, backends: [{ name: "q", policy: { perKey: { fair: true } } }] },
      async (t) => {
        for (const key of ["a", "a", "a", "b"]) await t.tasks.enqueue(orderly, key, { key });
        await t.drain();
        expect(order).toEqual(["a", "b", "a", "a"]);
      },
    ),
  "backends[].policy.perKey.onFailure": () =>
    withEntry({ maxRetries: 0, policy: { perKey: { ...fifo, onFailure: "block" } } }, async (t) => {
      await t.tasks.enqueue(fails, undefined, { key: "k" });
      await t.tasks.enqueue(orderly, "second", { key: "k" });
      expect(await t.drain()).toMatchObject({ failed: 1, completed: 0, left: { pending: 1 } });
    }),

  "worker.workerCount": () =>
    within({ worker: { workerCount: 3 } }, async (t) => {
      expect(t.app.get(TaskProvider).getWorkerStats()).toHaveLength(3);
    }),
  "worker.maxConcurrentTasks": async () =>
    expect(await atOnce({ worker: { workerCount: 2, maxConcurrentTasks: 3 } })).toBe(6),
  "worker.pollInterval": async () => {
    const first = Math.min(...(await claims({ pollInterval: "70ms" })).waits);
    expect(first).toBeLessThanOrEqual(70);
    expect(Math.min(...(await claims({ pollInterval: "900ms" })).waits)).toBeGreaterThan(first);
  },
  "worker.shutdownTimeout": async () => expect((await stopping({ shutdownTimeout: "12s" }))[0]).toBe(12_000),
  "worker.grace": async () =>
    expect(await stopping({ shutdownTimeout: "1s", grace: "9s" })).toEqual([1_000, 10_000]),
  ...timeProofs("worker"),
  "worker.lease": async () => expect((await claims({ lease: "33s" })).leaseMs).toBe(33_000),
  "worker.prefetch": async () => {
    expect((await claims({ prefetch: 7 })).ahead).toBe(7);
    expect((await claims({ prefetch: 0 })).ahead).toBe(0);
  },
  "worker.maxClaimBytes": async () => expect((await claims({ maxClaimBytes: 12_345 })).maxBytes).toBe(12_345),
  "worker.unknownTask.policy": () =>
    unknown({ policy: "dead-letter" }, async (t, id) => {
      expect((await t.queue().deadLetters.get(id))?.reason).toBe("unknown-task");
    }),
  "worker.unknownTask.delay": () =>
    unknown({ delay: "42s" }, async (t, id) => {
      expect((await t.queue().getJob(id))?.runAt).toBe(t.clock.now() + 42_000);
    }),
  "worker.unknownTask.limit": () =>
    unknown({ limit: 1 }, async (t, id) => {
      await t.drain({ followDelays: true });
      expect(await t.queue().getJob(id)).toMatchObject({ status: "failed", deferrals: 1 });
    }),
  "worker.requeueFloor": () =>
    within({ worker: { requeueFloor: "13s" } }, async (t) => {
      const handle = await t.tasks.enqueue(rejects);
      await t.drain();
      expect((await handle.job())?.runAt).toBe(t.clock.now() + 13_000);
    }),
  "worker.heartbeat": () =>
    within(
      { worker: { heartbeat: "2s" } },
      async (t) => {
        await t.clock.advance("10s");
        expect(t.events.filter(({ event }) => event === "worker.heartbeat")).toHaveLength(5);
      },
      "workers",
    ),
  "worker.keeper": async () => {
    expect([await keepersAsked({}), await keepersAsked({ keeper: false })]).toEqual([1, 0]);
  },
  "worker.onBlocked": async () => {
    const warned = [
      await blockedWarnings("warn"),
      await blockedWarnings("ignore"),
      await blockedWarnings("exit"),
    ];
    expect(warned).toEqual([1, 0, 1]);
    // What ends the process is somebody who sees it blocked.
    await expect(started({ worker: { onBlocked: "exit", keeper: false } })).rejects.toThrow(
      /worker.onBlocked/,
    );
  },

  "worker.maxLoad": async () => {
    expect(await busyStarts({ maxLoad: 2 }, 3)).toEqual([0, 3]);
    expect(await busyStarts({ maxLoad: 2 }, 1)).toEqual([3, 3]);
    // As many as there are CPUs, which are four here.
    expect(await busyStarts({ maxLoad: -1 }, 5)).toEqual([0, 3]);
    expect(await busyStarts({ maxLoad: -1 }, 3)).toEqual([3, 3]);
  },
  "worker.maxLag": async () => {
    expect(await busyStarts({ maxLag: "200ms" }, 0, 300)).toEqual([0, 3]);
    expect(await busyStarts({ maxLag: "400ms" }, 0, 300)).toEqual([3, 3]);
  },
  "worker.maxRunTime": async () => {
    expect(await recycled({ maxRunTime: "5m" })).toEqual([0, 300_000]);
    expect(await recycled({})).toEqual([undefined, -1]);
  },
  "worker.recycleExitCode": async () =>
    expect(await recycled({ maxRunTime: "5m", recycleExitCode: 3 })).toEqual([3, 300_000]),

  "rateLimit.enabled": async () => {
    expect(await startsOverall({ rateLimit: { enabled: true, rate: 2 } })).toEqual([2, 22]);
    expect(await startsOverall({ rateLimit: { enabled: false, rate: 2 } })).toEqual([30, 30]);
  },
  ...overallProofs("rateLimit", (rate) => ({ rateLimit: { enabled: true, ...rate } })),
  ...overallProofs("limits{}.rate", (rate) => ({ limits: { all: { rate } } })),
  "limits{}.concurrency": async () => expect(await atOnce({ limits: { all: { concurrency: 2 } } })).toBe(2),
  "limits{}.queues": async () => {
    const limit = { rate: { rate: 1, per: "1h" } } as const;
    expect(await startsOverall({ limits: { one: { queues: ["q"], ...limit } } })).toEqual([16, 16]);
    const env = { limits: { one: { queues: "q, r", ...limit } } } as unknown as TaskConfigOptions;
    expect(await startsOverall(env)).toEqual([1, 1]);
  },
  "backends[].circuitBreaker.failures": async () => expect((await broken({ failures: 2 }))[0]).toBe(2),
  "backends[].circuitBreaker.resetTimeout": async () =>
    expect(await broken({ failures: 1, resetTimeout: "10s" })).toEqual([1, 2, 3]),
  "backends[].circuitBreaker.halfOpenProbes": async () =>
    expect((await broken({ failures: 1, resetTimeout: "10s", halfOpenProbes: 2 }))[1]).toBe(3),
  "backends[].circuitBreaker.isFailure": async () =>
    expect((await broken({ failures: 1, isFailure: () => false }))[0]).toBe(6),

  ...timeProofs("timeout"),

  "retry.maxRetries": async () => expect(await waits({ retry: { maxRetries: 2 } })).toHaveLength(2),
  "retry.maxAttempts": async () => expect(await waits({ retry: { maxAttempts: 2 } })).toHaveLength(1),
  ...backoffProofs("retry", (retry) => ({ retry })),

  "results.ttl": () =>
    within({ results: { ttl: "10m" } }, async (t) => {
      const handle = await t.tasks.enqueue(done, 1);
      await t.drain();
      await t.clock.advance("9m");
      expect(await handle.status()).toBe("completed");
      await t.clock.advance("2m");
      expect(await handle.job()).toBeUndefined();
    }),
  "deadLetters.maxSize": () =>
    deadLetters({ deadLetters: { maxSize: 2 } }, async (t) => {
      expect(await t.queue().deadLetters.size()).toBe(2);
    }),
  "deadLetters.retention": () =>
    deadLetters({ deadLetters: { retention: "1h" } }, async (t) => {
      await t.clock.advance("59m");
      expect(await t.queue().deadLetters.size()).toBe(3);
      await t.clock.advance("2m");
      await t.drain();
      expect(await t.queue().deadLetters.size()).toBe(0);
    }),
  "payload.maxBytes": () =>
    within({ payload: { maxBytes: 100 } }, async (t) => {
      await expect(t.tasks.enqueue(done, "x".repeat(200))).rejects.toMatchObject({
        code: "LEX_ERR_TASK_VALIDATION",
      });
    }),
  "payload.maxDepth": () =>
    within({ payload: { maxDepth: 2 } }, async (t) => {
      await t.tasks.enqueue(done, [[1]]);
      await expect(t.tasks.enqueue(done, [[[1]]])).rejects.toMatchObject({ code: "LEX_ERR_TASK_VALIDATION" });
    }),
  "errors.stacks": async () => {
    for (const stacks of [true, false])
      await deadLetters({ errors: { stacks } }, async (t) => {
        const [letter] = (await t.queue().deadLetters.list()).items;
        expect(typeof letter?.error.stack).toBe(stacks ? "string" : "undefined");
      });
  },
  "errors.redact": () =>
    deadLetters({ errors: { redact: (text) => text.replaceAll("luck", "####") } }, async (t) => {
      const [letter] = (await t.queue().deadLetters.list()).items;
      expect(letter?.error.message).toContain("no #### with password=***");
    }),
};

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
}

/** The paths of all values that a schema reads. */
function paths(schema: z.ZodType, at = ""): string[] {
  const { type, shape, innerType, element, valueType } = schema._zod.def as unknown as Definition;
  if (innerType !== undefined && type === "optional") return paths(innerType, at);
  if (element !== undefined) return paths(element, `${at}[]`);
  if (shape !== undefined)
    return Object.entries(shape).flatMap(([key, inner]) => paths(inner, at === "" ? key : `${at}.${key}`));
  const isRecord =
    type === "record" &&
    valueType !== undefined &&
    (valueType._zod.def as unknown as Definition).type === "object";
  return isRecord ? paths(valueType, `${at}{}`) : [at];
}

describe("each key of configuration", () => {
  test("has a proof, and each proof a key", () => {
    expect(Object.keys(PROOFS).sort()).toEqual(paths(taskConfigSchema).sort());
  });

  test.each(Object.entries(PROOFS))("%s has its effect", async (_key, proof) => {
    expect.hasAssertions();
    await proof();
  });
});

test("what a test throws for a failed job says why", async () => {
  await within({ retry: { maxRetries: 0 } }, async (t) => {
    await t.tasks.enqueue(fails);
    const draining = t.drain({ throwOnFailure: true });
    await expect(draining).rejects.toBeInstanceOf(RemoteTaskError);
    await expect(draining).rejects.toThrow(/no luck/);
  });
});
