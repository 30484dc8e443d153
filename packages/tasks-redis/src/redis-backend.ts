import {
  type BackendServices,
  ClosedError,
  type HealthCheckResult,
  type HealthStatus,
  QUEUE_NAME,
  type QueueOptions,
  type StateStoreProtocol,
  systemClock,
  type TaskBackend,
  TaskConfigError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { openConnection } from "./connection/open-connection.ts";
import type { ConnectionHealth, RedisConnection } from "./connection/redis-connection.ts";
import { keeperOf } from "./lease-keeping.ts";
import {
  connectionOptions,
  namespaceOf,
  type RedisBackendOptions,
  refuseUnknown,
} from "./redis-backend-options.ts";

const QUEUE_OPTIONS = ["enqueueTimeoutMs"] as const satisfies readonly (keyof QueueOptions)[];

/** What an entry of configuration may say, besides what every entry may. */
const SETTINGS = [
  "redisUrl",
  "client",
  "cluster",
  "sentinel",
  "namespace",
  "waitReplicas",
  "readFrom",
  "callTimeoutMs",
] as const;

const NUMBERS = ["waitReplicas", "callTimeoutMs"] as const;

/** What a backend is made of, over one connection. */
export interface RedisBackendParts {
  /** Opens a queue object, which closes itself and says so; the connection is not its own. */
  queue(
    name: string,
    options: QueueOptions,
    opened: {
      readonly connection: RedisConnection;
      readonly namespace: string;
      readonly backend: RedisBackendOptions;
      readonly onClose: (queue: TaskQueueProtocol) => void;
    },
  ): TaskQueueProtocol;
  state(opened: {
    readonly connection: RedisConnection;
    readonly namespace: string;
    readonly backend: RedisBackendOptions;
  }): StateStoreProtocol;
}

/** A link that is made anew is of no use now, and may be in a moment. */
function statusOf(health: ConnectionHealth): HealthStatus {
  if (health.latencyMs === undefined) return "unhealthy";
  const states = Object.values(health.links);
  return states.every((state) => state === "ready") ? "healthy" : "degraded";
}

function detailsOf(health: ConnectionHealth, namespace: string, queues: number): Record<string, unknown> {
  return {
    namespace,
    queues,
    links: health.links,
    ...(health.latencyMs === undefined ? {} : { latencyMs: health.latencyMs }),
    servers: health.servers.map(({ address, product, version, role, durability, replicas, risks }) => ({
      address,
      server: `${product} ${version}`,
      role,
      durability,
      replicas,
      risks,
    })),
  };
}

/**
 * Makes a backend of its parts. It connects when it is first used.
 *
 * @param options checked here; see {@link RedisBackendOptions}.
 * @param urlPath as which option the URL was given, in errors.
 * @throws TaskConfigError for options that are unknown, out of range, or at odds with each other.
 */
export function assembleRedisBackend(
  parts: RedisBackendParts,
  options: RedisBackendOptions,
  urlPath = "url",
): TaskBackend {
  const checked = connectionOptions("the redis backend", options, { others: ["namespace"], urlPath });
  const namespace = namespaceOf(options.namespace);
  const clock = options.clock ?? systemClock;
  const connection = openConnection(checked);
  const open = new Set<TaskQueueProtocol>();
  const opened = { connection, namespace, backend: options };
  const state = parts.state(opened);
  const keeper = keeperOf(checked, namespace);
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    for (const queue of open) await queue.close();
    await state.close();
    await connection.close();
  }

  return {
    type: "redis",
    state,
    ...(keeper === undefined ? {} : { keeper }),
    queue(name, queueOptions = {}) {
      if (closing !== undefined) throw new ClosedError({ resource: "redis backend" });
      if (!QUEUE_NAME.test(name))
        throw new TaskConfigError(
          `"${name}" is no name for a queue`,
          { path: "queueName" },
          { hint: "use 1 to 128 letters, digits, and . _ - : , beginning with a letter or digit" },
        );
      refuseUnknown("a redis queue", queueOptions, QUEUE_OPTIONS);
      const queue = parts.queue(name, queueOptions, { ...opened, onClose: (closed) => open.delete(closed) });
      open.add(queue);
      return queue;
    },
    async health(): Promise<HealthCheckResult> {
      const since = clock.monotonic();
      const health = await connection.health();
      return {
        component: "redis",
        status: statusOf(health),
        ...(health.error === undefined ? {} : { message: health.error.message }),
        durationMs: clock.monotonic() - since,
        checkedAt: clock.now(),
        details: detailsOf(health, namespace, open.size),
      };
    },
    close: () => (closing ??= close()),
  };
}

/**
 * Makes a backend from an entry of configuration: `redisUrl`, and the options of the backend besides, under their own
 * names.
 *
 * @throws TaskConfigError for settings that are unknown or out of range.
 */
export function redisBackendOf(
  parts: RedisBackendParts,
  settings: Readonly<Record<string, unknown>>,
  services: BackendServices,
): TaskBackend {
  const { redisUrl, ...others } = settings;
  refuseUnknown("an entry of type redis", settings, SETTINGS);
  // The environment has texts only.
  const numbers = Object.fromEntries(
    NUMBERS.filter((name) => /^\d+$/.test(String(others[name]))).map((name) => [name, Number(others[name])]),
  );
  const given = { ...others, ...numbers, ...services } as RedisBackendOptions;
  return assembleRedisBackend(
    parts,
    redisUrl === undefined ? given : { ...given, url: redisUrl as string },
    "redisUrl",
  );
}
