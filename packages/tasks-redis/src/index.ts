import type { TaskBackend, TaskBackendFactory } from "@lexigram/contracts";
import { systemClock, systemRandom } from "@lexigram/contracts";
import { ScriptedQueue } from "./queue/scripted-queue.ts";
import { assembleRedisBackend, redisBackendOf, type RedisBackendParts } from "./redis-backend.ts";
import type { RedisBackendOptions } from "./redis-backend-options.ts";
import { RedisStateStore } from "./state/redis-state-store.ts";

const PARTS: RedisBackendParts = {
  queue: (name, { enqueueTimeoutMs }, { connection, namespace, backend, onClose }) =>
    new ScriptedQueue({
      name,
      namespace,
      connection,
      clock: backend.clock ?? systemClock,
      random: backend.random ?? systemRandom,
      enqueueTimeoutMs,
      onClose,
    }),
  state: ({ connection, namespace, backend }) =>
    new RedisStateStore({ connection, namespace, clock: backend.clock ?? systemClock }),
};

/**
 * A backend on Redis 6.2 or newer, or Valkey: a server of its own, a group behind Sentinel, or a cluster. It connects
 * when it is first used; backends of one process and URL share their connections.
 *
 * @throws TaskConfigError for options that are unknown, out of range, or at odds with each other.
 */
export function redisBackend(options: RedisBackendOptions): TaskBackend {
  return assembleRedisBackend(PARTS, options);
}

/** Makes the backend from an entry of configuration of `type: "redis"`. */
export const backendFactory: TaskBackendFactory = (settings, services) =>
  redisBackendOf(PARTS, settings, services);

export { RedisTaskQueue, type RedisTaskQueueOptions } from "./redis-task-queue.ts";
export type {
  RedisBackendOptions,
  RedisClusterTarget,
  RedisConnectionOptions,
  RedisSentinelTarget,
} from "./redis-backend-options.ts";
