export { RedisScript } from "./connection/redis-script.ts";
