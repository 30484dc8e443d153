import type { LeaseExtender } from "../backend.ts";
import type { TaskQueueProtocol } from "./task-queue.ts";

/**
 * Renews leases by the queue objects of a backend, one for each queue that is asked about.
 *
 * @param open a queue by its name in the store.
 * @param close ends what they were opened over, once they are closed.
 */
export function extenderOver(
  open: (queue: string) => TaskQueueProtocol,
  close: () => Promise<void>,
): LeaseExtender {
  const queues = new Map<string, TaskQueueProtocol>();
  function queueOf(name: string): TaskQueueProtocol {
    let queue = queues.get(name);
    if (queue === undefined) queues.set(name, (queue = open(name)));
    return queue;
  }
  return {
    extend: async (queue, receipts, leaseMs) => queueOf(queue).extend(receipts, leaseMs),
    async close() {
      for (const queue of queues.values()) await queue.close();
      await close();
    },
  };
}
