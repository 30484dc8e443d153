import {
  type LeaseExtender,
  type LeaseExtenderFactory,
  systemClock,
  systemRandom,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { openDatabase } from "../connection/open-database.ts";
import type { KeeperData } from "../lease-keeping.ts";
import { SchemaName } from "../migrations/schema-name.ts";
import { StoredSchema } from "../migrations/stored-schema.ts";
import { StoredQueue } from "./stored-queue.ts";

/** Renews leases from another thread, over one connection of its own. */
export const leaseExtender: LeaseExtenderFactory = (data): LeaseExtender => {
  const { connection, schema } = data as KeeperData;
  const database = openDatabase({ ...connection, poolSize: 1 });
  const stored = new StoredSchema({ database, schema: new SchemaName(schema), clock: systemClock });
  const queues = new Map<string, TaskQueueProtocol>();
  function queueOf(name: string): TaskQueueProtocol {
    let queue = queues.get(name);
    if (queue === undefined) {
      queue = new StoredQueue({ name, stored, clock: systemClock, random: systemRandom, onClose: () => {} });
      queues.set(name, queue);
    }
    return queue;
  }
  return {
    extend: (queue, receipts, leaseMs) => queueOf(queue).extend(receipts, leaseMs),
    async close() {
      for (const queue of queues.values()) await queue.close();
      await database.close();
    },
  };
};
