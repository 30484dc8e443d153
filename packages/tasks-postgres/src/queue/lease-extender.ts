import {
  extenderOver,
  type LeaseExtender,
  type LeaseExtenderFactory,
  systemClock,
  systemRandom,
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
  const shared = { stored, clock: systemClock, random: systemRandom, onClose: () => {} };
  return extenderOver(
    (name) => new StoredQueue({ ...shared, name }),
    () => database.close(),
  );
};
