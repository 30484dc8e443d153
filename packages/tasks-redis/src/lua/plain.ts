import { KEY_LOCALS, LEVEL0 } from "./keys.ts";
import { INSTANT_FORMAT, PLACE_FORMAT, TAIL_BYTES } from "./record-tail.ts";

const CLOCK = String.raw`
local call, floor, format, byte = redis.call, math.floor, string.format, string.byte
local clock = call('TIME')
local exact = clock[1] * 1000 + clock[2] / 1000
local now, nowUp = floor(exact), math.ceil(exact)
local MOST = 2000
`;

/** Lua hands over so many arguments at most. */
const SLICES = String.raw`
local function slices(command, key, list)
  if #list <= MOST then
    if #list > 0 then call(command, key, unpack(list)) end
    return
  end
  for from = 1, #list, MOST do call(command, key, unpack(list, from, math.min(from + MOST - 1, #list))) end
end
local function fetch(key, fields)
  if #fields <= MOST then return call('HMGET', key, unpack(fields)) end
  local values = {}
  for from = 1, #fields, MOST do
    for i, value in ipairs(call('HMGET', key, unpack(fields, from, math.min(from + MOST - 1, #fields)))) do
      values[from + i - 1] = value
    end
  end
  return values
end
`;

/** Begins the news that jobs came, before the place of the last; any other text says that something else did. */
export const JOB_CAME = "+";

/** A waiter that was told of an end reads the record in its next step; twice the longest poll is time enough. */
export const WAITED_FOR_MS = 2_000;
/** Bytes of a result that is told with the news of its job's end. */
const LONGEST_NEWS = 4_096;

/** Until when a call is remembered is written now and then, and a little further ahead than asked for. */
const REMEMBERED_AHEAD_MS = 1_000;

/**
 * The short way through an enqueue, for jobs that concern nothing but themselves. KEYS meta, jobs, state, sched, callEnds,
 * and levels. ARGV: wake channel, session, seq, how long it is remembered, priority of the first level (those after it
 * rise by one), session of the call that must have been applied before or nothing, then for each job id, position of its
 * level among KEYS, delay or nothing, content with its priority in two digits. Answers 1 when all are accepted, and nothing
 * when the long way has to judge.
 */
export const PLAIN_ENQUEUE: string = String.raw`
${CLOCK}
local META, JOBS = KEYS[1], KEYS[2]
local field, seq, rememberMs, first = 'call:e' .. ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local meta = call('HMGET', META, field, 'mask', 'idle', 'places', 'pending', 'maxSize', 'concerns')
if (meta[6] or '-1') ~= '-1' or (meta[7] or '') ~= '' then return nil end
if ARGV[6] ~= '' then
  local before = call('HGET', META, 'call:e' .. ARGV[6])
  if not before or cmsgpack.unpack(before).q ~= seq then return nil end
end
-- That a call is remembered longer is written now and then, not at each.
local ends, isNew = nowUp + rememberMs, true
if meta[1] then
  local last = cmsgpack.unpack(meta[1])
  if seq <= last.q then return nil end
  if last.e >= ends then ends, isNew = last.e, false end
end
if isNew then ends = ends + ${REMEMBERED_AHEAD_MS} end
local places, pending = tonumber(meta[4] or 0), tonumber(meta[5] or 0)
local mask, created = tonumber(meta[2] or 0), format('${INSTANT_FORMAT}', now)
local n, delayed = (#ARGV - 6) / 4, false

if n == 1 and ARGV[9] == '' then
  places = places + 1
  if call('HSETNX', JOBS, ARGV[7], ARGV[10] .. created .. format('${PLACE_FORMAT}', places)) == 0 then return nil end
  call('RPUSH', KEYS[tonumber(ARGV[8])], ARGV[7])
  pending = pending + 1
  local level = 2 ^ (first + ARGV[8] - 6)
  if floor(mask / level) % 2 == 0 then mask = mask + level end
else
  ${SLICES}
  local ids, seen = {}, {}
  for i = 1, n do
    local id = ARGV[3 + i * 4]
    if seen[id] then return nil end
    seen[id] = true
    ids[i] = id
  end
  for _, known in pairs(fetch(JOBS, ids)) do if known then return nil end end
  local fields, levels, due, states = {}, {}, {}, {}
  for i = 1, n do
    local at = 3 + i * 4
    local slot, delay, place = ARGV[at + 1], ARGV[at + 2], 0
    if delay == '' then
      places = places + 1
      place = places
      pending = pending + 1
      local level = levels[slot]
      if not level then
        level = {}
        levels[slot] = level
      end
      level[#level + 1] = ids[i]
    else
      local runAt = now + delay
      delayed = true
      due[#due + 1] = format('%.0f', runAt)
      due[#due + 1] = ids[i]
      states[#states + 1] = ids[i]
      states[#states + 1] = '=' .. format('%.0f', runAt)
    end
    fields[2 * i - 1] = ids[i]
    fields[2 * i] = ARGV[at + 3] .. created .. format('${PLACE_FORMAT}', place)
  end
  slices('HSET', JOBS, fields)
  slices('HSET', KEYS[3], states)
  slices('ZADD', KEYS[4], due)
  for slot, level in pairs(levels) do
    slices('RPUSH', KEYS[tonumber(slot)], level)
    local bit = 2 ^ (first + slot - 6)
    if floor(mask / bit) % 2 == 0 then mask = mask + bit end
  end
end
call('HSET', META, field, cmsgpack.pack({ q = seq, e = ends }), 'mask', format('%.0f', mask), 'places',
  format('%.0f', places), 'pending', format('%.0f', pending), 'idle', '0')
if isNew then call('ZADD', KEYS[5], format('%.0f', ends), string.sub(field, 6)) end
if meta[3] == '1' then call('PUBLISH', ARGV[1], delayed and '' or '${JOB_CAME}' .. format('%.0f', places)) end
return 1
`;

/**
 * The short way through an exchange, for jobs that concern nothing but themselves in a queue without rules. It stands at
 * the head of the script: it looks first, and when anything is out of the ordinary it writes nothing and falls through to
 * the long way, whose functions are only made then.
 */
export const PLAIN_EXCHANGE: string = String.raw`
local function plainExchange()
  ${KEY_LOCALS}
  local LEVEL0 = ${LEVEL0}
  ${CLOCK}
  ${SLICES}
  local function has(mask, p) return floor(mask / 2 ^ p) % 2 == 1 end
  local session, seq, rememberMs = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
  local slots, ahead, leaseMs, maxBytes = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  local settles, starts = tonumber(ARGV[10]), tonumber(ARGV[11])

  local field = 'call:x' .. session
  local meta = call('HMGET', META, 'paused', 'mask', field, 'deliveries', 'popped:c', 'pending', 'keepCount', 'swept', 'rules',
    'refile', 'idle', 'places')
  if (meta[9] or '') ~= '' or (meta[10] or '') ~= '' or now - tonumber(meta[8] or 0) >= 1000 then return nil end
  if call('EXISTS', EARLY, STALE, PEND, RELEASES, NOTICES) > 0 then return nil end
  local last = meta[3] and cmsgpack.unpack(meta[3]) or nil
  if last and seq <= last.q then return nil end
  -- Old records that somebody waits for, or that others count beside, are trimmed the long way, many at once.
  if call('LLEN', COMPLETED) > tonumber(meta[7] or 1000) + 1000 then return nil end
  local firstLease = call('ZRANGE', LEASE, 0, 0, 'WITHSCORES')
  local nextAt = tonumber(firstLease[2] or math.huge)
  if nextAt <= now then return nil end
  if call('EXISTS', SCHED, RETRY, EXPIRY) > 0 then
    for _, set in ipairs({ SCHED, RETRY, EXPIRY }) do
      local score = tonumber(call('ZRANGE', set, 0, 0, 'WITHSCORES')[2] or math.huge)
      if score <= now then return nil end
      if score < nextAt then nextAt = score end
    end
  end

  -- Outcomes and starts of plain deliveries: only completions, each once. A comma would break the short text of a state.
  local nowText = format('%.0f', now)
  local ids, numbers, done = {}, {}, {}
  for i = 1, settles do
    local base = 7 + i * 5
    if ARGV[base] ~= 'c' or done[ARGV[base + 2]] or string.find(ARGV[base + 3], ',', 1, true) then return nil end
    numbers[i], ids[i] = ARGV[base + 1], ARGV[base + 2]
    done[ids[i]] = true
  end
  local begun, at = {}, 12 + settles * 5
  for i = 1, starts do
    numbers[settles + i], ids[settles + i] = ARGV[at], ARGV[at + 1]
    at = at + 2
  end
  local startedAt, runAt = {}, {}
  if #ids > 0 then
    local fences = fetch(FENCE, ids)
    for i = 1, #ids do
      local fence, number = fences[i] or '', numbers[i]
      local at = #number + 2
      local flags = string.sub(fence, at, at + 4)
      if string.sub(fence, 1, at - 1) ~= number .. ':' then return nil end
      if flags == 'SBNN:' or flags == 'SBND:' then startedAt[i] = string.sub(fence, at + 5, at + 17)
      elseif flags == 'UNNN:' or flags == 'UNND:' then
        startedAt[i] = nowText
        if i > settles and not done[ids[i]] then
          begun[#begun + 1] = ids[i]
          begun[#begun + 1] = number .. ':SBN' .. string.sub(flags, 4) .. nowText .. string.sub(fence, at + 5)
        end
      else return nil end
      if i <= settles and string.byte(flags, 4) == 68 then runAt[i] = string.sub(call('HGET', STATE, ids[i]) or '~', 2) end
    end
  end

  -- Claims, as far as the levels hold plain jobs.
  local most = slots + ahead
  local mask = tonumber(meta[2] or 0)
  -- The deliveries of a call share its number: no job is given out twice in one call. It is taken from the clock, so that
  -- it is not given again when a replica takes over that had not heard of it.
  local number = format('%.0f', math.max(clock[1] * 1000000 + clock[2], tonumber(meta[4] or 0) + 1))
  local out, given, leases, fences, taken = {}, {}, {}, {}, {}
  local got, bytes, goesOn = 0, 0, meta[1] ~= '1' and most > 0
  local deadline = format('%.0f', nowUp + leaseMs)
  local startedFence, aheadFence = number .. ':SBNN:' .. nowText .. ':' .. session, number .. ':UNNN::' .. session
  -- Of jobs that were put off, which is told with the rest of them when they have ended.
  local startedLate, aheadLate = number .. ':SBND:' .. nowText .. ':' .. session, number .. ':UNND::' .. session
  local aheadCounters = '1,0,0,0,' .. format('%.0f', leaseMs)
  local p = 20
  while goesOn and got < most and mask > 0 and p >= 0 do
    if has(mask, p) then
      local need = most - got
      if need > MOST then need = MOST end
      local found = call('LRANGE', KEYS[LEVEL0 + p], 0, need - 1)
      local n = #found
      if n > 0 then
        local records, states = call('HMGET', JOBS, unpack(found)), call('HMGET', STATE, unpack(found))
        for i = 1, n do
          local record = records[i]
          local state = states[i]
          -- It ran before, or its record begins with S: it concerns more than itself.
          if (state and byte(state, 1) ~= 126) or not record or byte(record, 1) == 83 then return nil end
          local size = #record - ${TAIL_BYTES} - string.find(record, '\n', 2, true)
          if got > 0 and bytes + size > maxBytes then
            n = i - 1
            goesOn = false
            break
          end
          bytes = bytes + size
          local id = found[i]
          local started = got < slots
          got = got + 1
          leases[2 * got - 1], leases[2 * got] = deadline, id
          fences[2 * got - 1] = id
          if state then fences[2 * got] = started and startedLate or aheadLate
          else fences[2 * got] = started and startedFence or aheadFence end
          given[2 * got - 1], given[2 * got] = id, number
          out[4 * got - 3], out[4 * got - 2], out[4 * got - 1] = id, number, record
          out[4 * got] = started and '' or aheadCounters
        end
        taken[p] = n
      end
      if goesOn and #found < need then
        mask = mask - 2 ^ p
        p = p - 1
      elseif #found == need then break end
    else p = p - 1 end
  end

  -- Nothing stands in the way: from here on it is written.
  if settles > 0 then
    local settled, states = {}, {}
    for i = 1, settles do
      local base = 10 + i * 5
      settled[i] = ids[i]
      states[2 * i - 1] = ids[i]
      states[2 * i] = '!' .. startedAt[i] .. ',' .. nowText .. ',' .. (runAt[i] or '') .. ',' .. ARGV[base] .. ',' .. ARGV[base + 1]
    end
    slices('ZREM', LEASE, settled)
    slices('HDEL', FENCE, settled)
    local keep = tonumber(meta[7] or 1000)
    local awaited = call('EXISTS', AWAITED) == 1
    if keep == 0 and not awaited then
      slices('HDEL', JOBS, settled)
      slices('HDEL', STATE, settled)
    else
      slices('HSET', STATE, states)
      local over = call('RPUSH', COMPLETED, unpack(settled, 1, math.min(settles, MOST))) - keep
      if settles > MOST then over = call('RPUSH', COMPLETED, unpack(settled, MOST + 1)) - keep end
      -- Whatever is out of the ordinary about old records, the sweep of each second sees to it.
      if over > 0 and not awaited and call('EXISTS', CANCELLED, EXPIRED, STALEDONE) == 0 then
        local old = call('LPOP', COMPLETED, math.min(over, MOST))
        call('HDEL', JOBS, unpack(old))
        call('HDEL', STATE, unpack(old))
        meta[5] = tonumber(meta[5] or 0) + #old
      end
    end
    if awaited then
      -- Who waits is told the outcome with the news, unless that is large.
      local news = {}
      for i = 1, settles do
        if call('ZSCORE', AWAITED, ids[i]) then
          call('ZADD', AWAITED, format('%.0f', now + ${WAITED_FOR_MS}), ids[i])
          local base = 10 + i * 5
          local isShort = #ARGV[base + 1] <= ${LONGEST_NEWS}
          news[#news + 1] = isShort and { ids[i], ARGV[base], ARGV[base + 1] } or { ids[i] }
        end
      end
      if #news > 0 then call('PUBLISH', ARGV[2], cjson.encode(news)) end
    end
  end
  slices('HSET', FENCE, begun)
  if got > 0 then
    if not firstLease[1] then
      local sentinel = string.rep('~', 70)
      call('ZADD', LEASE, '+inf', sentinel)
      call('HSET', FENCE, sentinel, '')
    end
    for level, n in pairs(taken) do
      if n > 0 then
        call('LTRIM', KEYS[LEVEL0 + level], n, -1)
        call('HINCRBY', META, 'popped:' .. level, n)
      end
    end
    slices('ZADD', LEASE, leases)
    slices('HSET', FENCE, fences)
    if nowUp + leaseMs < nextAt then nextAt = nowUp + leaseMs end
  end
  local ends, isNew = nowUp + math.max(leaseMs, rememberMs), true
  if last and last.e >= ends then ends, isNew = last.e, false end
  if isNew then
    ends = ends + ${REMEMBERED_AHEAD_MS}
    call('ZADD', CALLENDS, format('%.0f', ends), 'x' .. session)
  end
  -- Who claims is counted until a lease has passed, give or take this much.
  local claims = nowUp + leaseMs
  if last and last.u and last.u <= claims and last.u > claims - 50 then claims = last.u
  else call('ZADD', CONSUMERS, 'GT', format('%.0f', claims), session) end
  -- Who got less than it asked for is woken by what comes next.
  local idle = (meta[1] ~= '1' and got < most) and '1' or meta[11] or '0'
  call('HSET', META, 'idle', idle, 'mask', format('%.0f', mask), 'deliveries', number, 'pending', format('%.0f', tonumber(meta[6] or 0) - got),
    'popped:c', format('%.0f', tonumber(meta[5] or 0)), field,
    cmsgpack.pack({ q = seq, l = {}, d = given, m = leaseMs, e = ends, u = claims }))
  return { {}, {}, tonumber(meta[1] or 0), nextAt < math.huge and floor(nextAt - exact) or -1, out, 0, tonumber(meta[12] or 0) }
end
do
  local answer = plainExchange()
  if answer then return answer end
end
`;
