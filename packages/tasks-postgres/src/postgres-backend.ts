import {
  type BackendServices,
  ClosedError,
  type HealthCheckResult,
  type HealthStatus,
  type OutboxProtocol,
  QUEUE_NAME,
  type QueueOptions,
  type StateStoreProtocol,
  systemClock,
  type TaskBackend,
  TaskConfigError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import type { DatabaseHealth, SharedDatabase } from "./connection/database.ts";
import { openDatabase } from "./connection/open-database.ts";
import { StoredSchema } from "./migrations/stored-schema.ts";
import { outboxHealth, type OutboxHealth, outboxWarnings } from "./outbox/outbox-health.ts";
import { keeperOf } from "./lease-keeping.ts";
import {
  connectionOptions,
  type PostgresBackendOptions,
  refuseUnknown,
  schemaOf,
} from "./postgres-backend-options.ts";
import { schemaHealth, type SchemaHealth } from "./schema-health.ts";

const QUEUE_OPTIONS = ["enqueueTimeoutMs"] as const satisfies readonly (keyof QueueOptions)[];

/** What an entry of configuration may say, besides what every entry may. */
const SETTINGS = ["postgresDsn", "pool", "schema", "poolSize", "pooler", "callTimeoutMs"] as const;

const NUMBERS = ["poolSize", "callTimeoutMs"] as const;

/** What is open while a backend is. */
interface OpenedBackend {
  /** Where everything is stored, with the database that it lies in. */
  readonly stored: StoredSchema;
  readonly backend: PostgresBackendOptions;
}

/** What a backend is made of, over one database. */
export interface PostgresBackendParts {
  /** Opens a queue object, which closes itself and says so; the database is not its own. */
  queue(
    name: string,
    options: QueueOptions,
    opened: OpenedBackend & { readonly onClose: (queue: TaskQueueProtocol) => void },
  ): TaskQueueProtocol;
  state(opened: OpenedBackend): StateStoreProtocol;
  outbox(
    name: string,
    opened: OpenedBackend & { readonly onClose: (outbox: OutboxProtocol) => void },
  ): OutboxProtocol;
}

/** A connection that is made anew is of no use now, and may be in a moment. */
function statusOf(health: DatabaseHealth): HealthStatus {
  if (health.latencyMs === undefined) return "unhealthy";
  const { listener = "ready" } = health;
  return listener === "ready" || listener === "polling" ? "healthy" : "degraded";
}

function detailsOf(
  { latencyMs, mode, pool, listener, server }: DatabaseHealth,
  stored: StoredSchema,
  inSchema: Inspection | undefined,
  queues: number,
): Record<string, unknown> {
  return {
    schema: stored.name.name,
    queues,
    pool,
    ...(latencyMs === undefined ? {} : { latencyMs }),
    ...(mode === undefined ? {} : { mode }),
    ...(listener === undefined ? {} : { listener }),
    ...(server === undefined ? {} : { server: { ...server, version: `PostgreSQL ${server.version}` } }),
    ...inSchema,
  };
}

interface Inspection extends SchemaHealth {
  readonly outbox?: OutboxHealth;
}

/** What can be told only while the server answers. */
async function inspected(database: SharedDatabase, stored: StoredSchema): Promise<Inspection | undefined> {
  try {
    const health = await schemaHealth(database, stored.name);
    // A schema that nobody has used yet is none.
    const outbox = await outboxHealth(database, stored.name).catch(() => undefined);
    if (outbox === undefined) return health;
    return { ...health, outbox, warnings: [...health.warnings, ...outboxWarnings(outbox)] };
  } catch {
    return undefined;
  }
}

/**
 * Makes a backend of its parts. It connects when it is first used.
 *
 * @param options checked here; see {@link PostgresBackendOptions}.
 * @param dsnPath as which option the DSN was given, in errors.
 * @throws TaskConfigError for options that are unknown, out of range, or at odds with each other.
 */
export function assemblePostgresBackend(
  parts: PostgresBackendParts,
  options: PostgresBackendOptions,
  dsnPath = "dsn",
): TaskBackend {
  const checked = connectionOptions("the postgres backend", options, { others: ["schema"], dsnPath });
  const schema = schemaOf(options.schema);
  const clock = options.clock ?? systemClock;
  const database = openDatabase(checked);
  const stored = new StoredSchema({ database, schema, clock });
  const open = new Set<TaskQueueProtocol>();
  const outboxes = new Set<OutboxProtocol>();
  const opened = { stored, backend: options };
  const state = parts.state(opened);
  const keeper = keeperOf(checked, schema);
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    for (const opened of [...open, ...outboxes]) await opened.close();
    await state.close();
    await database.close();
  }

  function checkName(name: string): void {
    if (closing !== undefined) throw new ClosedError({ resource: "postgres backend" });
    if (!QUEUE_NAME.test(name))
      throw new TaskConfigError(
        `"${name}" is no name for a queue`,
        { path: "queueName" },
        { hint: "use 1 to 128 letters, digits, and . _ - : , beginning with a letter or digit" },
      );
  }

  return {
    type: "postgres",
    state,
    ...(keeper === undefined ? {} : { keeper }),
    outbox(name) {
      checkName(name);
      const outbox = parts.outbox(name, { ...opened, onClose: (closed) => outboxes.delete(closed) });
      outboxes.add(outbox);
      return outbox;
    },
    queue(name, queueOptions = {}) {
      checkName(name);
      refuseUnknown("a postgres queue", queueOptions, QUEUE_OPTIONS);
      const queue = parts.queue(name, queueOptions, { ...opened, onClose: (closed) => open.delete(closed) });
      open.add(queue);
      return queue;
    },
    async health(): Promise<HealthCheckResult> {
      const since = clock.monotonic();
      const health = await database.health();
      const inSchema = health.latencyMs === undefined ? undefined : await inspected(database, stored);
      return {
        component: "postgres",
        status: statusOf(health),
        ...(health.error === undefined ? {} : { message: health.error.message }),
        durationMs: clock.monotonic() - since,
        checkedAt: clock.now(),
        details: detailsOf(health, stored, inSchema, open.size),
      };
    },
    close: () => (closing ??= close()),
  };
}

/**
 * Makes a backend from an entry of configuration: `postgresDsn`, and the options of the backend besides, under their own
 * names.
 *
 * @throws TaskConfigError for settings that are unknown or out of range.
 */
export function postgresBackendOf(
  parts: PostgresBackendParts,
  settings: Readonly<Record<string, unknown>>,
  services: BackendServices,
): TaskBackend {
  const { postgresDsn, ...others } = settings;
  refuseUnknown("an entry of type postgres", settings, SETTINGS);
  // The environment has texts only.
  const numbers = Object.fromEntries(
    NUMBERS.filter((name) => /^\d+$/.test(String(others[name]))).map((name) => [name, Number(others[name])]),
  );
  const { pooler } = others;
  const truth = pooler === "true" || pooler === "false" ? { pooler: pooler === "true" } : {};
  const given = { ...others, ...numbers, ...truth, ...services } as PostgresBackendOptions;
  return assemblePostgresBackend(
    parts,
    postgresDsn === undefined ? given : { ...given, dsn: postgresDsn as string },
    "postgresDsn",
  );
}
