import {
  type Clock,
  ClosedError,
  functionOption,
  queueNameOption,
  type QueueOptions,
  type Random,
  refuseUnknownOptions,
  requireOptions,
  serviceOption,
  systemClock,
  systemRandom,
  type TaskBackend,
} from "@lexigram/contracts";
import type { MemoryFaults } from "./memory-faults.ts";
import { MemoryStateStore } from "./memory-state-store.ts";
import { MemoryTaskQueue } from "./memory-task-queue.ts";
import { QueueStore } from "./queue-store.ts";

export interface MemoryBackendOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Default: the machine's. */
  readonly random?: Random;
  /** For simulations. Absent, it costs nothing. */
  readonly faults?: MemoryFaults;
}

const OPTIONS = ["clock", "random", "faults"] as const satisfies readonly (keyof MemoryBackendOptions)[];
const QUEUE_OPTIONS = ["enqueueTimeoutMs"] as const satisfies readonly (keyof QueueOptions)[];

/**
 * A backend in this process's memory: what it holds is gone with the process. Queue objects of one name share their
 * jobs, also when one of them was closed and is opened again.
 *
 * @throws TaskConfigError for an option that is unknown.
 */
export function memoryBackend(options: MemoryBackendOptions = {}): TaskBackend {
  refuseUnknownOptions("memoryBackend", options, OPTIONS);
  const clock = serviceOption("memoryBackend", "clock", "clock", options.clock ?? systemClock);
  const random = functionOption("memoryBackend", "random", options.random ?? systemRandom);
  if (options.faults !== undefined) requireOptions("faults of memoryBackend", options.faults);
  const stores = new Map<string, QueueStore>();
  const open = new Set<MemoryTaskQueue>();
  const state = new MemoryStateStore({ clock });
  let closed = false;

  return {
    type: "memory",
    state,
    queue(name, queueOptions = {}) {
      if (closed) throw new ClosedError({ resource: "memory backend" });
      queueNameOption("memoryBackend", "queueName", name);
      refuseUnknownOptions("a memory queue", queueOptions, QUEUE_OPTIONS);
      let store = stores.get(name);
      if (store === undefined) stores.set(name, (store = new QueueStore(name, clock, random)));
      const queue = new MemoryTaskQueue(
        { clock, random, ...queueOptions },
        {
          store,
          faults: options.faults,
          onClose: (closing) => open.delete(closing),
        },
      );
      open.add(queue);
      return queue;
    },
    health() {
      return Promise.resolve({
        component: "memory",
        status: closed ? "unhealthy" : "healthy",
        checkedAt: clock.now(),
        details: { queues: stores.size },
      });
    },
    async close() {
      if (closed) return;
      closed = true;
      for (const queue of open) await queue.close();
      for (const store of stores.values()) store.close();
      await state.close();
    },
  };
}
