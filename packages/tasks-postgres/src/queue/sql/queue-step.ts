import type { MigrationStep } from "../../migrations/migration-step.ts";
import { BASE } from "./base.ts";
import { CONTROL } from "./control.ts";
import { ENQUEUE } from "./enqueue.ts";
import { ENQUEUE_ONE } from "./enqueue-one.ts";
import { EXCHANGE } from "./exchange.ts";
import { EXCHANGE_PLAIN } from "./exchange-plain.ts";
import { LANES } from "./lanes.ts";
import { LINKS } from "./links.ts";
import { LOOK } from "./look.ts";
import { MARKS } from "./marks.ts";
import { named, QUEUE_CONSTANTS, type QueueConstants } from "./named.ts";
import { PLAIN } from "./plain.ts";
import { RATES } from "./rates.ts";
import { REFILE } from "./refile.ts";
import { RETENTION } from "./retention.ts";
import { RUNS } from "./runs.ts";
import { STEPS } from "./steps.ts";
import { TABLES } from "./tables.ts";
import { TRANSACTIONS } from "./transactions.ts";

const PARTS = [
  TABLES,
  BASE,
  MARKS,
  LANES,
  RATES,
  REFILE,
  LINKS,
  RETENTION,
  STEPS,
  RUNS,
  ENQUEUE,
  EXCHANGE,
  PLAIN,
  ENQUEUE_ONE,
  EXCHANGE_PLAIN,
  CONTROL,
  LOOK,
  TRANSACTIONS,
];

/**
 * What the queues store, and the functions that are their calls: `queue_*`.
 *
 * Every call locks in one order, so that none waits in a circle:
 *
 * 1. the rows of new jobs, by id; who stores an id that another call is storing waits for it;
 * 2. the queue, shared or alone; nothing waits for a job, a lease or a place from here on;
 * 3. the taking of jobs, alone or beside others that take at the same time;
 * 4. leases, places and delays: those that another call holds are passed over, or the call fails at once; a lease that
 *    somebody comes to between the look and the change is waited for, by calls that change leases in the same order;
 * 5. the row of the session's last call, for which only a second sending of the same call waits;
 * 6. the trimming of records, by one of the calls that are under way;
 * 7. a row of counters, which is held until the commit and by nothing that waits.
 *
 * Transactions of callers lock the rows of their jobs one by one, with little patience where others may be open, and never
 * the queue.
 */
export const queueStep: MigrationStep = queueStepWith(QUEUE_CONSTANTS);

export function queueStepWith(constants: QueueConstants): MigrationStep {
  return {
    version: 2,
    oldest: 2,
    sql: (schema) => PARTS.map((part) => named(part, schema, constants)).join("\n"),
  };
}
