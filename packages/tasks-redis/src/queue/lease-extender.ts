import {
  extenderOver,
  type LeaseExtender,
  type LeaseExtenderFactory,
  systemClock,
  systemRandom,
} from "@lexigram/contracts";
import { openConnection } from "../connection/open-connection.ts";
import type { KeeperData } from "../lease-keeping.ts";
import { ScriptedQueue } from "./scripted-queue.ts";

/** Renews leases from another thread, over one connection of its own. */
export const leaseExtender: LeaseExtenderFactory = (data): LeaseExtender => {
  const { connection: options, namespace } = data as KeeperData;
  const connection = openConnection(options);
  const shared = { namespace, connection, clock: systemClock, random: systemRandom, onClose: () => {} };
  return extenderOver(
    (name) => new ScriptedQueue({ ...shared, name }),
    () => connection.close(),
  );
};
