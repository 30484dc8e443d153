import { WAITED_FOR_MS } from "./plain.ts";

/** How long terminal records stay. */
export const RETENTION: string = String.raw`
-- Terminal records: bounded by age and count, unless they are pinned or have a time of their own.
-- A stamp is the instant of the end times this, and at least one more than the last: those of one instant keep their order.
local STAMPS = 4096
local function kept(e, stamp)
  return 'K' .. e.c .. order16(stamp) .. e.id
end
-- Completed records stand in a list, which costs least; what is taken out of its middle is counted as stale.
function Q.completed()
  return call('LLEN', COMPLETED) - tonumber(call('HGET', META, 'staleDone') or 0)
end
local function countStaleDone(id, n)
  if call('HINCRBY', STALEDONE, id, n) <= 0 then call('HDEL', STALEDONE, id) end
  if call('HINCRBY', META, 'staleDone', n) <= 0 then call('HDEL', META, 'staleDone') end
end
local function countOffCompleted(id)
  if call('HEXISTS', STALEDONE, id) == 0 then return false end
  countStaleDone(id, -1)
  return true
end
-- The oldest completed record, without the stale ones before it.
local function oldestCompleted(budget)
  for _ = 1, budget do
    local id = call('LINDEX', COMPLETED, 0)
    if not id or not countOffCompleted(id) then return id end
    call('LPOP', COMPLETED)
    call('HINCRBY', META, 'popped:c', 1)
  end
  return nil
end

function Q.keepAgain(e)
  if not TERMINAL[e.c] then return end
  local ttl = Q.special(e) and not e.s.tl and Q.head(e).l or nil
  local pinned = (Q.special(e) or e.linked or e.stamp) and Q.pins(e.id) > 0
  local isPlain = not ttl and not pinned and not e.s.aw
  if isPlain and e.c == 'c' then
    if not e.stamp then call('RPUSH', COMPLETED, e.id)
    else
      call('LPUSH', COMPLETED, e.id)
      call('HINCRBY', META, 'popped:c', -1)
    end
    return
  end
  local stamp = e.stamp
  if not stamp then
    stamp = max(now * STAMPS, meta.stamp + 1)
    set('stamp', stamp)
  end
  if isPlain then
    call('ZADD', TERMINAL[e.c], text(stamp), e.id)
    return
  end
  e.s.kp = stamp
  call('ZADD', INDEX, 0, kept(e, stamp))
  if not pinned then
    if e.s.aw then call('ZADD', UNTIL, text(e.s.aw), e.id)
    elseif ttl and ttl >= 0 then call('ZADD', UNTIL, text(e.s.fi + ttl), e.id) end
  end
  Q.save(e)
end
function Q.unkeep(e)
  if not TERMINAL[e.c] then return end
  if e.s.kp then
    e.stamp = e.s.kp
    call('ZREM', INDEX, kept(e, e.stamp))
    call('ZREM', UNTIL, e.id)
    e.s.kp = nil
    Q.save(e)
  elseif e.c == 'c' then
    e.stamp = e.s.fi * STAMPS
    countStaleDone(e.id, 1)
  else
    e.stamp = tonumber(call('ZSCORE', TERMINAL[e.c], e.id) or 0)
    call('ZREM', TERMINAL[e.c], e.id)
  end
end

local WAITED_FOR = ${WAITED_FOR_MS}

-- Lets a record go whose time is over.
local function letRecordGo(id)
  local e = Q.load(id)
  if not e then return end
  local till = (e.s.fi or 0) + WAITED_FOR
  if not e.s.aw and till > now and call('ZSCORE', AWAITED, id) then
    -- Somebody who waited in time reads it in a moment.
    Q.unkeep(e)
    e.s.aw = till
    Q.keepAgain(e)
    return
  end
  Q.remove(e)
end
local function head(set)
  local first = call('ZRANGE', set, 0, 0, 'WITHSCORES')
  return first[1], tonumber(first[2] or 0)
end
-- Nothing else knows of a completed record in the list, so those that go need not be looked at.
local function trimCompleted(n, awaited)
  local ids = {}
  local mayBeStale = call('EXISTS', STALEDONE) == 1
  for _, id in ipairs(call('LPOP', COMPLETED, n) or {}) do
    call('HINCRBY', META, 'popped:c', 1)
    if not (mayBeStale and countOffCompleted(id)) then
      local e = awaited and call('ZSCORE', AWAITED, id) and Q.load(id)
      if e and e.s.fi + WAITED_FOR > now then
        e.s.aw, e.stamp = e.s.fi + WAITED_FOR, e.s.fi * STAMPS
        Q.keepAgain(e)
      else ids[#ids + 1] = id end
    end
  end
  many('HDEL', JOBS, ids)
  many('HDEL', STATE, ids)
end
-- Lets the oldest completed records go, whatever keeps the others. Answers how many were there.
function Q.dropCompleted(n)
  local before = Q.completed()
  trimCompleted(n, false)
  return before - Q.completed()
end
local function isOld(finishedAt, age)
  return finishedAt + age <= now
end
local function trimFailed(budget)
  while budget > 0 do
    local id, stamp = head(FAILED)
    if not id then return end
    if call('ZCARD', FAILED) <= meta.keepFailedCount and not isOld(floor(stamp / STAMPS), meta.keepFailedAge) then return end
    letRecordGo(id)
    budget = budget - 1
  end
end
-- Completed, cancelled and expired records count together, the oldest of all first to go.
local function trimDone(budget, awaited)
  if call('EXISTS', CANCELLED, EXPIRED) == 0 then
    local over = Q.completed() - meta.keepCount
    if over > 0 then trimCompleted(min(over, budget), awaited) end
  end
  while budget > 0 do
    budget = budget - 1
    local oldest, finished, source = oldestCompleted(budget + 1), nil, COMPLETED
    if oldest then finished = Q.state(call('HGET', STATE, oldest)).fi end
    for _, set in ipairs({ CANCELLED, EXPIRED }) do
      local id, stamp = head(set)
      if id and (not oldest or floor(stamp / STAMPS) < finished) then oldest, finished, source = id, floor(stamp / STAMPS), set end
    end
    if not oldest then return end
    local total = Q.completed() + call('ZCARD', CANCELLED) + call('ZCARD', EXPIRED)
    if total <= meta.keepCount and not isOld(finished, meta.keepAge) then return end
    if source == COMPLETED then trimCompleted(1, awaited) else letRecordGo(oldest) end
  end
end
function Q.trim(budget)
  local awaited = call('EXISTS', AWAITED) == 1
  if awaited then
    call('ZREMRANGEBYSCORE', AWAITED, '-inf', now)
    awaited = call('EXISTS', AWAITED) == 1
  end
  trimDone(budget, awaited)
  trimFailed(budget)
  local due = call('ZRANGEBYSCORE', UNTIL, '-inf', now, 'LIMIT', 0, budget)
  for _, id in ipairs(due) do
    local e = Q.load(id)
    if not e then call('ZREM', UNTIL, id)
    elseif e.c == 'f' and not e.s.aw then
      -- A dead letter outlives its own time: from here on it goes as the policy says.
      Q.unkeep(e)
      e.s.tl = 1
      Q.save(e)
      Q.keepAgain(e)
    else Q.remove(e) end
  end
end
`;
