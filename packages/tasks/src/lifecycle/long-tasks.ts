import { TaskConfigError } from "@lexigram/contracts";
import type { HandlerRegistry } from "../define/handler-registry.ts";
import type { RegisteredTask } from "../define/registered-task.ts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import { TaskPlan, type PlanServices } from "../worker/task-plan.ts";

/** The part of a store's limit that an attempt may take: settling it takes time too, and clocks differ. */
const SAFE_PART = 0.8;

type Services = Omit<PlanServices, "defaults">;

/**
 * Refuses tasks that a store would take away from their handler: those whose time limit, with the grace that a handler has
 * to stop, comes too near to what the store lets a delivery be held. A task without a queue of its own, or with one
 * that is not here, counts as of the primary queue.
 *
 * @returns how to end that for tasks that are registered later, which are refused as they come.
 * @throws TaskConfigError naming the first such task.
 */
export function refuseLongTasks(handlers: HandlerRegistry, queues: QueueSet, services: Services): Disposable {
  const judge = (task: RegisteredTask): void => {
    const binding = queues.all().find(({ name }) => name === task.policy.queue) ?? queues.primary;
    if (!binding.consume || binding.queue.deliveryLimitMs === undefined) return;
    refuseIfLong(binding, new TaskPlan(task, { ...services, defaults: binding.defaults }), services);
  };
  for (const name of handlers.names()) judge(handlers.require(name));
  return handlers.judgeWith(judge);
}

function refuseIfLong({ name, queue }: QueueBinding, plan: TaskPlan, { settings }: Services): void {
  const limitMs = queue.deliveryLimitMs;
  if (limitMs === undefined) return;
  const mostMs = Math.floor(limitMs * SAFE_PART);
  const takesMs = plan.timeoutMs + settings.graceMs;
  if (takesMs <= mostMs) return;
  const takes = takesMs === Infinity ? "for ever" : `for ${takesMs} ms`;
  const most = Math.max(0, mostMs - settings.graceMs);
  throw new TaskConfigError(
    `task "${plan.task.name}" may run ${takes} with its grace, and queue "${name}" lets a delivery be held for ${limitMs} ms`,
    { path: "timeout" },
    {
      hint:
        `give the task a timeout of ${most} ms at most, which with its grace is 80 % of the limit; ` +
        "raise the limit on the server (consumer_timeout of RabbitMQ) and here (ackTimeout); " +
        "or give the queue an index of its jobs (jobIndex), with which there is none",
    },
  );
}
