import { RedisScript } from "../../connection/redis-script.ts";
import { PERMITS } from "./permits.ts";

/** ARGV: key, holder, how many or nothing for all. Answers how many permits the holder has now. */
export const releasePermits = new RedisScript(
  "state-release",
  `${PERMITS}
local set, holder = set_of(ARGV[1]), ARGV[2]
drop_ended(set)

local mine, deadline = read_share(set, holder)
if mine == 0 then return 0 end
local permits = math.max(0, mine - (tonumber(ARGV[3]) or mine))
if permits == 0 then
  drop(set, { set .. stamp(deadline) .. holder })
elseif permits < mine then
  write_share(set, holder, permits, deadline)
  set_held(set, held(set) - mine + permits)
end
return permits
`,
);
