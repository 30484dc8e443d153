import type { MigrationStep } from "../../migrations/migration-step.ts";
import { BASE } from "./base.ts";
import { CONTROL } from "./control.ts";
import { ENQUEUE } from "./enqueue.ts";
import { EXCHANGE } from "./exchange.ts";
import { LANES } from "./lanes.ts";
import { LINKS } from "./links.ts";
import { LOOK } from "./look.ts";
import { named } from "./named.ts";
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
  CONTROL,
  LOOK,
  TRANSACTIONS,
];

/** What the queues store, and the functions that are their calls: `queue_*`. */
export const queueStep: MigrationStep = {
  version: 2,
  oldest: 2,
  sql: (schema) => PARTS.map((part) => named(part, schema)).join("\n"),
};
