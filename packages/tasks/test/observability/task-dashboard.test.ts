import { TaskConfigError } from "@lexigram/contracts";
import { beforeEach, describe, expect, test } from "vitest";
import { ExecutionRecord } from "../../src/observability/execution-record.ts";
import { TaskDashboard, type TaskDashboardOptions } from "../../src/observability/task-dashboard.ts";
import { ManualClock } from "../memory-state/manual-clock.ts";

let clock: ManualClock;
let dashboard: TaskDashboard;

beforeEach(() => {
  clock = new ManualClock();
  dashboard = new TaskDashboard({ clock });
});

describe("the summary", () => {
  test("counts executions, failures and rates", () => {
    for (let i = 0; i < 8; i++)
      dashboard.recordExecution({ taskName: i % 2 === 0 ? "b" : "a", success: i >= 2 });
    clock.jump(4_000);
    expect(dashboard.getSummary()).toEqual({
      totalExecuted: 8,
      totalFailed: 2,
      errorRatePercent: 25,
      throughputPerSecond: 2,
      windowThroughputPerSecond: 2,
      uptimeSeconds: 4,
      taskTypes: ["a", "b"],
    });
  });

  test("is all zero when nothing happened", () => {
    expect(dashboard.getSummary()).toMatchObject({
      totalExecuted: 0,
      errorRatePercent: 0,
      throughputPerSecond: 0,
      windowThroughputPerSecond: 0,
    });
  });

  test("forgets in its window what is older than the window, and only that", () => {
    const short = new TaskDashboard({ clock, window: "1m" });
    clock.jump(60_000);
    for (let i = 0; i < 60; i++) short.recordExecution({ taskName: "t" });
    clock.jump(30_000);
    for (let i = 0; i < 30; i++) short.recordExecution({ taskName: "t" });
    expect(short.getSummary().windowThroughputPerSecond).toBe(1.5);
    clock.jump(30_000);
    expect(short.getSummary().windowThroughputPerSecond).toBe(0.5);
    clock.jump(86_400_000);
    expect(short.getSummary().windowThroughputPerSecond).toBe(0);
    expect(short.getSummary().totalExecuted).toBe(90);
  });
});

describe("statistics of a task", () => {
  test("show its latency by linear interpolation", () => {
    for (const durationMs of [10, 20, 30, 40]) dashboard.recordExecution({ taskName: "t", durationMs });
    dashboard.recordExecution({ taskName: "u", durationMs: 5, success: false });
    const { t, u } = dashboard.getPerTaskStats();
    expect(t).toMatchObject({ count: 4, failures: 0, errorRatePercent: 0 });
    expect(t?.latencyMs).toMatchObject({ avg: 25, min: 10, max: 40, p50: 25 });
    expect(t?.latencyMs.p95).toBeCloseTo(38.5);
    expect(t?.latencyMs.p99).toBeCloseTo(39.7);
    expect(u).toMatchObject({ count: 1, failures: 1, errorRatePercent: 100 });
    expect(u?.latencyMs).toEqual({ avg: 5, min: 5, max: 5, p50: 5, p95: 5, p99: 5 });
  });

  test("show the latency of the last 100 executions, sorted as numbers", () => {
    for (let durationMs = 1; durationMs <= 250; durationMs++)
      dashboard.recordExecution({ taskName: "t", durationMs });
    const { t } = dashboard.getPerTaskStats();
    expect(t?.count).toBe(250);
    expect(t?.latencyMs).toMatchObject({ min: 151, max: 250, avg: 200.5, p50: 200.5 });
  });
});

describe("recent executions", () => {
  test("come newest first, of one task or of all, at most historySize of them", () => {
    const small = new TaskDashboard({ clock, historySize: 5 });
    for (let i = 0; i < 12; i++)
      small.recordExecution({
        taskName: i % 3 === 0 ? "a" : "b",
        jobId: `j${i}`,
        workerId: "w",
        durationMs: i,
      });
    expect(small.getRecentExecutions().map((record) => record.jobId)).toEqual([
      "j11",
      "j10",
      "j9",
      "j8",
      "j7",
    ]);
    expect(small.getRecentExecutions({ limit: 2 }).map((record) => record.jobId)).toEqual(["j11", "j10"]);
    expect(small.getRecentExecutions({ taskName: "a" }).map((record) => record.jobId)).toEqual(["j9"]);
    expect(small.getRecentExecutions({ limit: 1 })[0]?.toJSON()).toEqual({
      jobId: "j11",
      taskName: "b",
      success: true,
      durationMs: 11,
      error: "",
      timestamp: clock.now(),
      workerId: "w",
    });
    expect(small.getRecentExecutions()[0]).toBeInstanceOf(ExecutionRecord);
  });

  test("are 50 by default", () => {
    for (let i = 0; i < 80; i++) dashboard.recordExecution({ taskName: "t" });
    expect(dashboard.getRecentExecutions()).toHaveLength(50);
    expect(dashboard.getRecentExecutions({ limit: 1_000 })).toHaveLength(80);
  });
});

describe("the error breakdown", () => {
  test("counts by the error's name and shows the last five, newest first", () => {
    for (let i = 0; i < 7; i++)
      dashboard.recordExecution({
        taskName: "t",
        success: false,
        error: { name: "TypeError", message: `no ${i}` },
      });
    dashboard.recordExecution({ taskName: "t", success: false });
    dashboard.recordExecution({ taskName: "t" });
    const breakdown = dashboard.getErrorBreakdown();
    expect(Object.keys(breakdown)).toEqual(["TypeError", "Error"]);
    expect(breakdown["TypeError"]?.count).toBe(7);
    expect(breakdown["TypeError"]?.recent.map((error) => error.message)).toEqual([
      "no 6",
      "no 5",
      "no 4",
      "no 3",
      "no 2",
    ]);
  });
});

describe("bounds", () => {
  test("of names: beyond 1,000 they are counted under one", () => {
    for (let i = 0; i < 1_500; i++) dashboard.recordExecution({ taskName: `t${i}` });
    const stats = dashboard.getPerTaskStats();
    expect(Object.keys(stats)).toHaveLength(1_001);
    expect(stats["(other)"]?.count).toBe(500);
    expect(dashboard.getRecentExecutions({ limit: 1 })[0]?.taskName).toBe("t1499");
  });

  test("of kinds of errors and of their texts", () => {
    for (let i = 0; i < 500; i++)
      dashboard.recordExecution({
        taskName: "t",
        success: false,
        error: { name: `E${i}`, message: "x".repeat(10_000) },
      });
    const breakdown = dashboard.getErrorBreakdown();
    expect(Object.keys(breakdown)).toHaveLength(201);
    expect(breakdown["(other)"]?.count).toBe(300);
    expect(breakdown["E0"]?.recent[0]?.message).toHaveLength(500);
    expect(dashboard.getRecentExecutions({ limit: 1 })[0]?.error).toHaveLength(500);
  });

  test("of names that are special to objects", () => {
    dashboard.recordExecution({
      taskName: "__proto__",
      success: false,
      error: { name: "__proto__", message: "" },
    });
    expect(Object.keys(dashboard.getPerTaskStats())).toEqual(["__proto__"]);
    expect(Object.keys(dashboard.getErrorBreakdown())).toEqual(["__proto__"]);
  });

  test.each([{ historySize: 0 }, { window: 0 }, { windowSeconds: 1 }])("refuse the options %j", (options) => {
    expect(() => new TaskDashboard(options as TaskDashboardOptions)).toThrow(TaskConfigError);
  });
});

describe("reset", () => {
  test("forgets everything and starts the clock anew", () => {
    dashboard.recordExecution({ taskName: "t", success: false });
    clock.jump(1_000);
    dashboard.reset();
    clock.jump(500);
    expect(dashboard.getSummary()).toMatchObject({
      totalExecuted: 0,
      totalFailed: 0,
      uptimeSeconds: 0.5,
      taskTypes: [],
    });
    expect(dashboard.getRecentExecutions()).toEqual([]);
    expect(dashboard.getErrorBreakdown()).toEqual({});
    expect(dashboard.getSummary().windowThroughputPerSecond).toBe(0);
  });
});
