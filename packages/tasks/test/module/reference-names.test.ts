import { ManualClock } from "@lexigram/conformance";
import { describe, expect, test } from "vitest";
import * as kernel from "@lexigram/kernel";
import * as tasks from "../../src/index.ts";
import { JobTemplate, MemoryTaskQueue, ProgressTracker, TaskMiddlewarePipeline } from "../../src/index.ts";

// What a user of the ancestor looks for by its name.
const CLASSES = [
  "BackgroundTaskManager",
  "CacheBackendProgressStore",
  "CacheBackendProgressTracker",
  "CacheBackendResultStore",
  "CronExpression",
  "DeadLetterQueue",
  "DiscardTask",
  "FailureRecord",
  "HandlerRegistry",
  "IdempotencyManager",
  "IdempotentTaskManager",
  "InMemoryProgressStore",
  "InMemoryProgressTracker",
  "InMemoryResultStore",
  "InMemorySchedulerStore",
  "JobResult",
  "JobTemplate",
  "LockManager",
  "LoggingMiddleware",
  "MemoryTaskQueue",
  "MetricsMiddleware",
  "ProgressInfo",
  "ProgressStore",
  "ProgressTracker",
  "RejectTask",
  "ResultStore",
  "RetryTask",
  "ScheduledJob",
  "ScheduledWorker",
  "SchedulerStore",
  "TaskBackendRegistry",
  "TaskConfig",
  "TaskDashboard",
  "TaskDispatcher",
  "TaskExecutionContext",
  "TaskHealth",
  "TaskMiddlewarePipeline",
  "TaskProvider",
  "TaskScheduler",
  "TaskWorker",
  "TasksModule",
  "TimeoutMiddleware",
  "UniqueTask",
  "WorkerJobStats",
  "WorkerPool",
];
const FUNCTIONS = [
  "canRetry",
  "delay",
  "createMemoryTaskProvider",
  "createProviderFromConfig",
  "distributedLock",
  "durationMs",
  "handles",
  "isCompleted",
  "isFailed",
  "isPending",
  "isRunning",
  "scheduled",
  "task",
  "unique",
];
const TOKENS = ["ProgressTrackerProtocol", "StateStoreProtocol", "TaskExecutorProtocol", "TaskQueueProtocol"];
/** Members by which the ancestor's classes are used. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  TaskWorker: ["start", "stop", "getStats", "isBusy", "getProgressTracker"],
  WorkerPool: ["start", "stop", "scaleTo", "getPoolStats", "getWorkerStats"],
  ResultStore: ["wait", "listCompleted", "listFailed"],
  InMemoryResultStore: ["store", "get", "delete", "wait", "cleanupExpired", "listCompleted", "listFailed"],
  CacheBackendResultStore: [
    "store",
    "get",
    "delete",
    "wait",
    "cleanupExpired",
    "listCompleted",
    "listFailed",
  ],
  InMemoryProgressStore: ["save", "get", "delete", "listActive"],
  CacheBackendProgressStore: ["save", "get", "delete", "listActive"],
  HandlerRegistry: ["execute", "registerHandler", "getHandler", "listHandlers"],
  DeadLetterQueue: ["add", "get", "list", "retry", "retryAll", "remove", "purge", "clear", "size", "stats"],
  JobTemplate: ["createJob"],
  BackgroundTaskManager: ["track", "trackNamed", "pendingCount", "shutdown"],
  ScheduledWorker: ["start", "stop"],
  CronExpression: ["getNext", "getPrev"],
  ScheduledJob: ["calculateNextRun"],
  SchedulerStore: ["saveJob", "loadJobs", "updateNextRun", "deleteJob"],
  TaskScheduler: [
    "scheduleJob",
    "scheduleJobSync",
    "unscheduleJob",
    "unscheduleJobSync",
    "restoreFromStore",
    "getScheduledJobs",
    "getScheduledJob",
    "startScheduler",
    "stopScheduler",
    "enableJob",
    "disableJob",
    "getNextRunTimes",
    "addEvery",
    "addSchedule",
  ],
  LockManager: ["acquire", "tryAcquire"],
  IdempotencyManager: ["generateKey", "checkDuplicate", "acquire", "complete", "fail"],
  IdempotentTaskManager: ["submit", "checkDuplicate"],
  WorkerJobStats: ["recordJob"],
  MetricsMiddleware: ["getStats"],
  TaskMiddlewarePipeline: ["add", "execute"],
  TaskBackendRegistry: ["register", "create", "availableBackends"],
  TaskProvider: [
    "register",
    "boot",
    "shutdown",
    "healthCheck",
    "registerHandler",
    "registerScheduledTask",
    "enqueueJob",
    "scheduleJob",
    "unscheduleJob",
    "getScheduledJobs",
    "getWorkerStats",
    "refreshWorkerHandlers",
  ],
};

const exported: Readonly<Record<string, unknown>> = tasks;

describe("a name of the ancestor", () => {
  test.each([...CLASSES, ...FUNCTIONS])("%s can be imported", (name) => {
    expect(exported[name]).toBeTypeOf("function");
  });

  test.each(TOKENS)("%s is a token", (name) => {
    expect(exported[name]).toBeDefined();
  });

  test.each(Object.entries(MEMBERS))("%s has its members", (name, members) => {
    const { prototype } = exported[name] as { prototype: object };
    expect(members.filter((member) => !(member in prototype))).toEqual([]);
  });

  test("runApplication can be imported, and Application has its ways to stop", () => {
    expect(kernel.runApplication).toBeTypeOf("function");
    expect(kernel.Application.prototype).toHaveProperty("close");
    expect(kernel.Application.prototype).toHaveProperty("stop");
  });
});

describe("classes without a module", () => {
  test("make a queue, a worker, middleware, results and progress that work together", async () => {
    const clock = new ManualClock();
    const queue = new MemoryTaskQueue({ name: "mail", clock });
    const handlers = new tasks.HandlerRegistry();
    handlers.registerHandler("send", async (input) => ({ sent: input }));
    const seen: string[] = [];
    const pipeline = new TaskMiddlewarePipeline({ clock });
    pipeline.add({ beforeExecute: ({ taskName }) => void seen.push(`before ${taskName}`) });
    pipeline.add({ afterExecute: ({ taskName }) => void seen.push(`after ${taskName}`) });
    const resultStore = new tasks.InMemoryResultStore({ clock });
    const progressStore = new tasks.InMemoryProgressStore({ clock });
    const progress = new tasks.SharedProgressTracker(progressStore, { clock });
    const worker = new tasks.TaskWorker({
      workerId: "one",
      queue,
      handlers,
      pipeline,
      services: { clock, resultStore, progress },
    });
    await worker.start();
    const { task: name, input } = new JobTemplate({ name: "send", input: { to: "a" } }).createJob("j");
    const body = { data: JSON.stringify({ v: 1, input }), encoding: "json" };
    expect(await queue.enqueue({ id: "j", task: name, body, headers: {}, priority: 5 })).toMatchObject({
      ok: true,
    });
    const stored = await resultStore.wait("j", { timeout: null });
    expect(stored).toMatchObject({ status: "ok", value: { sent: { to: "a" } }, task: "send", attempt: 1 });
    await worker.getProgressTracker("j")?.update(1, 2, "half", { part: "a" });
    const active = (await progressStore.listActive()).items;
    expect(active).toMatchObject([{ jobId: "j", percentage: 50, message: "half", metadata: { part: "a" } }]);
    await new ProgressTracker("j", progressStore, { clock }).complete();
    expect((await progressStore.listActive()).items).toEqual([]);
    await worker.stop();
    expect(seen).toEqual(["before send", "after send"]);
    expect(worker.getStats()).toMatchObject({
      workerId: "one",
      jobsProcessed: 1,
      jobsSucceeded: 1,
      running: 0,
    });
    expect(worker.isBusy()).toBe(false);
    const job = await queue.getJob("j");
    expect([tasks.isCompleted(job!), tasks.isPending(job!), tasks.canRetry(job!, 3)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(JobTemplate.fromJob(job!)).toMatchObject({ name: "send", input: { to: "a" }, priority: 5 });
    await queue.close();
  });
});
