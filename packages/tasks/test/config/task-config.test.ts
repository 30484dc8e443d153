import { inspect } from "node:util";
import { TaskConfigError } from "@lexigram/contracts";
import { loadConfig } from "@lexigram/kernel";
import { describe, expect, test } from "vitest";
import { TaskConfig } from "../../src/config/task-config.ts";
import type { TaskConfigOptions } from "../../src/config/task-config-options.ts";
import { taskConfigSchema } from "../../src/config/task-config-schema.ts";
import { memoryBackend } from "../../src/index.ts";

function refusal(make: () => unknown): TaskConfigError {
  try {
    make();
  } catch (error) {
    if (error instanceof TaskConfigError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const refused = (options: unknown): TaskConfigError =>
  refusal(() => new TaskConfig(options as TaskConfigOptions));

describe("the configuration of tasks", () => {
  test("has the defaults of the reference", () => {
    const config = new TaskConfig();
    expect(config).toMatchObject({
      name: "tasks",
      enabled: true,
      env: undefined,
      enqueueTimeoutMs: 10_000,
      logLevel: undefined,
      worker: {
        workerCount: 1,
        maxConcurrentTasks: 10,
        pollIntervalMs: 100,
        shutdownTimeoutMs: 30_000,
        defaultTimeoutMs: 300_000,
        maxTimeoutMs: 3_600_000,
        enforceTimeout: true,
        leaseMs: 15_000,
        graceMs: 5_000,
        prefetch: "auto",
        maxClaimBytes: 4 * 1024 * 1024,
        unknownTask: { policy: "retry", delayMs: 5_000, limit: 100 },
        requeueFloorMs: 1_000,
        heartbeatMs: 5_000,
        keeper: true,
        onBlocked: "warn",
      },
      retry: {
        maxRetries: 3,
        backoff: { strategy: "exponential", baseDelayMs: 1_000, factor: 2, maxDelayMs: 60_000, jitter: 0.25 },
      },
      results: { ttlMs: 3_600_000 },
      deadLetters: { maxSize: 10_000, retentionMs: 604_800_000 },
      payload: { maxBytes: 1_048_576, maxDepth: 64 },
      errors: { stacks: true },
      extra: {},
    });
    expect(config.queues).toEqual([
      expect.objectContaining({
        name: "tasks",
        queueName: "tasks",
        type: "memory",
        primary: true,
        policy: undefined,
      }),
    ]);
  });

  test("reads text of the environment by the type of each field, and leaves the rest text", () => {
    const env = {
      LEX_TASKS__BACKENDS__0__NAME: "007",
      LEX_TASKS__BACKENDS__0__PRIORITY: "10",
      LEX_TASKS__BACKENDS__0__CONSUME: "false",
      LEX_TASKS__BACKENDS__0__KEEP_COMPLETED: "0",
      LEX_TASKS__BACKENDS__0__TIMEOUT: "none",
      LEX_TASKS__BACKENDS__1__NAME: "second",
      LEX_TASKS__BACKENDS__1__TYPE: "redis",
      LEX_TASKS__BACKENDS__1__REDIS_URL: "redis://host:1/0",
      LEX_TASKS__WORKER__WORKER_COUNT: "4",
      LEX_TASKS__WORKER__LEASE: "1m30s",
      LEX_TASKS__WORKER__GRACE: "250",
      LEX_TASKS__RETRY__JITTER: "0.5",
    };
    const config = new TaskConfig(loadConfig({ file: false, env }).section("tasks", taskConfigSchema));
    expect(config.worker).toMatchObject({ workerCount: 4, leaseMs: 90_000, graceMs: 250 });
    expect(config.retry.backoff.jitter).toBe(0.5);
    expect(config.queues).toEqual([
      expect.objectContaining({
        name: "007",
        priority: 10,
        consume: false,
        timeoutMs: null,
        policy: { keepCompleted: 0 },
        primary: true,
      }),
      expect.objectContaining({ name: "second", settings: { redisUrl: "redis://host:1/0" }, primary: false }),
    ]);
  });

  test.each<[string, unknown, string, RegExp]>([
    ["an unknown key", { wroker: {} }, "tasks.wroker", /did you mean "worker"/],
    [
      "an unknown key of a section",
      { worker: { leese: "5s" } },
      "tasks.worker.leese",
      /did you mean "lease"/,
    ],
    [
      "an unknown key of an entry",
      { backends: [{ name: "a", concurency: 1 }] },
      "tasks.backends.0.concurency",
      /concurrency/,
    ],
    [
      "what others call the slots of a worker",
      { worker: { concurrency: 5 } },
      "tasks.worker.concurrency",
      /did you mean "maxConcurrentTasks"\?/,
    ],
    [
      "what others call the number of attempts",
      { retry: { attempts: 5 } },
      "tasks.retry.attempts",
      /did you mean "maxAttempts"\?/,
    ],
    [
      "attempts of a queue",
      { backends: [{ name: "a", attempts: 5 }] },
      "tasks.backends.0.attempts",
      /did you mean "maxRetries"\?/,
    ],
    [
      "a key of a worker in the wrong section",
      { concurrency: 5 },
      "tasks.concurrency",
      /did you mean "worker\.maxConcurrentTasks"\?/,
    ],
    [
      "a key that is near none, listing all",
      { payload: { compression: true } },
      "tasks.payload.compression",
      /there are maxBytes, maxDepth/,
    ],
    ["a key of scheduling", { scheduler: { interval: 1 } }, "tasks.scheduler.interval", /is no option/],
    ["a key that the rate has not", { rateLimit: { brust: 1 } }, "tasks.rateLimit.brust", /"burst"/],
    ["a bad duration", { worker: { lease: "5 minutes" } }, "tasks.worker.lease", /"30s"/],
    ["a negative number", { worker: { workerCount: -1 } }, "tasks.worker.workerCount", /0 or more/],
    ["half a worker", { worker: { workerCount: "1.5" } }, "tasks.worker.workerCount", /whole number/],
    ["a boolean that is none", { enabled: "maybe" }, "tasks.enabled", /true or false/],
    ["a bad queue name", { backends: [{ name: "a queue" }] }, "tasks.backends.0.name", /1 to 128 letters/],
    [
      "a name in the store that is bad",
      { backend: { queueName: "{tasks}" } },
      "tasks.backend.queueName",
      /1 to 128/,
    ],
    ["a level that is none", { logLevel: "loud" }, "tasks.logLevel", /"debug", "info"/],
    [
      "a priority beyond the scale",
      { backends: [{ name: "a", priority: 21 }] },
      "tasks.backends.0.priority",
      /0 to 20/,
    ],
    ["a share beyond one", { retry: { jitter: 2 } }, "tasks.retry.jitter", /0 to 1/],
    [
      "a backend that is none",
      { backends: [{ name: "a", backend: {} }] },
      "tasks.backends.0.backend",
      /redisBackend/,
    ],
    [
      "two names of one number",
      { retry: { maxRetries: 2, maxAttempts: 3 } },
      "tasks.retry.maxAttempts",
      /two names of one number/,
    ],
    [
      "two primaries",
      {
        backends: [
          { name: "a", primary: true },
          { name: "b", primary: true },
        ],
      },
      "tasks.backends.1.primary",
      /second primary/,
    ],
    [
      "no primary at all",
      { backends: [{ name: "a", primary: false }] },
      "tasks.backends",
      /no queue to be the primary/,
    ],
    ["a name twice", { backends: [{ name: "a" }, { name: "a" }] }, "tasks.backends.1.name", /taken/],
    [
      "a state that nobody has",
      { backends: [{ name: "mail", state: "mial" }] },
      "tasks.backends.0.state",
      /no "mial"/,
    ],
    [
      "PostgreSQL without an address",
      { backend: { type: "postgres" } },
      "tasks.backend.postgresDsn",
      /is needed/,
    ],
  ])("refuses %s, naming the field", (_what, options, path, message) => {
    const error = refused(options);
    expect(error.code).toBe("LEX_ERR_TASK_CONFIG");
    expect(error.fields.path).toBe(path);
    expect(error.message).toMatch(message);
    expect(error.hint).not.toBe("");
  });

  test("names its aliases to the one who sets them in files and environment", () => {
    const env = { LEX_TASKS__WORKER__CONCURRENCY: "5" };
    const { warnings } = loadConfig({ file: false, env }).readSection("tasks", taskConfigSchema);
    expect(warnings).toMatchObject([
      { field: "tasks.worker.concurrency", suggestion: 'did you mean "maxConcurrentTasks"?' },
    ]);
    const { errors } = loadConfig({
      defaults: { tasks: { payload: { size: 1 } } },
      file: false,
      env: {},
    }).readSection("tasks", taskConfigSchema);
    expect(errors).toMatchObject([{ suggestion: "settings of tasks.payload are maxBytes, maxDepth" }]);
  });

  test("names the nearest entry for a state that is misspelt", () => {
    expect(refused({ backends: [{ name: "mail", state: "mial" }] }).hint).toBe('did you mean "mail"?');
  });

  test("makes the first entry the primary, or the one that says so", () => {
    const primaries = (backends: TaskConfigOptions["backends"]): string[] =>
      new TaskConfig({ backends: backends! }).queues.filter(({ primary }) => primary).map(({ name }) => name);
    expect(primaries([{ name: "a" }, { name: "b" }])).toEqual(["a"]);
    expect(primaries([{ name: "a" }, { name: "b", primary: true }])).toEqual(["b"]);
    expect(primaries([{ name: "a", primary: false }, { name: "b" }])).toEqual(["b"]);
  });

  test("gives entries of backends what backend says, unless they say otherwise", () => {
    const { queues } = new TaskConfig({
      backend: { type: "redis", redisUrl: "redis://shared:6379" },
      backends: [
        { name: "a" },
        { name: "b", redisUrl: "redis://own:6379", queueName: "b:v2" },
        { name: "c", type: "memory" },
      ],
    });
    expect(queues.map(({ type, settings, queueName }) => ({ type, settings, queueName }))).toEqual([
      { type: "redis", settings: { redisUrl: "redis://shared:6379" }, queueName: "a" },
      { type: "redis", settings: { redisUrl: "redis://own:6379" }, queueName: "b:v2" },
      { type: "memory", settings: {}, queueName: "c" },
    ]);
  });

  test("counts maxAttempts with the first attempt", () => {
    expect(new TaskConfig({ retry: { maxAttempts: 1 } }).retry.maxRetries).toBe(0);
    expect(new TaskConfig({ retry: { maxAttempts: 6 } }).retry.maxRetries).toBe(5);
  });

  test("lets the section timeout win over the worker's", () => {
    const { worker } = new TaskConfig({
      worker: { defaultTimeout: "1m", maxTimeout: "2m", enforceTimeout: true },
      timeout: { defaultTimeout: "10s", maxTimeout: "20s", enforceTimeout: false },
    });
    expect(worker).toMatchObject({ defaultTimeoutMs: 10_000, maxTimeoutMs: 20_000, enforceTimeout: false });
  });

  test("is the same when what it was made from is checked again", () => {
    const config = new TaskConfig({
      worker: { lease: "20s" },
      backends: [{ name: "a", keepFailed: { age: "1d" } }],
    });
    expect(new TaskConfig(config.options)).toEqual(config);
  });

  test("hides secrets wherever it is shown", () => {
    const config = new TaskConfig({
      backends: [
        { name: "a", type: "redis", redisUrl: "redis://user:hunter2@host:1" },
        { name: "b", type: "postgres", postgresDsn: "postgres://user:hunter2@host/db" },
      ],
      extra: { apiToken: "hunter2", note: "see amqp://user:hunter2@host" },
    });
    for (const shown of [JSON.stringify(config), inspect(config), String(inspect(config, { depth: 9 }))])
      expect(shown).not.toContain("hunter2");
    expect(JSON.parse(JSON.stringify(config))).toMatchObject({
      backends: [{ name: "a", redisUrl: "***" }, { name: "b" }],
    });
  });

  test("knows its environment by either name", () => {
    expect(new TaskConfig({ env: "production" }).isProduction).toBe(true);
    expect(new TaskConfig({ env: "dev" }).isDevelopment).toBe(true);
    expect(new TaskConfig({ env: "testing" }).isTest).toBe(true);
    expect(new TaskConfig().isProduction).toBe(false);
  });
});

describe("stronger options", () => {
  test("go above the weaker field by field", () => {
    const config = new TaskConfig({ worker: { workerCount: 2, lease: "10s" }, name: "a" }).with({
      worker: { workerCount: 5 },
    });
    expect(config).toMatchObject({ name: "a", worker: { workerCount: 5, leaseMs: 10_000 } });
  });

  test("meet an entry of the same name in its place, and add those of new names at the end", () => {
    const { queues } = new TaskConfig({
      backends: [
        { name: "old", concurrency: 3 },
        { name: "mail", type: "redis", redisUrl: "redis://file:1", concurrency: 7 },
      ],
    }).with({ backends: [{ name: "mail", concurrency: 9 }, { name: "new" }] });
    expect(queues.map(({ name, concurrency, type }) => [name, concurrency, type])).toEqual([
      ["old", 3, "memory"],
      ["mail", 9, "redis"],
      ["new", undefined, "memory"],
    ]);
  });

  const primary = (weak: TaskConfigOptions["backends"], strong: TaskConfigOptions["backends"]): string[] =>
    new TaskConfig({ backends: weak! })
      .with({ backends: strong! })
      .queues.filter((queue) => queue.primary)
      .map(({ name }) => name);

  test("change the primary only when they say so", () => {
    const weak = [{ name: "a" }, { name: "b" }];
    expect(primary(weak, [{ name: "b", concurrency: 2 }, { name: "c" }])).toEqual(["a"]);
    expect(primary(weak, [{ name: "b", primary: true }])).toEqual(["b"]);
    expect(primary([{ name: "a", primary: true }, { name: "b" }], [{ name: "b", primary: true }])).toEqual([
      "b",
    ]);
    expect(primary([{ name: "a", primary: true }], [{ name: "c", primary: true }])).toEqual(["c"]);
  });

  test("that choose another store leave the address of the weaker one behind", () => {
    const weak = { type: "redis", redisUrl: "redis://code:1", extra: { tls: true } };
    const settings = (config: TaskConfig): unknown => config.queues[0]?.settings;
    const listed = new TaskConfig({ backends: [{ name: "a", ...weak }] });
    const single = new TaskConfig({ backend: weak });
    for (const [type, expected] of [
      ["memory", {}],
      ["redis", { redisUrl: "redis://code:1", tls: true }],
    ] as const) {
      expect(settings(listed.with({ backends: [{ name: "a", type }] }))).toEqual(expected);
      expect(settings(single.with({ backend: { type } }))).toEqual(expected);
    }
    const elsewhere = { redisUrl: "redis://ops:1", tls: true };
    expect(settings(listed.with({ backends: [{ name: "a", redisUrl: "redis://ops:1" }] }))).toEqual(
      elsewhere,
    );
    expect(settings(single.with({ backend: { redisUrl: "redis://ops:1" } }))).toEqual(elsewhere);
  });

  test("replace a backend that was made by their type, and leave it alone without one", () => {
    const made = memoryBackend();
    const config = new TaskConfig({ backends: [{ name: "a", backend: made, concurrency: 2 }] });
    expect(config.with({ backends: [{ name: "a", concurrency: 4 }] }).queues).toMatchObject([
      { backend: made, concurrency: 4 },
    ]);
    const replaced = config.with({ backends: [{ name: "a", type: "redis", redisUrl: "redis://ops:1" }] });
    expect(replaced.queues).toMatchObject([{ backend: undefined, type: "redis", concurrency: 2 }]);
    const addressed = config.with({ backends: [{ name: "a", redisUrl: "redis://ops:1" }] });
    expect(addressed.validateForEnvironment()).toMatchObject([
      {
        severity: "warning",
        field: "tasks.backends.0.redisUrl",
        message: expect.stringContaining("made in code"),
      },
    ]);
    expect(config.with({ backend: { type: "redis" } }).validateForEnvironment()).toMatchObject([
      { severity: "warning", field: "tasks.backend", message: expect.stringContaining("made in code") },
    ]);
  });

  test("replace a time limit under either of its names", () => {
    const limit = (weak: TaskConfigOptions, strong: TaskConfigOptions): number =>
      new TaskConfig(weak).with(strong).worker.defaultTimeoutMs;
    const [asTimeout, asWorker] = [
      (defaultTimeout: "1m" | "2m") => ({ timeout: { defaultTimeout } }),
      (defaultTimeout: "1m" | "2m") => ({ worker: { defaultTimeout } }),
    ] as const;
    expect(limit(asTimeout("1m"), asWorker("2m"))).toBe(120_000);
    expect(limit(asWorker("1m"), asTimeout("2m"))).toBe(120_000);
  });

  test("replace maxRetries by maxAttempts, and the other way round", () => {
    expect(
      new TaskConfig({ retry: { maxRetries: 1 } }).with({ retry: { maxAttempts: 9 } }).retry.maxRetries,
    ).toBe(8);
    expect(
      new TaskConfig({ retry: { maxAttempts: 9 } }).with({ retry: { maxRetries: 1 } }).retry.maxRetries,
    ).toBe(1);
  });

  test("are checked like any others", () => {
    expect(refusal(() => new TaskConfig().with({ worker: { lease: "soon" as never } })).fields.path).toBe(
      "tasks.worker.lease",
    );
  });
});

describe("the rules of a queue", () => {
  const policyOf = (entry: object, options: TaskConfigOptions = {}): unknown =>
    new TaskConfig({ ...options, backends: [{ name: "a", ...entry }] }).queues[0]?.policy;

  test("are left alone in the store when the entry names none", () => {
    expect(policyOf({ concurrency: 3, weight: 2, maxRetries: 1 })).toBeUndefined();
  });

  test("are put together from the entry", () => {
    expect(
      policyOf({
        maxSize: 50,
        aging: "1m",
        keepCompleted: { age: "10m" },
        keepFailed: { count: 5 },
        policy: {
          concurrency: 4,
          rate: { rate: 100 },
          perTask: { "email.send": { concurrency: 1, rate: { rate: 0.5, per: "1m", burst: 2 } } },
          perKey: { concurrency: 1, order: "fifo", fair: true, onFailure: "block" },
        },
      }),
    ).toEqual({
      maxSize: 50,
      agingMs: 60_000,
      keepCompleted: { ageMs: 600_000, count: 1_000 },
      keepFailed: { ageMs: 604_800_000, count: 5 },
      concurrency: 4,
      rate: { rate: 100, perMs: 1_000, burst: 100 },
      perTask: { "email.send": { concurrency: 1, rate: { rate: 0.5, perMs: 60_000, burst: 2 } } },
      perKey: { concurrency: 1, order: "fifo", fair: true, onFailure: "block" },
    });
  });

  test("take the bounds of dead letters that were configured for all, unless the entry has its own", () => {
    const options: TaskConfigOptions = { deadLetters: { maxSize: 3 } };
    expect(policyOf({}, options)).toEqual({ keepFailed: { ageMs: 604_800_000, count: 3 } });
    expect(policyOf({ keepFailed: { age: "1h" } }, options)).toEqual({
      keepFailed: { ageMs: 3_600_000, count: 3 },
    });
    expect(policyOf({ keepFailed: 0 }, options)).toEqual({ keepFailed: 0 });
  });
});
