import type { TaskQueueProtocol } from "@lexigram/contracts";
import type { QueueBinding } from "../dispatch/queue-binding.ts";
import type { QueueSet } from "../dispatch/queue-set.ts";

/** What a worker needs of a queue's binding. */
export type ConsumedQueue = Pick<
  QueueBinding,
  "name" | "queue" | "defaults" | "consume" | "concurrency" | "weight" | "policy"
> &
  Partial<Pick<QueueBinding, "state" | "breaker" | "backend">>;

const NO_DEFAULTS: QueueBinding["defaults"] = {
  priority: undefined,
  maxRetries: undefined,
  timeoutMs: undefined,
  backoff: undefined,
};

/** Whether one queue was given, rather than the queues of an application. */
export function isSingleQueue(queues: QueueSet | TaskQueueProtocol): queues is TaskQueueProtocol {
  return "exchange" in queues;
}

/** A queue that stands alone, without an application's settings for it. */
export function standaloneQueue(queue: TaskQueueProtocol): ConsumedQueue {
  return {
    name: queue.name,
    queue,
    defaults: NO_DEFAULTS,
    consume: true,
    concurrency: undefined,
    weight: 1,
    policy: undefined,
  };
}
