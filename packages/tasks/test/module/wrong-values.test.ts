import { LexigramError, silentLogger, systemClock, TASK_ERROR_CODES } from "@lexigram/contracts";
import { Application } from "@lexigram/kernel";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import * as tasks from "../../src/index.ts";
import * as testing from "../../src/testing.ts";

/** What callers without types pass by mistake. */
const WRONG: Readonly<Record<string, unknown>> = {
  undefined,
  null: null,
  "a number": 5,
  "not a number": Number.NaN,
  "a negative number": -1,
  "a text": "zz zz",
  "an empty text": "",
  "a symbol": Symbol("s"),
  "a bigint": 5n,
  true: true,
  "an array": [],
  "an array of null": [null],
  "an empty object": {},
  "an unknown option": { zz: 1 },
  "a function": () => 1,
  "an invalid date": new Date(Number.NaN),
  "an object without prototype": Object.create(null) as unknown,
};

const CODES = new Set([...Object.keys(TASK_ERROR_CODES), "LEX_ERR_DURATION_INVALID"]);

/** What was refused in another way than with an error of the list, its fields and a hint. */
function complaint(thrown: unknown): string | undefined {
  if (!(thrown instanceof LexigramError)) return `threw ${String(thrown)}`;
  if (!CODES.has(thrown.code)) return `has the code ${thrown.code}`;
  if (thrown.hint === "") return `has no hint: ${thrown.message}`;
  return Object.keys(thrown.fields).length === 0 ? `has no fields: ${thrown.message}` : undefined;
}

const ended = AbortSignal.abort(
  new tasks.ClosedError({ resource: "the caller" }, { hint: "a wait of this test" }),
);
const t1 = tasks.task({ name: "t1", input: z.any() }, (input: unknown) => input);
const app = await Application.boot({
  modules: [tasks.TasksModule.configure({}), tasks.TasksModule.scope(t1)],
  logger: silentLogger,
  configFile: false,
  env: {},
});
afterAll(() => app.stop());

const dispatcher = app.get(tasks.TaskDispatcher);
const queue = new tasks.MemoryTaskQueue();
const state = new tasks.MemoryStateStore({ clock: systemClock });
const call = { session: "s", seq: 1 };
const claim = { slots: 0, ahead: 0, leaseMs: 1_000, maxBytes: 10 };
const error = { name: "E", message: "m" };
const job = { id: "j", task: "t", body: { data: "1", encoding: "json" }, headers: {}, priority: 5 };
const info = { jobId: "j", current: 0, total: 0, status: "running", message: "" } as const;

/** An object with its methods, and for each sound arguments. */
const METHODS: Readonly<Record<string, readonly [target: object, methods: Record<string, unknown[]>]>> = {
  queue: [
    queue,
    {
      enqueue: [job],
      enqueueMany: [[job], call],
      exchange: [{ ...call, settle: [], started: [], claim }],
      extend: [[], 1_000],
      waitForWork: [1, ended],
      setPolicy: [{}],
      cancel: ["x"],
      update: ["x", { priority: 1 }],
      getJob: ["x"],
      deleteJob: ["x"],
      list: [{ status: "pending", limit: 1 }],
      listActive: [{}],
      count: ["pending"],
      clear: [{}],
      results: [["x"]],
      onSettled: [["x"], ended],
      dequeue: [{}],
      ack: ["x"],
      nack: ["x", {}],
      settleIn: [{}, {}],
    },
  ],
  "queue.deadLetters": [
    queue.deadLetters,
    {
      add: [job, error, "manual"],
      get: ["x"],
      list: [{}],
      retry: ["x"],
      retryAll: [{}],
      remove: ["x"],
      purge: [1],
    },
  ],
  "state store": [
    state,
    {
      get: ["k"],
      put: ["k", 1, {}],
      touch: ["k", { ttlMs: 1 }],
      delete: ["k", {}],
      list: ["p", {}],
      increment: ["n", 1, {}],
      takeTokens: [[{ key: "k", rate: 1, perMs: 1, burst: 1 }], 1],
      acquire: ["k", { holder: "h", limit: 1, n: 1, ttlMs: 1 }],
      release: ["k", { holder: "h" }],
      publish: ["t", 1],
      subscribe: ["t", ended],
    },
  ],
  dispatcher: [
    dispatcher,
    {
      enqueue: [t1, 1, {}],
      tryEnqueue: [t1, 1, {}],
      enqueueMany: [[{ task: t1, input: 1 }]],
      of: [class {}],
      handle: ["tasks", "x"],
      within: [{ job: { id: "x" }, headers: {} }],
      on: ["task.started", () => 1],
    },
  ],
  "a definition": [t1, { signature: [1, {}], applyAsync: [dispatcher, 1, {}], delay: [1, {}] }],
  "the module": [tasks.TasksModule, { configure: [{}], scope: [t1], testing: [{}] }],
  "result store in memory": [
    new tasks.InMemoryResultStore(),
    {
      store: ["j", { status: "ok" }, {}],
      get: ["j"],
      delete: ["j"],
      wait: ["j", { signal: ended }],
      list: ["ok", {}],
    },
  ],
  "result store in state": [
    new tasks.CacheBackendResultStore(state),
    { store: ["j", { status: "ok" }, {}], get: ["j"], delete: ["j"], list: ["ok", {}] },
  ],
  "results of a queue": [
    new tasks.QueueResultStore(queue),
    { store: [], get: ["j"], delete: ["j"], list: ["ok", {}], listFailed: [{}] },
  ],
  "dead letter queue": [
    new tasks.DeadLetterQueue(queue),
    { add: [job, error, {}], get: ["j"], list: [{}], retry: ["j"], remove: ["j"], purge: [1] },
  ],
  "progress tracker": [
    new tasks.InMemoryProgressTracker(),
    {
      begin: ["j"],
      release: [{}],
      update: ["j", 1, 2, "m", {}],
      complete: ["j", "m"],
      fail: ["j", "e"],
      get: ["j"],
    },
  ],
  "progress store": [
    new tasks.CacheBackendProgressStore(state),
    { save: [{}], read: ["j"], delete: ["j"], listActive: [{}], changes: ["j", ended] },
  ],
  pool: [
    new tasks.WorkerPool({ queues: queue, handlers: new tasks.HandlerRegistry(), size: 0 }),
    { stop: [{}], scaleTo: [0] },
  ],
  handlers: [
    new tasks.HandlerRegistry(),
    { register: ["h", () => 1, {}], registerClass: [class {}], require: ["h"], execute: [{ name: "h" }, {}] },
  ],
  dashboard: [new tasks.TaskDashboard(), { recordExecution: [{ taskName: "t" }] }],
  codecs: [
    new tasks.CodecRegistry(),
    { encode: [{ v: 1 }, "it"], decode: [job.body], decodeValue: [job.body] },
  ],
  pipeline: [new tasks.TaskMiddlewarePipeline(), { use: [() => 1], add: [{}], execute: [job, () => 1] }],
  backends: [
    new tasks.TaskBackendRegistry(),
    {
      register: ["own", () => tasks.memoryBackend()],
      create: ["memory", {}, { clock: systemClock, random: () => 0 }],
    },
  ],
  emitter: [new tasks.TaskEmitter(silentLogger), { on: ["task.started", () => 1], has: ["task.started"] }],
  "what is exported": [
    { ...tasks, ...testing },
    {
      task: [{ name: "t" }, () => 1],
      handles: [tasks.task({ name: "c" })],
      memoryBackend: [{}],
      isPending: [{ status: "pending" }],
      isRunning: [{ status: "pending" }],
      isCompleted: [{ status: "pending" }],
      isFailed: [{ status: "pending" }],
      durationMs: [{ status: "pending" }],
      canRetry: [{ status: "pending", attempt: 1 }, 1],
      testContext: [{}],
    },
  ],
};

/** Classes, each with sound arguments of its constructor. */
const CLASSES: Readonly<Record<string, unknown[]>> = {
  MemoryTaskQueue: [{}],
  MemoryStateStore: [{ clock: systemClock }],
  InMemoryResultStore: [{}],
  CacheBackendResultStore: [state, {}],
  QueueResultStore: [queue, {}],
  InMemoryProgressStore: [{}],
  CacheBackendProgressStore: [state, {}],
  SharedProgressTracker: [new tasks.InMemoryProgressStore(), {}],
  ProgressInfo: [info],
  DeadLetterQueue: [queue, {}],
  FailureRecord: [{}],
  TaskDashboard: [{}],
  TaskHealth: [{}],
  ExecutionRecord: [{}],
  WorkerJobStats: ["w", systemClock],
  TaskEmitter: [silentLogger],
  HandlerRegistry: [{}],
  QueueSet: [[]],
  TaskDispatcher: [{}],
  TaskBackendRegistry: [{}],
  WorkerPool: [{ queues: queue, handlers: new tasks.HandlerRegistry() }],
  TaskWorker: [{ queue, handlers: new tasks.HandlerRegistry() }],
  CodecRegistry: [{}],
  TaskSignature: [{ name: "t" }, 1, {}],
  RetryTask: [{}],
  RejectTask: [{}],
  DiscardTask: [{}],
  LoggingMiddleware: [silentLogger],
  MetricsMiddleware: [{}],
  TimeoutMiddleware: [{}],
  TaskConfig: [{}],
  TestClock: [{}],
};

/** Options, each alone, of what is called with an object of them. */
const OPTIONS: Readonly<Record<string, readonly [fields: string[], call: (options: never) => unknown]>> = {
  enqueue: [
    [
      "queue",
      "priority",
      "delay",
      "runAt",
      "id",
      "expiresIn",
      "deadline",
      "headers",
      "correlationId",
      "unique",
    ],
    (options) => dispatcher.enqueue(t1, 1, options),
  ],
  "enqueue, more": [
    [
      "idempotencyKey",
      "key",
      "maxRetries",
      "retry",
      "timeout",
      "labels",
      "dependsOn",
      "barrier",
      "resultTtl",
    ],
    (options) => dispatcher.enqueue(t1, 1, options),
  ],
  "handle.result": [["timeout"], (options) => ended && dispatcher.handle("tasks", "x").result(options)],
  "handle.result, a signal": [
    ["signal"],
    (options: object) => dispatcher.handle("tasks", "x").result({ timeout: 1, ...options }),
  ],
  "task()": [
    ["queue", "input", "priority", "maxRetries", "retry", "timeout", "unique", "key", "ackMode", "labels"],
    (options: object) => tasks.task({ name: "o", ...options }, () => 1),
  ],
  configure: [
    ["queue", "backends", "workerCount", "env", "middleware", "codecs", "config"],
    (options) => tasks.TasksModule.configure(options),
  ],
  MemoryTaskQueue: [
    ["name", "maxSize", "policy", "clock", "random", "enqueueTimeoutMs"],
    (options) => new tasks.MemoryTaskQueue(options),
  ],
  memoryBackend: [["clock", "random", "faults"], (options) => tasks.memoryBackend(options)],
  CodecRegistry: [["codecs", "default", "maxPayloadBytes"], (options) => new tasks.CodecRegistry(options)],
  "new job": [
    [
      "id",
      "task",
      "body",
      "headers",
      "priority",
      "delayMs",
      "key",
      "unique",
      "dependsOn",
      "barrier",
      "notifies",
    ],
    (options: object) => queue.enqueue({ ...job, ...options }),
  ],
  exchange: [
    ["session", "seq", "settle", "started", "claim"],
    (options: object) => queue.exchange({ ...call, settle: [], started: [], claim, ...options }),
  ],
  recordExecution: [
    ["durationMs", "error"],
    (options: object) => new tasks.TaskDashboard().recordExecution({ taskName: "t", ...options }),
  ],
};

async function complaintsOf(run: () => unknown): Promise<string | undefined> {
  try {
    const value = (await run()) as { readonly ok?: unknown; readonly error?: unknown } | undefined;
    return value?.ok === false ? complaint(value.error) : undefined;
  } catch (thrown) {
    return complaint(thrown);
  }
}

/** Puts each wrong value in each place and gathers what is refused badly. */
async function trying(places: number, run: (at: number, wrong: unknown) => unknown): Promise<string[]> {
  const found: string[] = [];
  for (let at = 0; at < places; at++)
    for (const [name, wrong] of Object.entries(WRONG)) {
      const bad = await complaintsOf(() => run(at, wrong));
      if (bad !== undefined) found.push(`${name} as argument ${at} ${bad}`);
    }
  return found;
}

const replaced = (args: readonly unknown[], at: number, wrong: unknown): unknown[] => args.with(at, wrong);

describe.each(Object.entries(METHODS))("a wrong argument of %s", (_, [target, methods]) => {
  test.each(Object.entries(methods))("is refused by %s with an error of the list", async (name, args) => {
    const method = (target as Record<string, (...given: unknown[]) => unknown>)[name];
    expect(typeof method).toBe("function");
    expect(
      await trying(args.length, (at, wrong) => Reflect.apply(method!, target, replaced(args, at, wrong))),
    ).toEqual([]);
  });
});

describe("a wrong argument of a constructor", () => {
  test.each(Object.entries(CLASSES))("is refused by %s with an error of the list", async (name, args) => {
    const made = ({ ...tasks, ...testing } as Record<string, unknown>)[name] as new (
      ...given: unknown[]
    ) => unknown;
    expect(
      await trying(args.length, (at, wrong) => Reflect.construct(made, replaced(args, at, wrong))),
    ).toEqual([]);
  });
});

describe.each(Object.entries(OPTIONS))("a wrong option of %s", (_, [fields, run]) => {
  test.each(fields)("is refused with an error of the list: %s", async (field) => {
    expect(await trying(1, (_at, wrong) => run({ [field]: wrong } as never))).toEqual([]);
  });
});
