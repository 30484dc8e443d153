import type { JobId, JobStatus } from "@lexigram/contracts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import type { TaskEmitter } from "../events/task-emitter.ts";
import type { TaskMiddlewareFunction } from "../middleware/middleware.ts";

/** Attempts of a handler that enqueues and thereby waits hold their slots; so many may wait for each other. */
export const INLINE_SLOTS = 1_000;

const RUNNABLE: ReadonlySet<JobStatus> = new Set(["pending", "running"]);
const ENDS = [
  "task.completed",
  "task.dead",
  "task.cancelled",
  "task.retried",
  "task.expired",
  "task.lease-lost",
] as const;

/** Makes each enqueue wait until its job has run, unless it is not to run yet: delayed, waiting, or its queue paused. */
export function inlineMode(queues: () => QueueSet, emitter: TaskEmitter): TaskMiddlewareFunction {
  const waiting = new Map<JobId, () => void>();
  for (const event of ENDS) emitter.on(event, ({ jobId }) => waiting.get(jobId)?.());
  return async (context, next) => {
    const ended = new Promise<void>((resolve) => waiting.set(context.jobId, resolve));
    try {
      const accepted = await next();
      const { queue, consume } = queues().get(context.queueName);
      const job = await queue.getJob(context.jobId);
      const runs = job !== undefined && RUNNABLE.has(job.status) && consume && !(await queue.isPaused());
      if (runs) await ended;
      return accepted;
    } finally {
      waiting.delete(context.jobId);
    }
  };
}
