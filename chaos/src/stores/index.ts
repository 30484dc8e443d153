import { postgres } from "./postgres.ts";
import { rabbitmq } from "./rabbitmq.ts";
import { redis } from "./redis.ts";
import type { ChaosStore } from "./store.ts";

/** Every store that scenarios run on, by its name on the command line. */
export const STORES: Readonly<Record<string, ChaosStore>> = { redis, postgres, rabbitmq };
