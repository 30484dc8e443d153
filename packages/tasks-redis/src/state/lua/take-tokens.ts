import { RedisScript } from "../../connection/redis-script.ts";
import { CLOCK } from "./clock.ts";

/**
 * ARGV: how many, then key, rate, milliseconds and burst of each bucket. Answers how many were taken from each, and the
 * milliseconds until one more may be had, both as texts.
 *
 * A bucket is the text "<missing> <as of> <microseconds a token>". What is missing is a small number, and what came back
 * since is a difference of whole numbers, so nothing is lost in the digits of an instant. A full bucket is not stored.
 */
export const takeTokens = new RedisScript(
  "state-take-tokens",
  `${CLOCK}
local stored, full_at = KEYS[1], KEYS[2]
-- Less than any clock can tell, more than the rounding of its sums: a whole token must not be missed by rounding.
local ROUNDING = 1e-9
local FOREVER = 9e15

local due = redis.call('ZRANGEBYSCORE', full_at, '-inf', now, 'LIMIT', 0, SWEEP)
if #due > 0 then
  redis.call('HDEL', stored, unpack(due))
  redis.call('ZREM', full_at, unpack(due))
end

local wanted = tonumber(ARGV[1])
local granted, buckets = wanted, {}
for i = 2, #ARGV, 4 do
  local micros = math.max(1e-9, math.min(FOREVER, ARGV[i + 2] * 1000 / ARGV[i + 1]))
  local bucket = { key = ARGV[i], micros = micros, burst = tonumber(ARGV[i + 3]), missing = 0 }
  local raw = redis.call('HGET', stored, bucket.key)
  if raw then
    local missing, as_of, was = string.match(raw, '^(%S+) (%S+) (%S+)$')
    -- A clock that was set back gives nothing back, and counts from where it stands now.
    bucket.set_back = tonumber(as_of) > now
    bucket.missing = math.max(0, missing - math.max(0, now - as_of) / was)
  end
  local available = math.floor(bucket.burst - bucket.missing + ROUNDING)
  granted = math.min(granted, math.max(0, available))
  buckets[#buckets + 1] = bucket
end

local retry = 1
for _, bucket in ipairs(buckets) do
  bucket.missing = bucket.missing + granted
  if granted > 0 or bucket.set_back then
    local state = string.format('%.17g %.0f %.17g', bucket.missing, now, bucket.micros)
    redis.call('HSET', stored, bucket.key, state)
    redis.call('ZADD', full_at, math.ceil(now + bucket.missing * bucket.micros), bucket.key)
  end
  local short = bucket.missing - (bucket.burst - 1) - ROUNDING
  retry = math.max(retry, math.ceil(short * bucket.micros / 1000))
end
return { string.format('%.0f', granted), string.format('%.0f', math.min(retry, FOREVER)) }
`,
);
