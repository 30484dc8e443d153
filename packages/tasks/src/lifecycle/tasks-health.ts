import {
  type BreakerStatus,
  type HealthCheckResult,
  redact,
  type TaskQueueProtocol,
  worstHealth,
} from "@lexigram/contracts";
import type { HealthReport } from "@lexigram/kernel";
import type { TaskRuntime } from "./task-runtime.ts";

interface QueueReport {
  readonly queue: string;
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly pending?: number;
  /** Attempts that run, in all processes; absent where the store does not tell. */
  readonly running?: number;
  /** Consumers at work. */
  readonly workers?: number;
  readonly breaker?: BreakerStatus;
  readonly message?: string;
}

function askQueue(
  runtime: TaskRuntime,
  name: string,
  queue: TaskQueueProtocol,
  timeoutMs: number,
): Promise<QueueReport> {
  return new Promise((resolve) => {
    const silent: QueueReport = {
      queue: name,
      status: "unhealthy",
      message: `no answer within ${timeoutMs} ms`,
    };
    const timer = runtime.clock.setTimer(() => resolve(silent), timeoutMs, { keepAlive: false });
    Promise.all([queue.getTaskCount(), queue.stats()])
      .then(
        ([pending, { counts, workers, breaker }]): QueueReport => ({
          queue: name,
          ...(breaker === undefined || breaker === "closed"
            ? { status: "healthy" }
            : { status: "degraded", message: `its circuit breaker is ${breaker}` }),
          pending,
          running: counts.running,
          workers,
          ...(breaker === undefined ? {} : { breaker }),
        }),
        (error: unknown): QueueReport => ({
          queue: name,
          status: "unhealthy",
          message: redact(error instanceof Error ? error.message : String(error)),
        }),
      )
      .then((report) => {
        timer.cancel();
        resolve(report);
      })
      .catch(() => undefined);
  });
}

/** The worst of all queues and of the workers. Never rejects. */
export async function queuesHealth(runtime: TaskRuntime, timeoutMs: number): Promise<HealthCheckResult> {
  const queues = await Promise.all(
    runtime.queues.all().map(({ name, queue }) => askQueue(runtime, name, queue, timeoutMs)),
  );
  const workers = workersHealth(runtime);
  const status = worstHealth([workers.status, ...queues.map((report) => report.status)]);
  const bad = queues.filter((report) => report.status !== "healthy");
  return {
    component: runtime.config.name,
    status,
    ...(bad.length === 0
      ? {}
      : { message: bad.map(({ queue, message }) => `queue "${queue}": ${message}`).join("; ") }),
    details: { queues, workers: workers.details ?? {} },
  };
}

/** How the workers of this process are; healthy when it is not to have any. */
export function workersHealth(runtime: TaskRuntime): HealthReport {
  if (!runtime.workersStarted) return { status: "healthy", details: { started: false } };
  const { status, message } = runtime.pool.health();
  return { status, ...(message === undefined ? {} : { message }), details: { started: true } };
}
