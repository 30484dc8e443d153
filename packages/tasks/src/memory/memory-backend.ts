import {
  type Clock,
  ClosedError,
  QUEUE_NAME,
  type QueueOptions,
  type Random,
  systemClock,
  systemRandom,
  type TaskBackend,
  TaskConfigError,
  unknownKeys,
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

function refuseUnknown(what: string, options: object, known: readonly string[]): void {
  for (const { key, nearest } of unknownKeys(options, known))
    throw new TaskConfigError(
      `${what} has no option "${key}"`,
      { path: key },
      {
        hint: nearest === undefined ? undefined : `did you mean "${nearest}"?`,
      },
    );
}

/**
 * A backend in this process's memory: what it holds is gone with the process. Queue objects of one name share their
 * jobs, also when one of them was closed and is opened again.
 *
 * @throws TaskConfigError for an option that is unknown.
 */
export function memoryBackend(options: MemoryBackendOptions = {}): TaskBackend {
  refuseUnknown("the memory backend", options, OPTIONS);
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const stores = new Map<string, QueueStore>();
  const open = new Set<MemoryTaskQueue>();
  const state = new MemoryStateStore({ clock });
  let closed = false;

  return {
    type: "memory",
    state,
    queue(name, queueOptions = {}) {
      if (closed) throw new ClosedError({ resource: "memory backend" });
      if (!QUEUE_NAME.test(name))
        throw new TaskConfigError(
          `"${name}" is no name for a queue`,
          { path: "queueName" },
          {
            hint: "use 1 to 128 letters, digits, and . _ - : , beginning with a letter or digit",
          },
        );
      refuseUnknown("a memory queue", queueOptions, QUEUE_OPTIONS);
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
