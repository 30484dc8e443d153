import {
  checkPolicy,
  queueNameOption,
  type QueuePolicy,
  spanOption,
  systemClock,
  systemRandom,
} from "@lexigram/contracts";
import { openDatabase } from "./connection/open-database.ts";
import { StoredSchema } from "./migrations/stored-schema.ts";
import { connectionOptions, type PostgresConnectionOptions, schemaOf } from "./postgres-backend-options.ts";
import { StoredQueue } from "./queue/stored-queue.ts";

export interface PostgresTaskQueueOptions extends PostgresConnectionOptions {
  /** Name of the queue in the store. Default `default`. */
  readonly name?: string;
  /** Where everything is stored; see the backend's option. Default `lexigram`. */
  readonly schema?: string;
  /** Unfinished jobs that the queue holds at most; short for the same field of `policy`. */
  readonly maxSize?: number;
  /** The queue's rules, set when it is first used. Absent: those that are stored stay. */
  readonly policy?: QueuePolicy;
  /** Milliseconds after which an unconfirmed enqueue is given up. Default 10,000. */
  readonly enqueueTimeoutMs?: number;
}

const OPTIONS = [
  "name",
  "schema",
  "maxSize",
  "policy",
  "enqueueTimeoutMs",
] as const satisfies readonly (keyof PostgresTaskQueueOptions)[];

/**
 * A queue on PostgreSQL by itself, without a backend or a module. It implements the whole protocol, transactions of the
 * caller's included; every method is one function of the schema, which is one transaction of the server, and all may be
 * called concurrently. It connects when it is first used, and then creates or migrates its schema; it lets go of its
 * connections in `close`.
 *
 * @throws TaskConfigError for options that are unknown, out of range or at odds with each other, TaskValidationError for
 *   a policy that is out of range.
 */
export class PostgresTaskQueue extends StoredQueue {
  constructor(options: PostgresTaskQueueOptions) {
    const connecting = connectionOptions("PostgresTaskQueue", options, { others: OPTIONS });
    const { maxSize, enqueueTimeoutMs, clock = systemClock, random = systemRandom } = options;
    const policy = maxSize === undefined ? options.policy : { ...options.policy, maxSize };
    if (policy !== undefined) checkPolicy(policy);
    const name = queueNameOption("PostgresTaskQueue", "name", options.name ?? "default");
    const schema = schemaOf(options.schema);
    const timeoutMs =
      enqueueTimeoutMs === undefined
        ? undefined
        : spanOption("PostgresTaskQueue", "enqueueTimeoutMs", enqueueTimeoutMs, { above: 0 });
    const database = openDatabase(connecting);
    super({
      name,
      stored: new StoredSchema({ database, schema, clock }),
      clock,
      random,
      enqueueTimeoutMs: timeoutMs,
      policy,
      onClose: () => database.close(),
    });
  }
}
