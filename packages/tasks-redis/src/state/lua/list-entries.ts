import { RedisScript } from "../../connection/redis-script.ts";
import { READING } from "./entries.ts";

/**
 * ARGV: lower end of the keys in the words of ZRANGEBYLEX, prefix, how many entries at most. Answers whether there may be
 * more, the last key that was looked at, the time, and key and text of each live entry in turn.
 *
 * Ended entries are passed over and forgotten, a bounded number of them; the caller goes on where this ends.
 */
export const listEntries = new RedisScript(
  "state-list",
  `${READING}
local from, wanted = ARGV[1], tonumber(ARGV[3])
-- No UTF-8 holds this byte, so it is above all that begins with the prefix.
local to = '(' .. ARGV[2] .. string.char(255)

local found, count, ended, last, more = {}, 0, {}, '', 1
while more == 1 and count < wanted and #ended < 1000 do
  local missing = wanted - count
  local keys = redis.call('ZRANGEBYLEX', order, from, to, 'LIMIT', 0, missing)
  if #keys < missing then more = 0 end
  if #keys > 0 then
    for i, raw in ipairs(redis.call('HMGET', values, unpack(keys))) do
      -- A server that evicts may have taken the values away and left their order.
      local deadline = raw and tonumber(string.match(raw, '^%d+ (%d+)'))
      if not deadline or (deadline ~= 0 and deadline <= now) then
        ended[#ended + 1] = keys[i]
      else
        found[2 * count + 1] = keys[i]
        found[2 * count + 2] = raw
        count = count + 1
      end
    end
    last = keys[#keys]
    from = '(' .. last
  end
end
if #ended > 0 then forget(ended) end
return { more, last, now, found }
`,
);
