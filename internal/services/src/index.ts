export { privatePgBouncer } from "./pgbouncer.ts";
export { PrivateServer, freePort, privatePostgres, privateRabbit } from "./private-servers.ts";
export {
  privateRedis,
  privateRedisCluster,
  privateReplica,
  privateSentinel,
  privateSentinelGroup,
  RedisCluster,
  redisCommand,
  redisSays,
  SentinelGroup,
} from "./redis-servers.ts";
export { sharedServers } from "./shared-servers.ts";
export { TcpProxy } from "./tcp-proxy.ts";
