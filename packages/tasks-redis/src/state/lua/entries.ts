import { CLOCK } from "./clock.ts";

/**
 * What the scripts of entries share. An entry is the text "<version> <deadline> <json>"; deadline 0 is never. Answers
 * hold that text and the time, for the caller to take apart.
 */
export const READING = `${CLOCK}
local values, order, ends, counter = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function parse(raw)
  local version, deadline, from = string.match(raw, '^(%d+) (%d+) ()')
  return { raw = raw, from = from, version = tonumber(version), deadline = tonumber(deadline) }
end

local function has_ended(entry)
  return entry.deadline ~= 0 and entry.deadline <= now
end

local function forget(keys)
  redis.call('HDEL', values, unpack(keys))
  redis.call('ZREM', order, unpack(keys))
  redis.call('ZREM', ends, unpack(keys))
end

local due = redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, SWEEP)
if #due > 0 then forget(due) end

-- The live entry under a key, or nil. One whose time is up is as absent as one that never was.
local function live(key)
  local raw = redis.call('HGET', values, key)
  if not raw then return nil end
  local entry = parse(raw)
  if not has_ended(entry) then return entry end
  forget({ key })
  return nil
end
`;

/** What those share besides that write. */
export const WRITING = `${READING}
local function json_of(entry)
  return string.sub(entry.raw, entry.from)
end

local function set(key, version, deadline, json)
  redis.call('HSET', values, key, string.format('%.0f %.0f ', version, deadline) .. json)
end

-- before: the live entry that is there, or nil.
local function set_deadline(key, deadline, before)
  local earlier = before and before.deadline or 0
  if deadline == earlier then return end
  if deadline == 0 then
    redis.call('ZREM', ends, key)
  else
    redis.call('ZADD', ends, deadline, key)
  end
end

-- A version is the time of its write, or one more than the last of the shard where that is not more. The counter holds
-- when the clock is set back; the time holds when the counter is lost with everything else, by a flush, or by a failover
-- to a replica that was behind. So nothing has to be remembered of a key that is gone.
local function next_version()
  local version = math.max(now, (tonumber(redis.call('GET', counter) or '0')) + 1)
  redis.call('SET', counter, version)
  return version
end

local function write(key, json, deadline, before)
  local version = next_version()
  set(key, version, deadline, json)
  if not before then redis.call('ZADD', order, 0, key) end
  set_deadline(key, deadline, before)
  return version
end
`;
