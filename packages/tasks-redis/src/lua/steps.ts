import { BEFORE_PLACE, PLACE_FORMAT, PRIORITY_OF } from "./record-tail.ts";

/** Leases, moves and ends of jobs, and what each step begins and closes with. */
export const STEPS: string = String.raw`
-- Small containers are kept as flat lists, which a batch rebuilds entry by entry; one long entry keeps them hashed. It
-- stands in the leases and their fences, and counts as no lease.
local SENTINEL = string.rep('~', 70)

-- A delivery: number, whether it is started, began the job, is special or has state, when it was started, and who holds it.
function Q.leaseOf(e)
  local lease = e.lease
  if not lease then
    local n, started, began, special, state, at, session = string.match(e.fence, '^(%d+):(%u)(%u)(%u)(%u):(%d*):(.*)$')
    lease = { n = n, started = started == 'S', began = began == 'B', special = special == 'X', state = state == 'Y',
      late = state == 'D',
      at = tonumber(at), session = session }
    e.lease = lease
  end
  return lease
end
local function fenceOf(lease)
  return lease.n .. ':' .. (lease.started and 'S' or 'U') .. (lease.began and 'B' or 'N')
    .. (lease.special and 'X' or 'N') .. (lease.state and 'Y' or lease.late and 'D' or 'N') .. ':' .. (lease.at and text(lease.at) or '')
    .. ':' .. lease.session
end
function Q.writeLease(e)
  e.fence = fenceOf(e.lease)
  call('HSET', FENCE, e.id, e.fence)
end
-- Has its settlement look at the job's state.
function Q.markLease(e)
  local lease = Q.leaseOf(e)
  if lease.state then return end
  lease.state = true
  Q.writeLease(e)
end

local function notice(e)
  local lease = Q.leaseOf(e)
  return named(lease.session) .. lease.n .. '.' .. e.id
end

function Q.dropLease(e)
  call('ZREM', LEASE, e.id)
  call('HDEL', FENCE, e.id)
  if e.s.cr then call('ZREM', NOTICES, notice(e)) end
  Q.uncountLease(e)
end

-- Takes a job out of where its status keeps it.
function Q.detach(e)
  local c = e.c
  if c == 'R' then Q.dropLease(e)
  elseif c == 'p' then Q.unfile(e)
  elseif c == 's' then call('ZREM', SCHED, e.id)
  elseif c == 'r' then call('ZREM', RETRY, e.id)
  elseif c == 'w' then call('ZREM', WAITING, e.id) end
  if Q.special(e) and Q.head(e).x then call('ZREM', EXPIRY, e.id) end
end

local function armExpiry(e)
  local at = Q.expires(e)
  if at and not e.s.b then call('ZADD', EXPIRY, text(at), e.id) end
end

function Q.makePending(e)
  if e.c then Q.detach(e) end
  e.c = 'p'
  Q.file(e)
  armExpiry(e)
  if not e.fresh then Q.save(e) end
end

function Q.makeScheduled(e, at)
  if e.c then Q.detach(e) end
  e.s.ru = at
  e.c = (e.s.a or 0) > 0 and 'r' or 's'
  call('ZADD', e.c == 'r' and RETRY or SCHED, text(at), e.id)
  armExpiry(e)
  moved = true
  Q.save(e)
end

function Q.putBack(e, delayMs)
  if delayMs > 0 then Q.makeScheduled(e, now + delayMs) else Q.makePending(e) end
end

-- Keys that jobs hold: the mode, and the holder's id.
function Q.holder(key)
  local hold = call('HGET', UNIQUE, key)
  if not hold then return nil end
  local mode, id = string.match(hold, '^(%a+):(.*)$')
  if mode == 'ttl' then
    local ends = call('ZSCORE', UNIQUEENDS, key)
    if ends and tonumber(ends) <= now then
      call('HDEL', UNIQUE, key)
      call('ZREM', UNIQUEENDS, key)
      return nil
    end
  end
  return id
end
function Q.takeKey(e, u)
  call('HSET', UNIQUE, u.k, u.m .. ':' .. e.id)
  if u.m == 'ttl' then call('ZADD', UNIQUEENDS, text(nowUp + u.t), u.k)
  else call('ZREM', UNIQUEENDS, u.k) end
end
local function freeKey(e, mode)
  local u = Q.special(e) and Q.head(e).u
  if not u or u.m == 'ttl' or (mode and u.m ~= mode) then return end
  if call('HGET', UNIQUE, u.k) == u.m .. ':' .. e.id then call('HDEL', UNIQUE, u.k) end
end

-- Marks a delivery as started.
function Q.start(e)
  local lease = Q.leaseOf(e)
  lease.started = true
  lease.at = now
  if not e.s.b then lease.began = true end
  freeKey(e, 'started')
  if Q.special(e) and Q.head(e).x then call('ZREM', EXPIRY, e.id) end
  Q.countStart(e)
end

-- Keeps in the job's state what its lease knew.
function Q.land(e)
  local lease = Q.leaseOf(e)
  if not lease.started then return end
  e.s.b = 1
  e.s.st = lease.at
end

-- Ends a job.
function Q.finish(e, outcome)
  if e.c then Q.detach(e) end
  e.c = outcome
  e.s.fi = now
  e.s.cr = nil
  freeKey(e)
  Q.withdraw(e, outcome == 'f')
  Q.linksEnded(e, outcome, false)
  e.stamp = nil
  Q.save(e)
  if outcome == 'f' then Q.tally(e, 1) end
  Q.keepAgain(e)
  ended[#ended + 1] = e.id
end

-- Dead letters by task.
function Q.tally(e, n)
  local field = 'ft:' .. Q.head(e).t
  if call('HINCRBY', META, field, n) <= 0 then call('HDEL', META, field) end
end

-- Deletes a record, whatever its status; a running job is fenced, an unfinished one counts as over.
function Q.remove(e)
  local wasOver = TERMINAL[e.c] ~= nil
  local c = e.c
  if wasOver then
    Q.unkeep(e)
    if c == 'f' then Q.tally(e, -1) end
  else Q.detach(e) end
  freeKey(e)
  Q.unheld(e)
  if not wasOver then
    Q.linksEnded(e, 'x', true)
    ended[#ended + 1] = e.id
  end
  call('HDEL', JOBS, e.id)
  call('HDEL', STATE, e.id)
end
function Q.unheld(e)
  local key = Q.special(e) and Q.head(e).k
  if key then Q.unchain(e, key) end
end

-- Does what time alone brings, in bounded steps; what is left over is found by the next call, as it is still due.
function Q.begin(budget)
  for _, set in ipairs({ SCHED, RETRY }) do
    local due = call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, budget)
    if #due > 0 then Q.promote(set, due) end
  end
  local late = call('ZRANGEBYSCORE', EXPIRY, '-inf', now, 'LIMIT', 0, budget)
  for _, id in ipairs(late) do
    local e = Q.load(id)
    if e and Q.unstarted(e.c) then Q.finish(e, 'e') else call('ZREM', EXPIRY, id) end
  end
  Q.refill()
  local keys = call('ZRANGEBYSCORE', UNIQUEENDS, '-inf', now, 'LIMIT', 0, 500)
  if #keys > 0 then
    call('ZREM', UNIQUEENDS, unpack(keys))
    call('HDEL', UNIQUE, unpack(keys))
  end
  local calls = call('ZRANGEBYSCORE', CALLENDS, '-inf', now, 'LIMIT', 0, 8)
  if #calls > 0 then
    call('ZREM', CALLENDS, unpack(calls))
    for _, field in ipairs(calls) do call('HDEL', META, 'call:' .. field) end
  end
end

-- Makes due jobs pending: those that nothing else concerns all at once.
function Q.promote(source, due)
  local records, states = fetch(JOBS, due), fetch(STATE, due)
  local plain, fields, marks, levels = {}, {}, {}, {}
  local byTask = rules and (rules.tasks or (rules.k and rules.k.fair))
  for i, id in ipairs(due) do
    local record, raw = records[i], states[i]
    if record and raw and string.byte(raw, 1) == 61 and string.byte(record, 1) ~= 83 and not byTask then
      set('places', meta.places + 1)
      plain[#plain + 1] = id
      fields[#fields + 1] = id
      fields[#fields + 1] = ${BEFORE_PLACE} .. format('${PLACE_FORMAT}', meta.places)
      marks[#marks + 1] = id
      marks[#marks + 1] = '~' .. string.sub(raw, 2)
      local p = ${PRIORITY_OF}
      levels[p] = levels[p] or {}
      table.insert(levels[p], id)
    else
      local e = record and Q.load(id, record)
      if e then Q.makePending(e) else call('ZREM', source, id) end
    end
  end
  if #plain == 0 then return end
  many('ZREM', source, plain)
  many('HSET', JOBS, fields)
  many('HSET', STATE, marks)
  for p, ids in pairs(levels) do
    many('RPUSH', KEYS[LEVEL0 + p], ids)
    if not has(meta.mask, p) then set('mask', meta.mask + bit(p)) end
  end
  set('pending', meta.pending + #plain)
  moved = true
end

function Q.dueIn()
  if meta.refile ~= '' or passed >= MOST_PASSED or call('EXISTS', RELEASES) == 1 then return 0 end
  local at = nil
  for _, set in ipairs({ SCHED, RETRY, EXPIRY, LEASE }) do
    local first = call('ZRANGE', set, 0, 0, 'WITHSCORES')
    local score = first[2] and first[1] ~= SENTINEL and tonumber(first[2])
    if score and (not at or score < at) then at = score end
  end
  local refill = Q.nextRefill()
  if refill and (not at or refill < at) then at = refill end
  return at and max(0, floor(at - exact)) or nil
end

function Q.flush()
  local fields = {}
  for field in pairs(written) do
    local value = meta[field]
    fields[#fields + 1] = field
    fields[#fields + 1] = type(value) == 'number' and text(value) or value
  end
  written = {}
  if #fields > 0 then call('HSET', META, unpack(fields)) end
end

-- Tells who waits, and writes the counters.
function Q.close(budget, goesIdle)
  -- Whoever waits has said so; without anybody, nothing has to be told. Waiters read within their poll, so a job that is
  -- over need not be watched for longer.
  if #ended > 0 and call('EXISTS', AWAITED) == 1 then
    local news = {}
    for _, id in ipairs(ended) do
      if call('ZSCORE', AWAITED, id) then
        call('ZADD', AWAITED, text(now + WAITED_FOR), id)
        news[#news + 1] = { id }
      end
    end
    if #news > 0 then call('PUBLISH', ARGV[2], cjson.encode(news)) end
  end
  Q.trim(budget)
  if meta.idle == 1 and moved then
    set('idle', 0)
    call('PUBLISH', ARGV[1], '')
  end
  if goesIdle then set('idle', 1) end
  Q.flush()
end

function Q.remember(field, answer, forMs)
  answer.e = nowUp + forMs
  call('HSET', META, 'call:' .. field, cmsgpack.pack(answer))
  call('ZADD', CALLENDS, 'GT', text(answer.e), field)
end
-- What a call was answered; nothing when it is new; false when a later one of its session was applied.
function Q.recall(field, seq)
  local raw = call('HGET', META, 'call:' .. field)
  if not raw then return nil end
  local answer = cmsgpack.unpack(raw)
  if answer.e <= now then return nil end
  if seq > answer.q then return nil end
  if seq < answer.q then return false, answer.q end
  -- Replicas are waited for from the last write of a link, so a call that is sent again writes too.
  call('HSET', META, 'recalled', text(now))
  return answer
end
`;
