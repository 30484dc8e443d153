import type { Clock, TaskQueueProtocol } from "@lexigram/contracts";
import type { TaskConfig } from "../config/task-config.ts";
import { DeadLetterQueue } from "../dead-letter/dead-letter-queue.ts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import type { CodecRegistry } from "../job/codec-registry.ts";
import { CacheBackendResultStore } from "../results/cache-backend-result-store.ts";
import { QueueResultStore } from "../results/queue-result-store.ts";
import type { ResultStore } from "../results/result-store.ts";

/** Those of all queues that keep any; two queues of one name in different stores cannot be told apart, the first counts. */
export function deadLettersOf(queues: QueueSet, config: TaskConfig): DeadLetterQueue {
  const keeping = (): readonly TaskQueueProtocol[] => {
    const byName = new Map<string, TaskQueueProtocol>();
    for (const { queue } of [queues.primary, ...queues.all()])
      if (queue.capabilities.deadLetters && !byName.has(queue.name)) byName.set(queue.name, queue);
    return byName.size === 0 ? [queues.primary.queue] : [...byName.values()];
  };
  return new DeadLetterQueue(keeping, {
    maxSize: config.deadLetters.maxSize,
    retention: config.deadLetters.retentionMs,
  });
}

/** The primary queue's own results; where not every queue keeps its own, those of all queues in its state store. */
export function resultStoreOf(
  queues: QueueSet,
  config: TaskConfig,
  clock: Clock,
  codecs: CodecRegistry,
): ResultStore {
  const { queue, state } = queues.primary;
  const keepsAll = queues.all().every((binding) => binding.queue.capabilities.results);
  return keepsAll
    ? new QueueResultStore(queue, { clock, decode: (body) => codecs.decodeValue(body) })
    : new CacheBackendResultStore(state, { clock, ttl: config.results.ttlMs });
}
