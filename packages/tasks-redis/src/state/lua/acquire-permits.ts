import { RedisScript } from "../../connection/redis-script.ts";
import { PERMITS } from "./permits.ts";

/** ARGV: key, holder, limit, how many, milliseconds. Answers how many permits the holder has now. */
export const acquirePermits = new RedisScript(
  "state-acquire",
  `${PERMITS}
local set, holder = set_of(ARGV[1]), ARGV[2]
local limit, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
drop_ended(set)

local mine, deadline = read_share(set, holder)
local others = held(set) - mine
local permits = math.max(mine, math.min(wanted, limit - others))
if permits <= 0 then return 0 end

if mine > 0 then redis.call('ZREM', ends, set .. stamp(deadline) .. holder) end
write_share(set, holder, permits, after(ARGV[5]))
if permits ~= mine then set_held(set, others + permits) end
return permits
`,
);
