import { RedisScript } from "../../connection/redis-script.ts";

/** KEYS name the node to ask; a channel is none. ARGV: channel, message. */
export const publishMessage = new RedisScript(
  "state-publish",
  `
return redis.call('PUBLISH', ARGV[1], ARGV[2])
`,
);
