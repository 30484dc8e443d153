import { RedisScript } from "../../connection/redis-script.ts";

/**
 * ARGV: layout, oldest layout that a process must know, shards. Writes them where nothing is stored yet. Answers what is
 * stored.
 */
export const checkLayout = new RedisScript(
  "state-layout",
  `
local found = redis.call('HMGET', KEYS[1], 'layout', 'oldest', 'shards')
if found[1] then return found end
redis.call('HSET', KEYS[1], 'layout', ARGV[1], 'oldest', ARGV[2], 'shards', ARGV[3])
return ARGV
`,
);
