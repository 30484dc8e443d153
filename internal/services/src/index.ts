export { ownCertificate, type OwnCertificate } from "./certificates.ts";
export { privatePgBouncer } from "./pgbouncer.ts";
export { privatePostgres, privateStandby } from "./postgres-servers.ts";
export { PrivateServer, freePort } from "./private-servers.ts";
export { PrivateRabbit, privateRabbit, privateRabbitCluster, RabbitCluster } from "./rabbit-servers.ts";
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
