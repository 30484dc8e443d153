import { JobResult } from "@lexigram/contracts";
import { describe, expect, test } from "vitest";
import { TaskHealth } from "../../src/observability/task-health.ts";
import { WorkerJobStats } from "../../src/observability/worker-job-stats.ts";
import { ManualClock } from "../memory-state/manual-clock.ts";

describe("WorkerJobStats", () => {
  test("counts what a worker did and how long it took", () => {
    const clock = new ManualClock();
    const stats = new WorkerJobStats("worker-1", clock);
    expect(stats.toJSON()).toEqual({
      workerId: "worker-1",
      jobsProcessed: 0,
      jobsSucceeded: 0,
      jobsFailed: 0,
      totalProcessingTime: 0,
      averageProcessingTime: 0,
      startedAt: clock.epoch,
      uptime: 0,
    });
    clock.jump(100);
    stats.recordJob(JobResult.ok(1, 30));
    stats.recordJob(JobResult.fail(new Error("no"), { durationMs: 10 }));
    clock.jump(50);
    expect(stats.toJSON()).toEqual({
      workerId: "worker-1",
      jobsProcessed: 2,
      jobsSucceeded: 1,
      jobsFailed: 1,
      totalProcessingTime: 40,
      averageProcessingTime: 20,
      startedAt: clock.epoch,
      uptime: 150,
      lastActivity: clock.epoch + 100,
    });
  });
});

describe("TaskHealth", () => {
  test("succeeds in everything when nothing was processed", () => {
    const health = new TaskHealth({ status: "healthy", timestamp: 7 });
    expect(health.successRate).toBe(100);
    expect(health.isHealthy).toBe(true);
    expect(health.toJSON()).toEqual({
      status: "healthy",
      message: "",
      timestamp: 7,
      isHealthy: true,
      metrics: {
        queueSize: 0,
        workerCount: 0,
        activeWorkers: 0,
        totalProcessed: 0,
        totalSucceeded: 0,
        totalFailed: 0,
        successRate: 100,
      },
      details: {},
    });
  });

  test("tells its rate, and itself as a check of a component", () => {
    const health = new TaskHealth({
      status: "degraded",
      message: "half fail",
      timestamp: 7,
      queueSize: 3,
      workerCount: 2,
      activeWorkers: 1,
      totalProcessed: 8,
      totalSucceeded: 6,
      totalFailed: 2,
      details: { queue: "emails" },
    });
    expect(health.successRate).toBe(75);
    expect(health.isHealthy).toBe(false);
    expect(health.toCheck("tasks")).toMatchObject({
      component: "tasks",
      status: "degraded",
      message: "half fail",
      checkedAt: 7,
      details: { queue: "emails", successRate: 75, queueSize: 3 },
    });
  });
});
