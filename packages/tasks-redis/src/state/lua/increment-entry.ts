import { RedisScript } from "../../connection/redis-script.ts";
import { WRITING } from "./entries.ts";

/**
 * ARGV: key, what to add, milliseconds that a new entry has to live or nothing. Answers the sum as a text, or `type`
 * when the value is no number, or `range` when the sum is none.
 */
export const incrementEntry = new RedisScript(
  "state-increment",
  `${WRITING}
local key, by, ttl = unpack(ARGV)
local before = live(key)
local json = before and json_of(before) or '0'
-- By their first sign numbers differ from all else that JSON has.
if not string.match(json, '^[-%d]') then return 'type' end

local sum = tonumber(json) + tonumber(by)
if sum ~= sum or sum == math.huge or sum == -math.huge then return 'range' end

-- 15 digits are short and mostly enough; 17 always are.
local text = string.format('%.15g', sum)
if tonumber(text) ~= sum then text = string.format('%.17g', sum) end
if sum == 0 then text = '0' end

local deadline = 0
if before then
  deadline = before.deadline
elseif ttl ~= '' then
  deadline = after(ttl)
end
write(key, text, deadline, before)
return text
`,
);
