import {
  type LeaseExtender,
  type LeaseExtenderFactory,
  systemClock,
  systemRandom,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { openConnection } from "../connection/open-connection.ts";
import type { KeeperData } from "../lease-keeping.ts";
import { ScriptedQueue } from "./scripted-queue.ts";

/** Renews leases from another thread, over one connection of its own. */
export const leaseExtender: LeaseExtenderFactory = (data): LeaseExtender => {
  const { connection: options, namespace } = data as KeeperData;
  const connection = openConnection(options);
  const queues = new Map<string, TaskQueueProtocol>();
  function queueOf(name: string): TaskQueueProtocol {
    let queue = queues.get(name);
    if (queue === undefined) {
      queue = new ScriptedQueue({
        name,
        namespace,
        connection,
        clock: systemClock,
        random: systemRandom,
        onClose: () => {},
      });
      queues.set(name, queue);
    }
    return queue;
  }
  return {
    extend: (queue, receipts, leaseMs) => queueOf(queue).extend(receipts, leaseMs),
    async close() {
      for (const queue of queues.values()) await queue.close();
      await connection.close();
    },
  };
};
