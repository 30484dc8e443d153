import { CLOCK } from "./clock.ts";

/**
 * What the scripts of permits share. `shares` has a field "<set><holder>" with "<permits> <deadline>" for each holder,
 * and a field "<set>" with their sum, so that a call does not add up all holders. The other two keys order the shares
 * by set and deadline, to find the ended ones of one set, and by deadline alone, to find those of sets that nobody asks
 * for any more.
 */
export const PERMITS = `${CLOCK}
local shares, ends, times = KEYS[1], KEYS[2], KEYS[3]

-- Keys and holders may hold any character; the length tells where a key ends.
local function set_of(key)
  return #key .. ':' .. key
end

local function split_share(share)
  local size, from = string.match(share, '^(%d+):()')
  local stop = from + size
  return string.sub(share, 1, stop - 1), string.sub(share, stop)
end

-- Deadlines have 16 digits, so that their order as texts is their order.
local function stamp(deadline)
  return string.format('%016.0f', deadline)
end

local function read_share(set, holder)
  local raw = redis.call('HGET', shares, set .. holder)
  if not raw then return 0 end
  local permits, deadline = string.match(raw, '^(%d+) (%d+)$')
  return tonumber(permits), tonumber(deadline)
end

local function held(set)
  return tonumber(redis.call('HGET', shares, set) or '0')
end

local function set_held(set, permits)
  if permits > 0 then
    redis.call('HSET', shares, set, permits)
  else
    redis.call('HDEL', shares, set)
  end
end

local function write_share(set, holder, permits, deadline)
  redis.call('HSET', shares, set .. holder, string.format('%.0f %.0f', permits, deadline))
  redis.call('ZADD', ends, 0, set .. stamp(deadline) .. holder)
  redis.call('ZADD', times, deadline, set .. holder)
end

-- lines: members of ends, all of one set.
local function drop(set, lines)
  local fields = {}
  for i, line in ipairs(lines) do fields[i] = set .. string.sub(line, #set + 17) end
  local permits = held(set)
  for _, raw in ipairs(redis.call('HMGET', shares, unpack(fields))) do
    permits = permits - string.match(raw, '^%d+')
  end
  redis.call('HDEL', shares, unpack(fields))
  redis.call('ZREM', ends, unpack(lines))
  redis.call('ZREM', times, unpack(fields))
  set_held(set, permits)
end

local due = redis.call('ZRANGEBYSCORE', times, '-inf', now, 'WITHSCORES', 'LIMIT', 0, SWEEP)
for i = 1, #due, 2 do
  local set, holder = split_share(due[i])
  drop(set, { set .. stamp(due[i + 1]) .. holder })
end

-- All that have ended go, however many: a permit that is free must not be refused. A set has no more shares than permits.
local function drop_ended(set)
  local to = '(' .. set .. stamp(now) .. string.char(255)
  repeat
    local lines = redis.call('ZRANGEBYLEX', ends, '[' .. set, to, 'LIMIT', 0, 1000)
    if #lines > 0 then drop(set, lines) end
  until #lines < 1000
end
`;
