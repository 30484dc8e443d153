export { PrivateServer, freePort, privatePostgres, privateRabbit, privateRedis } from "./private-servers.ts";
export { sharedServers } from "./shared-servers.ts";
