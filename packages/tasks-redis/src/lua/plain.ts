import { KEY_LOCALS, LEVEL0 } from "./keys.ts";

/**
 * The short ways through the two hot calls, for jobs that concern nothing but themselves in a queue without rules. They
 * stand at the head of their scripts: each looks first, and when anything is out of the ordinary it writes nothing and
 * falls through to the long way, whose functions are only made then.
 */
const HEAD = String.raw`
${KEY_LOCALS}
local LEVEL0 = ${LEVEL0}
local call, floor, format, byte = redis.call, math.floor, string.format, string.byte
local clock = call('TIME')
local exact = clock[1] * 1000 + clock[2] / 1000
local now, nowUp = floor(exact), math.ceil(exact)
local MOST = 2000
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
local function called(field)
  local raw = call('HGET', CALLS, field)
  return raw and cmsgpack.unpack(raw) or nil
end
-- Where a call is remembered until is written now and then, and a little further ahead than asked for.
local AHEAD = 1000
local function endsOf(last, forMs)
  local ends = nowUp + forMs
  if last and last.e and last.e >= ends then return last.e, false end
  return ends + AHEAD, true
end
local function has(mask, p) return floor(mask / 2 ^ p) % 2 == 1 end
`;

export const PLAIN_ENQUEUE: string = String.raw`
local function plainEnqueue()
  ${HEAD}
  local field, seq, rememberMs = 'e' .. ARGV[3], tonumber(ARGV[4]), ARGV[5]
  local last = called(field)
  if last and seq <= last.q then return nil end
  local meta = call('HMGET', META, 'mask', 'idle', 'places', 'pending', 'maxSize', 'concerns')
  if (meta[5] and meta[5] ~= '-1') or (meta[6] and meta[6] ~= '') then return nil end
  local n = (#ARGV - 5) / 4
  if n == 0 then return nil end
  local ids = {}
  for i = 1, n do
    local at = 2 + i * 4
    if byte(ARGV[at + 3], 1) == 83 then return nil end
    ids[i] = ARGV[at]
  end
  local known = fetch(JOBS, ids)
  local seen = {}
  for i = 1, n do
    if known[i] or seen[ids[i]] then return nil end
    seen[ids[i]] = true
  end

  local mask, places = tonumber(meta[1] or 0), tonumber(meta[3] or 0)
  local created = format('%013.0f', now)
  local fields, levels, due, states, pending = {}, {}, {}, {}, 0
  for i = 1, n do
    local at = 2 + i * 4
    local priority, delay, place = ARGV[at + 1], ARGV[at + 2], 0
    if delay == '' then
      places = places + 1
      place = places
      pending = pending + 1
      local level = levels[priority]
      if not level then
        level = {}
        levels[priority] = level
      end
      level[#level + 1] = ids[i]
    else
      local runAt = now + tonumber(delay)
      due[#due + 1] = format('%.0f', runAt)
      due[#due + 1] = ids[i]
      states[#states + 1] = ids[i]
      states[#states + 1] = cmsgpack.pack({ c = 's', ru = runAt })
    end
    fields[2 * i - 1] = ids[i]
    fields[2 * i] = ARGV[at + 3] .. format('%02d', priority) .. created .. format('%011.0f', place)
  end
  slices('HSET', JOBS, fields)
  slices('HSET', STATE, states)
  slices('ZADD', SCHED, due)
  for priority, level in pairs(levels) do
    local p = tonumber(priority)
    slices('RPUSH', KEYS[LEVEL0 + p], level)
    if not has(mask, p) then mask = mask + 2 ^ p end
  end
  if pending > 0 then
    call('HSET', META, 'mask', format('%.0f', mask), 'places', format('%.0f', places),
      'pending', format('%.0f', tonumber(meta[4] or 0) + pending))
  end
  local ends, isNew = endsOf(last, tonumber(rememberMs))
  call('HSET', CALLS, field, cmsgpack.pack({ q = seq, e = ends }))
  if isNew then call('ZADD', CALLENDS, format('%.0f', ends), field) end
  if meta[2] == '1' then
    call('HSET', META, 'idle', '0')
    call('PUBLISH', ARGV[1], '1')
  end
  return {}
end
do
  local answer = plainEnqueue()
  if answer then return answer end
end
`;

export const PLAIN_EXCHANGE: string = String.raw`
local function plainExchange()
  ${HEAD}
  local session, seq, rememberMs = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
  local slots, ahead, leaseMs, maxBytes = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  local settles, starts = tonumber(ARGV[10]), tonumber(ARGV[11])

  local meta = call('HMGET', META, 'paused', 'mask', 'idle', 'deliveries', 'stamp', 'pending', 'keepCount', 'swept', 'rules',
    'refile')
  if (meta[9] or '') ~= '' or (meta[10] or '') ~= '' or now - tonumber(meta[8] or 0) >= 1000 then return nil end
  if call('EXISTS', EARLY, STALE, PEND, RELEASES, NOTICES) > 0 then return nil end
  local last = called('x' .. session)
  if last and seq <= last.q then return nil end
  local nextAt = nil
  for _, set in ipairs({ SCHED, RETRY, EXPIRY, LEASE }) do
    local first = call('ZRANGE', set, 0, 0, 'WITHSCORES')
    local score = tonumber(first[2])
    if score then
      if score <= now then return nil end
      if not nextAt or score < nextAt then nextAt = score end
    end
  end

  -- Outcomes and starts of plain deliveries: only completions, each once.
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
  local startedAt = {}
  if #ids > 0 then
    local fences = fetch(FENCE, ids)
    for i = 1, #ids do
      local fence, number = fences[i] or '', numbers[i]
      local at = #number + 2
      local flags = string.sub(fence, at, at + 4)
      if string.sub(fence, 1, at - 1) ~= number .. ':' then return nil end
      if flags == 'SBNN:' then startedAt[i] = string.sub(fence, at + 5, at + 17)
      elseif flags == 'UNNN:' then
        startedAt[i] = nowText
        if i > settles and not done[ids[i]] then
          begun[#begun + 1] = ids[i]
          begun[#begun + 1] = number .. ':SBNN:' .. nowText .. string.sub(fence, at + 5)
        end
      else return nil end
    end
  end

  -- Claims, as far as the levels hold plain jobs.
  local most = slots + ahead
  local mask = tonumber(meta[2] or 0)
  -- The deliveries of a call share its number: no job is given out twice in one call.
  local number = format('%.0f', tonumber(meta[4] or 0) + 1)
  local out, given, leases, fences, taken = {}, {}, {}, {}, {}
  local got, bytes, goesOn = 0, 0, meta[1] ~= '1' and most > 0
  local deadline = format('%.0f', nowUp + leaseMs)
  local startedFence, aheadFence = number .. ':SBNN:' .. nowText .. ':' .. session, number .. ':UNNN::' .. session
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
          if states[i] or not record or byte(record, 1) == 83 then return nil end
          local size = #record - 26 - string.find(record, '\n', 2, true)
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
          fences[2 * got - 1], fences[2 * got] = id, started and startedFence or aheadFence
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
      states[2 * i] = '!' .. startedAt[i] .. ',' .. nowText .. ',' .. ARGV[base] .. ',' .. ARGV[base + 1]
    end
    slices('ZREM', LEASE, settled)
    slices('HDEL', FENCE, settled)
    local keep = tonumber(meta[7] or 1000)
    local awaited = call('EXISTS', AWAITED) == 1
    if keep == 0 and not awaited then slices('HDEL', JOBS, settled)
    else
      slices('HSET', STATE, states)
      slices('RPUSH', COMPLETED, settled)
      if awaited then for i = 1, settles do call('ZADD', AWAITED, 'XX', format('%.0f', now + 2000), ids[i]) end end
      -- Whatever is out of the ordinary about old records, the sweep of each second sees to it.
      local over = call('LLEN', COMPLETED) - keep
      if over > 0 and not awaited and call('EXISTS', CANCELLED, EXPIRED) == 0 and call('HEXISTS', AUX, 'cstale') == 0 then
        local old = call('LPOP', COMPLETED, math.min(over, MOST))
        call('HDEL', JOBS, unpack(old))
        call('HDEL', STATE, unpack(old))
        call('HINCRBY', META, 'popped:c', #old)
      end
    end
    for from = 1, settles, MOST do
      call('PUBLISH', ARGV[2], cjson.encode({ unpack(settled, from, math.min(from + MOST - 1, settles)) }))
    end
  end
  slices('HSET', FENCE, begun)
  if got > 0 then
    if call('EXISTS', LEASE) == 0 then
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
    call('HSET', META, 'mask', format('%.0f', mask), 'deliveries', number,
      'pending', format('%.0f', tonumber(meta[6]) - got))
  end
  local ends, isNew = endsOf(last, math.max(leaseMs, rememberMs))
  local until_ = nowUp + leaseMs
  local seen = last and last.u and last.u > until_ - 50 and last.u <= until_ and last.u or until_
  call('HSET', CALLS, 'x' .. session, cmsgpack.pack({ q = seq, l = {}, d = given, m = leaseMs, e = ends, u = seen }))
  if isNew then call('ZADD', CALLENDS, format('%.0f', ends), 'x' .. session) end
  if seen == until_ then call('ZADD', CONSUMERS, 'GT', format('%.0f', until_), session) end
  if got > 0 and (not nextAt or nowUp + leaseMs < nextAt) then nextAt = nowUp + leaseMs end
  return { {}, {}, tonumber(meta[1] or 0), nextAt and nextAt < math.huge and floor(nextAt - exact) or -1, out }
end
do
  local answer = plainExchange()
  if answer then return answer end
end
`;
