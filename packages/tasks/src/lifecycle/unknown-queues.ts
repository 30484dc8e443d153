import { type Logger, nearest } from "@lexigram/contracts";
import type { HandlerRegistry } from "../define/handler-registry.ts";
import type { QueueSet } from "../dispatch/queue-set.ts";

/**
 * Warns of tasks that name a queue which the application does not have, once for each such queue. It is no error: the
 * call may name another one, and the queue may be added later.
 */
export function warnOfUnknownQueues(handlers: HandlerRegistry, queues: QueueSet, logger: Logger): void {
  const known = queues.all().map(({ name }) => name);
  const asking = new Map<string, string[]>();
  for (const { name, queue } of handlers.listHandlers()) {
    if (queue === "default" || known.includes(queue)) continue;
    const tasks = asking.get(queue);
    if (tasks === undefined) asking.set(queue, [name]);
    else tasks.push(name);
  }
  for (const [queue, tasks] of asking) {
    const near = nearest(queue, known);
    logger.warn("tasks name a queue that this application does not have: they cannot be enqueued to it", {
      queue,
      tasks,
      hint: `${near === undefined ? "" : `did you mean "${near}"? `}queues: ${known.join(", ")}`,
    });
  }
}
