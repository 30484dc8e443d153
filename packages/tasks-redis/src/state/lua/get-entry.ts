import { RedisScript } from "../../connection/redis-script.ts";
import { ENTRIES } from "./entries.ts";

/** ARGV: key. Answers version, microseconds left (-1: for ever) and value of the live entry, or nothing. */
export const getEntry = new RedisScript(
  "state-get",
  `${ENTRIES}
local entry = live(ARGV[1])
if not entry then return false end
return answer(entry)
`,
);
