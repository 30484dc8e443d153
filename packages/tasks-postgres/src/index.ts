import { systemClock, systemRandom, type TaskBackend, type TaskBackendFactory } from "@lexigram/contracts";
import { assemblePostgresBackend, postgresBackendOf, type PostgresBackendParts } from "./postgres-backend.ts";
import type { PostgresBackendOptions } from "./postgres-backend-options.ts";
import { PostgresOutbox } from "./outbox/postgres-outbox.ts";
import { StoredQueue } from "./queue/stored-queue.ts";
import { PostgresStateStore } from "./state/postgres-state-store.ts";

const PARTS: PostgresBackendParts = {
  queue: (name, { enqueueTimeoutMs }, { stored, backend, onClose }) =>
    new StoredQueue({
      name,
      stored,
      clock: backend.clock ?? systemClock,
      random: backend.random ?? systemRandom,
      enqueueTimeoutMs,
      onClose,
    }),
  state: ({ stored, backend }) => new PostgresStateStore({ stored, clock: backend.clock ?? systemClock }),
  outbox: (name, { stored, backend, onClose }) =>
    new PostgresOutbox({ name, stored, clock: backend.clock ?? systemClock, onClose }),
};

/**
 * A backend on PostgreSQL 13 or newer, straight or behind a pooler. It connects when it is first used, and then creates
 * or migrates its schema; backends of one process and DSN share their connections.
 *
 * @throws TaskConfigError for options that are unknown, out of range, or at odds with each other.
 */
export function postgresBackend(options: PostgresBackendOptions): TaskBackend {
  return assemblePostgresBackend(PARTS, options);
}

/** Makes the backend from an entry of configuration of `type: "postgres"`. */
export const backendFactory: TaskBackendFactory = (settings, services) =>
  postgresBackendOf(PARTS, settings, services);

export { migratePostgres } from "./migrate-postgres.ts";
export { PostgresTaskQueue, type PostgresTaskQueueOptions } from "./postgres-task-queue.ts";
export type { TransactionClient } from "./connection/transaction-client.ts";
export type { PostgresBackendOptions, PostgresConnectionOptions } from "./postgres-backend-options.ts";
