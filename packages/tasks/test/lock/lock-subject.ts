import type { LockHarness } from "@lexigram/conformance";
import type { TaskBackend } from "@lexigram/contracts";
import {
  IdempotencyManager,
  IdempotentTaskManager,
  LockManager,
  type QueueBinding,
  QueueSet,
  TaskDispatcher,
} from "../../src/index.ts";

/** Locks and submissions of a process of the product, which the tests of all backends share. */
export function lockProcess(
  backend: () => TaskBackend,
): Pick<LockHarness, "locks" | "idempotency" | "submissions" | "waiting"> {
  return {
    locks: ({ state }, clock, pollMs) => new LockManager({ state, clock, pollInterval: pollMs }),
    idempotency: ({ state }, clock) => new IdempotencyManager({ state, clock }),
    submissions({ queue, state }, clock) {
      const binding: QueueBinding = {
        name: queue.name,
        primary: true,
        queue,
        backend: backend(),
        state,
        defaults: { priority: undefined, maxRetries: undefined, timeoutMs: undefined, backoff: undefined },
        consume: false,
        concurrency: undefined,
        weight: 1,
        policy: undefined,
      };
      const queues = new QueueSet([binding]);
      return new IdempotentTaskManager({ dispatcher: new TaskDispatcher({ queues }), queues, clock });
    },
    waiting: ({ queue }) => queue.getTaskCount(),
  };
}
