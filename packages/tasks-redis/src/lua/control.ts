import { ACCEPT, LIBRARY } from "./enqueue.ts";

/**
 * What is done to single jobs, and to the queue. KEYS all. ARGV: wake channel, settled channel, operation, its arguments.
 * Answers what the operation says.
 */
export const CONTROL: string =
  LIBRARY +
  ACCEPT +
  String.raw`
local operation = ARGV[3]
local does = {}

function does.cancel(id)
  local e = Q.load(id)
  if not e then return 'unknown' end
  if TERMINAL[e.c] then return 'finished' end
  if e.c == 'R' then
    Q.leaseOf(e)
    if not e.s.cr then
      e.s.cr = 1
      Q.save(e)
      Q.markLease(e)
      call('ZADD', NOTICES, 0, notice(e))
    end
    moved = true
    return 'requested'
  end
  e.s.er, e.s.wy = nil, 'asked'
  Q.finish(e, 'x')
  return 'cancelled'
end

-- id, runAt or '', priority or '', content or ''
function does.update(id, runAt, priority, content)
  local e = Q.load(id)
  if not e then return { 'missing' } end
  if not Q.unstarted(e.c) then return { 'state', STATUS[e.c], runAt ~= '' and tonumber(runAt) > now and 'scheduled' or 'pending' } end
  local level = priority ~= '' and tonumber(priority) or e.priority
  if level ~= e.priority and Q.sharesOrder(e) then return { 'mixed', e.priority, Q.head(e).k } end
  local isWaiting = e.c == 'w'
  if not isWaiting then Q.detach(e) end
  e.c = isWaiting and 'w' or nil
  if level ~= e.priority or content ~= '' then
    local whole = nil
    if content ~= '' then
      -- The head keeps all but the name of the encoding.
      local encoding, data = string.match(content, '^(.-)\n(.*)$')
      local kind = e.kind
      local h = Q.head(e)
      if kind == 'J' and encoding == 'tjson' then whole = 'J' .. h.t .. '\n' .. data
      else
        h.e = encoding
        whole = (kind == 'S' and 'S' or 'H') .. cjson.encode(h) .. '\n' .. data
      end
    end
    Q.rewrite(e, level, e.order, whole)
  end
  if runAt ~= '' then e.s.ru = tonumber(runAt) end
  if isWaiting then Q.save(e)
  elseif (e.s.ru or 0) > now then Q.makeScheduled(e, e.s.ru)
  else Q.makePending(e) end
  return Q.view(e)
end

function does.delete(id)
  local e = Q.load(id)
  if e then Q.remove(e) end
  return e and 1 or 0
end

-- Entries of jobs that are gone, which one step of a clearing passes over.
local MOST_STALE = 5000

-- The first jobs of a status, and whether there may be more behind entries of jobs that are gone.
local function firstOf(c, n)
  if c == 'p' then
    local ids = call('ZRANGE', PEND, 0, n - 1)
    if #ids == 0 then ids = call('ZRANGE', EARLY, 0, n - 1) end
    if #ids == 0 then
      local gone = 0
      for p = TOP, 0, -1 do
        while has(meta.mask, p) and #ids < n and gone < MOST_STALE do
          local id = call('LINDEX', KEYS[LEVEL0 + p], 0)
          if not id then set('mask', meta.mask - bit(p))
          else
            call('LPOP', KEYS[LEVEL0 + p])
            Q.popped(p, 1)
            if countOff(p, id) then gone = gone + 1
            else
              ids[#ids + 1] = id
              -- So that taking it out finds it.
              call('ZADD', EARLY, 0, id)
            end
          end
        end
      end
      return ids, gone == MOST_STALE
    end
    return ids, false
  end
  local sets = { w = WAITING, s = SCHED, r = RETRY }
  if sets[c] then return call('ZRANGE', sets[c], 0, n - 1), false end
  local ids = {}
  if c ~= 'c' then ids = call('ZRANGE', TERMINAL[c], 0, n - 1) end
  if #ids == 0 then
    for i, member in ipairs(under('K' .. c, n)) do ids[i] = string.sub(member, 19) end
  end
  return ids, false
end

-- Removes a bounded number of the jobs of a status; the caller comes again until none is left. Answers how many, and
-- whether to come again.
function does.clear(c, n)
  n = tonumber(n)
  if c == 'c' and call('EXISTS', COMPLETED) == 1 then return { Q.dropCompleted(n), 1 } end
  local ids, more = firstOf(c, n)
  for _, id in ipairs(ids) do
    local e = Q.load(id)
    if e then Q.remove(e) end
  end
  return { #ids, (more or #ids > 0) and 1 or 0 }
end

function does.pause(flag)
  set('paused', tonumber(flag))
  moved = true
  return 1
end

-- policy, rules, what they concern, keepAge, keepCount, keepFailedAge, keepFailedCount, maxSize
function does.policy(policy, nextRules, concerns, keepAge, keepCount, keepFailedAge, keepFailedCount, maxSize)
  if meta.refile ~= '' then
    Q.refile(2000)
    return 'busy'
  end
  set('keepAge', tonumber(keepAge))
  set('keepCount', tonumber(keepCount))
  set('keepFailedAge', tonumber(keepFailedAge))
  set('keepFailedCount', tonumber(keepFailedCount))
  set('maxSize', tonumber(maxSize))
  call('HSET', META, 'policy', policy)
  if meta.rules == nextRules then return 'done' end
  local held = {}
  for _, id in ipairs(call('ZRANGE', LEASE, 0, -1)) do
    if id ~= SENTINEL then held[#held + 1] = Q.load(id) end
  end
  local function recount(n)
    if rules == nil then return end
    for _, e in ipairs(held) do
      local section, key = Q.sectionOf(e), Q.keyOf(e)
      if section ~= '' then add('rt:' .. section, n) end
      if key then add('rk:' .. key, n) end
    end
  end
  recount(-1)
  local before = rules or {}
  rules = nextRules ~= '' and cjson.decode(nextRules) or nil
  local after = rules or {}
  -- Buckets keep what was spent.
  local spent = call('ZRANGE', BUCKET, 0, -1, 'WITHSCORES')
  for i = 1, #spent, 2 do
    local name, full = spent[i], tonumber(spent[i + 1])
    local function rateOf(r)
      local kind, rest = string.sub(name, 1, 2), string.sub(name, 3)
      if name == 'q' then return r.rate end
      if kind == 't:' then return r.tasks and r.tasks[rest] and r.tasks[rest].rate end
      return r.k and r.k.rate
    end
    local old, new = rateOf(before), rateOf(after)
    if not new or not old or full <= exact then call('ZREM', BUCKET, name)
    else
      local missing = (full - exact) / old.interval
      call('ZADD', BUCKET, format('%.17g', exact + min(missing, new.burst) * new.interval), name)
    end
  end
  recount(1)
  set('rules', nextRules)
  if not (after.k and after.k.fifo and after.k.hold) then
    for _, member in ipairs(under('H', 100000)) do
      local e = Q.load(string.sub(member, 2))
      if e then Q.unchain(e, Q.head(e).k) else call('ZREM', INDEX, member) end
    end
  end
  if (call('HGET', META, 'concerns') or '') ~= concerns then
    call('HSET', META, 'concerns', concerns)
    set('refile', 'lanes')
  elseif rules and rules.k then
    for _, member in ipairs(under('D', 100000)) do
      local length, at = string.match(member, '^D(%d+):()')
      if call('ZSCORE', INDEX, member) then Q.reopen(string.sub(member, at, at + tonumber(length) - 1)) end
    end
  end
  moved = true
  Q.refile(2000)
  return meta.refile == '' and 'done' or 'refiling'
end

function does.refile()
  if meta.refile ~= '' then Q.refile(2000) end
  return meta.refile == '' and 'done' or 'refiling'
end

-- Whether a claim would find a job, and when time alone makes work; who asks is woken by what changes: the second value
-- makes the queue idle, which has the next change announced.
function does.await()
  if meta.refile ~= '' then Q.refile(2000) end
  local has = false
  if meta.paused == 0 and meta.refile == '' and meta.pending > 0 and Q.queueOpen() then
    has = Q.pick(call('EXISTS', EARLY) == 1, call('EXISTS', STALE) == 1, call('EXISTS', PEND) == 1) ~= nil
  end
  local due = Q.dueIn() or -1
  return { has and 1 or 0, due }, not has and due ~= 0
end

-- layout, oldest layout that may still use this one. Answers both as stored.
function does.layout(layout, oldest)
  if call('HSETNX', META, 'layout', layout) == 1 then call('HSET', META, 'oldestLayout', oldest) end
  return call('HMGET', META, 'layout', 'oldestLayout')
end

function does.bury(id, priority, content, errorText, reason)
  local e = Q.newEntry(id, tonumber(priority), content)
  local h = Q.head(e)
  if call('HEXISTS', JOBS, id) == 1 then return 'd' end
  if h.n and call('HEXISTS', JOBS, h.n) == 0 then return 'n' .. h.n end
  e.fresh = nil
  write(e)
  e.s.er, e.s.rs, e.s.b = errorText, reason, 1
  Q.finish(e, 'f')
  return 'a'
end

local function redrive(e)
  Q.unkeep(e)
  Q.tally(e, -1)
  Q.unheld(e)
  local s = e.s
  e.s = { rp = cjson.encode({ id = e.id, failedAt = s.fi, reason = s.rs or 'failed', attempt = s.a or 0 }),
    rd = (s.rd or 0) + 1, b = 1, ru = now, n = s.n, lk = s.lk, st = s.st, o = 0 }
  e.c = nil
  Q.enroll(e)
  Q.makePending(e)
end

function does.redrive(id)
  local e = Q.load(id)
  if not e then return { 'missing' } end
  if e.c ~= 'f' then return { 'state', STATUS[e.c] } end
  redrive(e)
  return { 'done' }
end

function does.unbury(id)
  local e = Q.load(id)
  if not e or e.c ~= 'f' then return 0 end
  Q.remove(e)
  return 1
end

-- Goes over a bounded number of dead letters, oldest first, and not over those that came after the first call: what, task or '', olderThanMs or -1, after, until.
-- Answers { dealt with, the stamp to go on after, or '' }.
function does.each(what, task, olderThanMs, after, untilStamp, n)
  olderThanMs = tonumber(olderThanMs)
  if untilStamp == '' then untilStamp = text(max(now * STAMPS, meta.stamp + 1)) end
  local done, seen = 0, {}
  for _, item in ipairs(Q.failedAfter(after, untilStamp, tonumber(n))) do
    seen = item
    local e = Q.load(item.id)
    if e and e.c == 'f' and (task == '' or Q.head(e).t == task) and (olderThanMs < 0 or e.s.fi <= now - olderThanMs) then
      if what == 'redrive' then redrive(e) else Q.remove(e) end
      done = done + 1
    end
  end
  return { done, seen.stamp or '', untilStamp }
end

-- Dead letters by when they failed, those that are kept apart among the rest.
function Q.failedAfter(after, untilStamp, n)
  local items = {}
  local plain = call('ZRANGEBYSCORE', FAILED, after == '' and '-inf' or '(' .. after, untilStamp, 'WITHSCORES', 'LIMIT', 0, n)
  for i = 1, #plain, 2 do items[#items + 1] = { id = plain[i], stamp = text(tonumber(plain[i + 1])) } end
  local from = after == '' and '[Kf' or '(Kf' .. order16(tonumber(after)) .. '\255'
  for _, member in ipairs(call('ZRANGEBYLEX', INDEX, from, '[Kf' .. order16(tonumber(untilStamp)) .. '\255', 'LIMIT', 0, n)) do
    items[#items + 1] = { id = string.sub(member, 19), stamp = text(tonumber(string.sub(member, 3, 18))) }
  end
  table.sort(items, function(a, b) return tonumber(a.stamp) < tonumber(b.stamp) end)
  while #items > n do table.remove(items) end
  return items
end

Q.begin(500)
local answer, goesIdle = does[operation](unpack(ARGV, 4))
Q.carryOn(200)
Q.close(500, goesIdle)
return answer
`;
