import { type QueueHarness, uniqueName } from "@lexigram/conformance";
import {
  QueueUnavailableError,
  systemClock,
  systemRandom,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { sharedServers } from "@lexigram/services";
import { Client } from "pg";
import type { Database } from "../../src/connection/database.ts";
import { MIGRATION_STEPS } from "../../src/migrations/migration-steps.ts";
import { StoredSchema } from "../../src/migrations/stored-schema.ts";
import { queueStep, queueStepWith } from "../../src/queue/sql/queue-step.ts";
import { StoredQueue } from "../../src/queue/stored-queue.ts";
import type { PostgresServer } from "../postgres-server.ts";
import { ownSchema } from "../state/postgres-state-harness.ts";

export interface PostgresQueueHarnessOptions {
  /** Default `postgres`. */
  readonly name?: string;
  /** Which the harness then ends. */
  readonly server: PostgresServer;
  readonly unitMs?: number;
  /** Whether lines are marked at every step, and not only where much that is over stands before them. */
  readonly isMarked?: boolean;
}

const MARKED = MIGRATION_STEPS.map((step) =>
  step === queueStep ? queueStepWith({ manyDead: 0, sweepMs: 0 }) : step,
);

/** Creates the schema, however long a busy machine takes for that. */
async function created(stored: StoredSchema): Promise<void> {
  for (;;)
    try {
      return await stored.ensure();
    } catch (error) {
      if (!(error instanceof QueueUnavailableError && error.fields.retryable)) throw error;
    }
}

/** Queues of one schema, which goes with its server's role. Peers have connections of their own. */
export function postgresQueueHarness(options: PostgresQueueHarnessOptions): QueueHarness {
  const { name: title = "postgres", server, unitMs, isMarked = false } = options;
  const schema = ownSchema("queue");
  const [first, second] = [server.connect(), server.connect()];
  const storedIn = (database: Database): StoredSchema =>
    new StoredSchema({ database, schema, clock: systemClock, ...(isMarked ? { steps: MARKED } : {}) });
  const [own, peers] = [storedIn(first), storedIn(second)];
  const open = (name: string, stored = own): TaskQueueProtocol =>
    new StoredQueue({ name, stored, clock: systemClock, random: systemRandom, onClose: () => {} });
  return {
    name: title,
    ...(unitMs === undefined ? {} : { unitMs }),
    async open() {
      await created(own);
      return open(uniqueName("queue"));
    },
    peer: async (queue) => open(queue.name, peers),
    reopen: async (queue) => {
      await queue.close();
      return open(queue.name);
    },
    async transaction() {
      const client = new Client(sharedServers.postgres);
      await client.connect();
      await client.query("BEGIN");
      const end = async (word: string): Promise<void> => {
        await client.query(word);
        await client.end();
      };
      return {
        handle: client,
        commit: () => end("COMMIT"),
        rollback: () => end("ROLLBACK"),
      };
    },
    sever: () => server.sever(),
    dispose: async () => {
      await Promise.all([first.close(), second.close()]);
      await server.end();
    },
  };
}
