import { RedisScript } from "../../connection/redis-script.ts";
import { WRITING } from "./entries.ts";

/**
 * ARGV: key, value, milliseconds to live or nothing, 1 for only where no live entry is, version to write over or
 * nothing. Answers 1 and the version, or 0 and what is there with the time.
 */
export const putEntry = new RedisScript(
  "state-put",
  `${WRITING}
local key, json, ttl, if_absent, if_version = unpack(ARGV)
local before = live(key)

local free = if_absent ~= '1' or not before
local same = if_version == '' or (before and before.version == tonumber(if_version))
if not (free and same) then
  if not before then return { 0 } end
  return { 0, { before.raw, now } }
end

local deadline = 0
if ttl ~= '' then deadline = after(ttl) end
return { 1, write(key, json, deadline, before) }
`,
);
