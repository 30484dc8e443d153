import { LIBRARY } from "./enqueue.ts";
import { PLAIN_EXCHANGE } from "./plain.ts";

/** Settlements and claims. */
const SETTLE: string = String.raw`
-- Applies what became of an attempt; false, and nothing has changed, when the delivery is no longer held. Kinds: c
-- complete (x, y: encoding and data of the result), r retry (delay and whether it counts; error), f fail (reason, error),
-- x cancel (y: error), l release (x: delay).
local function settle(kind, n, id, x, y)
  local e = Q.load(id)
  if not e or e.c ~= 'R' then return false end
  local lease = Q.leaseOf(e)
  if lease.n ~= n or tonumber(call('ZSCORE', LEASE, id)) <= now then return false end
  local s = e.s
  if kind ~= 'l' and kind ~= 'x' and not lease.started then Q.start(e) end
  if kind == 'c' then
    Q.land(e)
    s.a = (s.a or 0) + 1
    s.er, s.wy = nil, nil
    if x ~= '' then s.re, s.rb = x, y end
    Q.finish(e, 'c')
  elseif s.cr or kind == 'x' then
    Q.land(e)
    if lease.started and kind ~= 'l' then s.a = (s.a or 0) + 1 end
    s.er, s.wy = nil, 'stopped'
    if y ~= '' then s.er, s.wy = y, nil end
    Q.finish(e, 'x')
  elseif kind == 'f' then
    Q.land(e)
    s.a = (s.a or 0) + 1
    s.er, s.wy, s.rs = y, nil, x
    Q.finish(e, 'f')
  elseif kind == 'r' then
    Q.land(e)
    local delay, counts = string.match(x, '^(.-):(.)$')
    s.er, s.wy = y, nil
    if counts == '1' then s.a = (s.a or 0) + 1 else s.d = (s.d or 0) + 1 end
    if not (rules and rules.k and rules.k.fifo and Q.keyOf(e)) then s.o = 0 end
    Q.putBack(e, tonumber(delay))
  else
    if lease.started and not lease.began then s.st = lease.at end
    Q.putBack(e, tonumber(x))
  end
  return true
end

-- Completions of jobs that nothing else concerns, all at once.
local function completePlain(list)
  local states, ids = {}, {}
  for i, item in ipairs(list) do
    ids[i] = item.id
    ended[#ended + 1] = item.id
    states[2 * i - 1] = item.id
    states[2 * i] = '!' .. text(item.at) .. ',' .. text(now) .. ',' .. (item.ru or '') .. ',' .. item.x .. ',' .. item.y
  end
  many('ZREM', LEASE, ids)
  many('HDEL', FENCE, ids)
  if meta.keepCount == 0 and call('EXISTS', AWAITED) == 0 then
    many('HDEL', JOBS, ids)
    many('HDEL', STATE, ids)
  else
    many('HSET', STATE, states)
    many('RPUSH', COMPLETED, ids)
  end
end

-- Takes back what was not settled before its lease ended. The sentinel's deadline is never over.
local function reap(budget)
  for _, id in ipairs(call('ZRANGEBYSCORE', LEASE, '-inf', now, 'LIMIT', 0, budget)) do
    local e = Q.load(id)
    if not e then
      call('ZREM', LEASE, id)
      call('HDEL', FENCE, id)
    else
      local lease, s = Q.leaseOf(e), e.s
      Q.land(e)
      if s.cr then Q.finish(e, 'x')
      elseif not lease.started then
        -- It may have begun.
        s.la = 1
        Q.makePending(e)
      else
        s.v = (s.v or 0) + 1
        local most = Q.special(e) and Q.head(e).r or 3
        if s.v <= most then Q.makePending(e)
        else
          s.rs, s.er, s.wy = 'poison', nil, 'poison'
          Q.finish(e, 'f')
        end
      end
    end
  end
end

local out, given = {}, {}
local function give(e, n, started, leaseMs)
  local s = e.s
  out[#out + 1] = e.id
  out[#out + 1] = n
  out[#out + 1] = e.record
  if started and not s.a and not s.v and not s.d then out[#out + 1] = ''
  else
    out[#out + 1] = ((s.a or 0) + 1) .. ',' .. (s.v or 0) .. ',' .. (s.d or 0) .. ',' .. (started and 1 or 0)
      .. ',' .. text(leaseMs)
  end
end

local function dataLength(record)
  return #record - TAIL - string.find(record, '\n', 2, true)
end

-- Gives out one pending job that was taken from its line. The deliveries of a call share its number: no job is given
-- out twice in one call.
local function claimOne(e, candidate, session, started, deadline, leaseMs)
  set('pending', meta.pending - 1)
  e.c = 'R'
  e.lease = { n = text(meta.deliveries), started = false, began = false, special = Q.special(e), state = next(e.s) ~= nil,
    session = session }
  call('ZADD', LEASE, text(deadline), e.id)
  Q.countLease(e, candidate)
  if started then Q.start(e) end
  Q.writeLease(e)
  given[#given + 1] = e.id
  given[#given + 1] = e.lease.n
  give(e, e.lease.n, started, leaseMs)
end

local function isLate(e)
  local at = Q.expires(e)
  return at ~= nil and not e.s.b and at <= now
end

local function claimOneByOne(session, slots, most, leaseMs, maxBytes, budget, early, stale, laned)
  local deadline, got, bytes, late = nowUp + leaseMs, 0, 0, 0
  while got < most and Q.queueOpen() do
    local candidate = Q.pick(early, stale, laned)
    if not candidate then return end
    local e = Q.load(candidate.id)
    e.lane = candidate.lane
    candidate.e = e
    if isLate(e) then
      Q.finish(e, 'e')
      late = late + 1
      stale = true
      if late > budget then return end
    else
      local started = got < slots
      if not started and not Q.mayGoAhead(e) then return end
      bytes = bytes + dataLength(e.record)
      if got > 0 and bytes > maxBytes then return end
      if candidate.src == 'lane' then Q.takeLane(candidate) else Q.takeFree(candidate) end
      claimOne(e, candidate, session, started, deadline, leaseMs)
      got = got + 1
    end
  end
end

-- Jobs of the level lists, in bulk: nothing but their level decides.
local function claimInBulk(session, slots, most, leaseMs, maxBytes)
  local deadline = text(nowUp + leaseMs)
  local got, bytes, leases, fences = 0, 0, {}, {}
  local number = text(meta.deliveries)
  local startedFence = ':SBNN:' .. text(now) .. ':' .. session
  local aheadFence = ':UNNN::' .. session
  local startedLate, aheadLate = ':SBND:' .. text(now) .. ':' .. session, ':UNND::' .. session
  local goesOn = true
  while goesOn and got < most and meta.mask > 0 do
    local p = highest(meta.mask)
    local level = KEYS[LEVEL0 + p]
    local need = most - got
    local ids = call('LPOP', level, min(need, 1000))
    if not ids or #ids < need and #ids < 1000 then set('mask', meta.mask - bit(p)) end
    if ids then
      local records = call('HMGET', JOBS, unpack(ids))
      local states = call('HMGET', STATE, unpack(ids))
      local taken = 0
      for i, id in ipairs(ids) do
        local record, raw = records[i], states[i]
        local started = got < slots
        local isPlain = (not raw or string.byte(raw, 1) == 126) and string.byte(record, 1) ~= 83
        local size = dataLength(record)
        if got > 0 and bytes + size > maxBytes then
          goesOn = false
          break
        end
        if isPlain then
          bytes = bytes + size
          leases[#leases + 1] = deadline
          leases[#leases + 1] = id
          fences[#fences + 1] = id
          fences[#fences + 1] = number .. (started and (raw and startedLate or startedFence) or raw and aheadLate or aheadFence)
          given[#given + 1] = id
          given[#given + 1] = number
          out[#out + 1] = id
          out[#out + 1] = number
          out[#out + 1] = record
          out[#out + 1] = started and '' or '1,0,0,0,' .. text(leaseMs)
          meta.pending = meta.pending - 1
          got = got + 1
        else
          local e = Q.load(id, record)
          if isLate(e) then
            -- It left its list, so it is no pending job that could be taken out of one.
            set('pending', meta.pending - 1)
            e.c = nil
            call('ZREM', EXPIRY, id)
            Q.finish(e, 'e')
          else
            if not started and not Q.mayGoAhead(e) then
              goesOn = false
              break
            end
            bytes = bytes + size
            claimOne(e, nil, session, started, tonumber(deadline), leaseMs)
            got = got + 1
          end
        end
        taken = taken + 1
      end
      Q.popped(p, taken)
      if taken < #ids then
        local back = {}
        for i = #ids, taken + 1, -1 do back[#back + 1] = ids[i] end
        call('LPUSH', level, unpack(back))
        if not has(meta.mask, p) then set('mask', meta.mask + bit(p)) end
      end
    end
  end
  written.pending = true
  if #leases > 0 then
    many('ZADD', LEASE, leases)
    many('HSET', FENCE, fences)
  end
end

local function claim(session, slots, ahead, leaseMs, maxBytes, budget)
  local most = slots + ahead
  if most == 0 or meta.paused == 1 or meta.refile ~= '' or meta.pending == 0 then return end
  set('deliveries', max(clock[1] * 1000000 + clock[2], meta.deliveries + 1))
  if call('EXISTS', LEASE) == 0 then
    call('ZADD', LEASE, '+inf', SENTINEL)
    call('HSET', FENCE, SENTINEL, '')
  end
  local early, stale, laned = call('EXISTS', EARLY) == 1, call('EXISTS', STALE) == 1, call('EXISTS', PEND) == 1
  local decides = rules and (rules.rate or rules.tasks or rules.k or rules.aging)
  if early or stale or laned or decides then
    return claimOneByOne(session, slots, most, leaseMs, maxBytes, budget, early, stale, laned)
  end
  if rules and rules.c then most = min(slots, rules.c - Q.running()) end
  if most > 0 then claimInBulk(session, slots, most, leaseMs, maxBytes) end
end
`;

/**
 * KEYS hot. ARGV: wake channel, settled channel, session, seq, how long it is remembered, slots, ahead, leaseMs, maxBytes,
 * number of settlements, number of starts; five for each settlement (kind, delivery, id, x, y), two for each start
 * (delivery, id). Answers { lost, cancelled, paused, next due or -1, deliveries of four, whether new rules are still being
 * applied, the last place that was given to a job }.
 */
export const EXCHANGE: string =
  PLAIN_EXCHANGE +
  LIBRARY +
  SETTLE +
  String.raw`
local session, seq, rememberMs = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local slots, ahead, leaseMs, maxBytes = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local settles, starts = tonumber(ARGV[10]), tonumber(ARGV[11])
local lost = {}

local function reply()
  local cancelled = {}
  local prefix = named(session)
  for i, member in ipairs(under(prefix, 1000, NOTICES)) do cancelled[i] = string.sub(member, #prefix + 1) end
  return { lost, cancelled, meta.paused, Q.dueIn() or -1, out, meta.refile ~= '' and 1 or 0, meta.places }
end

local recalled, later = Q.recall('x' .. session, seq)
if recalled == false then return { 'stale', text(later) } end
if recalled then
  lost = recalled.l
  for i = 1, #recalled.d, 2 do
    local e = Q.load(recalled.d[i])
    if e and e.c == 'R' and Q.leaseOf(e).n == recalled.d[i + 1] then
      local left = tonumber(call('ZSCORE', LEASE, e.id)) - nowUp
      if left > 0 then
        local s = e.s
        out[#out + 1] = e.id
        out[#out + 1] = e.lease.n
        out[#out + 1] = e.record
        out[#out + 1] = ((s.a or 0) + 1) .. ',' .. (s.v or 0) .. ',' .. (s.d or 0) .. ',' .. (e.lease.started and 1 or 0)
          .. ',' .. text(min(left, recalled.m))
      end
    end
  end
  return reply()
end

local budget = max(500, 2 * (settles + slots + ahead))
Q.begin(budget)

local at = 12 + settles * 5
for i = 1, starts do
  local n, id = ARGV[at], ARGV[at + 1]
  at = at + 2
  local e = Q.load(id)
  if not e or e.c ~= 'R' or Q.leaseOf(e).n ~= n or tonumber(call('ZSCORE', LEASE, id)) <= now then
    lost[#lost + 1] = n .. '.' .. id
  elseif not e.lease.started then
    Q.start(e)
    Q.writeLease(e)
  end
end

if settles > 0 then
  local ids = {}
  for i = 1, settles do ids[i] = ARGV[9 + i * 5] end
  local fences = fetch(FENCE, ids)
  local first = call('ZRANGE', LEASE, 0, 0, 'WITHSCORES')
  -- While no lease at all has ended, a fence with the right number is proof enough.
  local allHeld = first[2] == nil or tonumber(first[2]) > now
  -- A second outcome of the same delivery in one call finds it settled.
  local plain, done = {}, {}
  local byTask = rules and rules.tasks
  for i = 1, settles do
    local base = 7 + i * 5
    local kind, n, id = ARGV[base], ARGV[base + 1], ARGV[base + 2]
    local fence = fences[i]
    local isPlain = false
    if kind == 'c' and allHeld and fence and not done[id] and not byTask then
      local number, started, began, special, state, startedAt = string.match(fence, '^(%d+):(%u)(%u)(%u)(%u):(%d*):')
      if number == n and special == 'N' and (state == 'N' or state == 'D') and started == 'S' and not string.find(ARGV[base + 3], ',', 1, true) then
        isPlain = true
        plain[#plain + 1] = { id = id, at = tonumber(startedAt), x = ARGV[base + 3], y = ARGV[base + 4],
          ru = state == 'D' and string.sub(call('HGET', STATE, id) or '~', 2) or nil }
      end
    end
    done[id] = true
    if not isPlain then
      if #plain > 0 then
        completePlain(plain)
        plain = {}
      end
      if not settle(kind, n, id, ARGV[base + 3], ARGV[base + 4]) then lost[#lost + 1] = n .. '.' .. id end
    end
  end
  if #plain > 0 then completePlain(plain) end
  if rules then moved = true end
end

reap(budget)
Q.carryOn(200)
claim(session, slots, ahead, leaseMs, maxBytes, budget)
Q.remember('x' .. session, { q = seq, l = lost, d = given, m = leaseMs }, max(leaseMs, rememberMs))
call('ZADD', CONSUMERS, 'GT', text(nowUp + leaseMs), session)
call('ZREMRANGEBYSCORE', CONSUMERS, '-inf', now)
set('swept', now)
Q.close(max(budget, 2500), slots + ahead > #out / 4)
return reply()
`;

/** KEYS hot. ARGV: wake channel, settled channel, leaseMs, then delivery and id of each. Answers { lost, cancelled }. */
export const EXTEND: string =
  LIBRARY +
  String.raw`
local leaseMs = tonumber(ARGV[3])
local deadline = text(nowUp + leaseMs)
Q.begin(500)
local lost, cancelled, ids, numbers = {}, {}, {}, {}
for i = 4, #ARGV, 2 do
  numbers[#numbers + 1] = ARGV[i]
  ids[#ids + 1] = ARGV[i + 1]
end
if #ids > 0 then
  local fences = fetch(FENCE, ids)
  local renewed = {}
  for i, id in ipairs(ids) do
    local fence = fences[i]
    local n, flags = string.match(fence or '', '^(%d+):(%u+):')
    if n ~= numbers[i] or tonumber(call('ZSCORE', LEASE, id)) <= now then lost[#lost + 1] = numbers[i] .. '.' .. id
    else
      renewed[#renewed + 1] = deadline
      renewed[#renewed + 1] = id
      if string.sub(flags, 4, 4) == 'Y' then
        local raw = call('HGET', STATE, id)
        if raw and Q.state(raw).cr then cancelled[#cancelled + 1] = n .. '.' .. id end
      end
    end
  end
  many('ZADD', LEASE, renewed)
end
Q.carryOn(200)
Q.close(500)
return { lost, cancelled }
`;
