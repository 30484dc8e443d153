import { RedisScript } from "../../connection/redis-script.ts";
import { READING } from "./entries.ts";

/** ARGV: key. Answers the live entry and the time, or nothing. */
export const getEntry = new RedisScript(
  "state-get",
  `${READING}
local entry = live(ARGV[1])
if not entry then return false end
return { entry.raw, now }
`,
);
