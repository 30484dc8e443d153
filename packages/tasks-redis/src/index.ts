export { type ConnectionOptions, openConnection } from "./connection/open-connection.ts";
export type {
  ChannelListener,
  ConnectionHealth,
  RedisConnection,
  RunOptions,
  ScriptArgument,
  SharedRedisConnection,
} from "./connection/redis-connection.ts";
export { RedisScript } from "./connection/redis-script.ts";
export { assembleRedisBackend, redisBackendOf, type RedisBackendParts } from "./redis-backend.ts";
export type {
  RedisBackendOptions,
  RedisClusterTarget,
  RedisConnectionOptions,
  RedisSentinelTarget,
} from "./redis-backend-options.ts";
