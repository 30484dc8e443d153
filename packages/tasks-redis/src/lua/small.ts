/** What is asked so often that it is kept apart from the library. */

/**
 * Where jobs stand, for those who wait for them. KEYS jobs, state, fence. ARGV ids. Answers of each nothing, or status,
 * attempt, encoding and text of the result, error, reason of the store.
 */
export const OUTCOMES: string = String.raw`
local call = redis.call
local STATUS = { w = 'waiting', s = 'scheduled', r = 'retrying', c = 'completed', f = 'failed', x = 'cancelled', e = 'expired' }
local function whole(n) return string.format('%.0f', n or 0) end
local views = {}
for i, id in ipairs(ARGV) do
  local raw = call('HGET', KEYS[2], id)
  local mark = raw and string.byte(raw, 1)
  if mark == 33 then
    local encoding, result = string.match(raw, '^!%d+,%d+,%d*,([^,]*),(.*)$')
    views[i] = { 'completed', '1', encoding, result, '', '' }
  elseif not raw and call('HEXISTS', KEYS[1], id) == 0 then views[i] = {}
  else
    local s = {}
    if mark == 61 then s = { c = 's' } elseif raw and mark ~= 126 then s = cmsgpack.unpack(raw) end
    local attempt, status = s.a or 0, STATUS[s.c]
    if not status then
      local fence = call('HGET', KEYS[3], id)
      status = fence and 'running' or 'pending'
      if fence and string.match(fence, '^%d+:(%u)') == 'S' then attempt = attempt + 1 end
    end
    views[i] = { status, whole(attempt), s.re or '', s.rb or '', s.er or '', s.wy or '' }
  end
end
return views
`;

/**
 * Keeps the records of jobs that somebody waits for a moment past their end. KEYS state, awaited. ARGV how long in
 * milliseconds, ids. Answers those that have ended.
 */
export const WATCH: string = String.raw`
local call = redis.call
local clock = call('TIME')
local till = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[1])
local OVER = { c = true, f = true, x = true, e = true }
local over, entries = {}, {}
for i = 2, #ARGV do
  local raw = call('HGET', KEYS[1], ARGV[i])
  local mark = raw and string.byte(raw, 1)
  if mark == 33 or (raw and mark ~= 61 and mark ~= 126 and OVER[cmsgpack.unpack(raw).c]) then over[#over + 1] = ARGV[i]
  else
    entries[#entries + 1] = till
    entries[#entries + 1] = ARGV[i]
  end
end
if #entries > 0 then call('ZADD', KEYS[2], unpack(entries)) end
return over
`;
