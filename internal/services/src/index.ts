export { ownCertificate, type OwnCertificate } from "./certificates.ts";
export { privatePgBouncer } from "./pgbouncer.ts";
export { PrivateServer, freePort, privatePostgres } from "./private-servers.ts";
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
