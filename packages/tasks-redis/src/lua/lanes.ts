/**
 * Limits, fairness and order by key. A task with a limit is a section, passed over as a whole while the limit is
 * reached; a key has a lane in each section and level. Lanes of keys that may start a job are open; a claim that meets
 * one whose key may not closes it, and what changes that (a lease that ends, a token that comes back) opens it again.
 */
export const LANES: string = String.raw`
-- Sums of intervals are rounded; a token that is there must not be missed by that.
local SLACK = 1e-6

-- A bucket is the instant at which it is full again; a full one is not stored.
local function bucketOpensAt(name, rate)
  local full = call('ZSCORE', BUCKET, name)
  if not full then return 0 end
  return tonumber(full) - (rate.burst - 1) * rate.interval
end
local function hasToken(name, rate)
  return rate == nil or bucketOpensAt(name, rate) <= exact + SLACK
end
local function takeToken(name, rate)
  if rate == nil then return end
  local full = call('ZSCORE', BUCKET, name)
  full = max(full and tonumber(full) or 0, exact) + rate.interval
  call('ZADD', BUCKET, format('%.17g', full), name)
end

local function count(field)
  return tonumber(call('HGET', AUX, field) or 0)
end
local function add(field, n)
  if call('HINCRBY', AUX, field, n) <= 0 then call('HDEL', AUX, field) end
end

-- The limited task a job belongs to, or no section; the key that matters, or none.
function Q.sectionOf(e)
  local t = Q.head(e).t
  return rules.tasks and rules.tasks[t] and t or ''
end
function Q.keyOf(e)
  return rules.k and Q.special(e) and Q.head(e).k or nil
end

function Q.queueOpen()
  if rules == nil then return true end
  if rules.c and Q.running() >= rules.c then return false end
  return hasToken('q', rules.rate)
end
function Q.sectionOpen(section)
  if section == '' then return true end
  local limit = rules.tasks[section]
  if limit.c and count('rt:' .. section) >= limit.c then return false end
  return hasToken('t:' .. section, limit.rate)
end
function Q.keyRoom(key)
  return not rules.k.c or count('rk:' .. key) < rules.k.c
end

-- A lane is named by level, section and key. Jobs without a key take turns as if they had an empty one.
local function laneId(priority, section, key)
  return format('%02d', priority) .. named(section) .. (key or '')
end
local function laneParts(lane)
  local priority = tonumber(string.sub(lane, 1, 2))
  local length, at = string.match(lane, '^..(%d+):()')
  length = tonumber(length)
  return priority, string.sub(lane, at, at + length - 1), string.sub(lane, at + length)
end
local function laneHead(lane)
  local prefix = 'L' .. named(lane)
  local found = under(prefix, 1)[1]
  if not found then return nil end
  return tonumber(string.sub(found, #prefix + 1, #prefix + 16)), string.sub(found, #prefix + 17)
end
local function openMember(lane, priority, section, sort)
  return 'O' .. named(section) .. format('%02d', 20 - priority) .. order16(sort) .. lane
end
local function laneOfOpen(member)
  local length, at = string.match(member, '^O(%d+):()')
  return string.sub(member, at + tonumber(length) + 18)
end
local function nextTurn()
  set('turns', meta.turns + 1)
  return meta.turns
end

local function openLane(lane, sort)
  local priority, section = laneParts(lane)
  local member = openMember(lane, priority, section, sort)
  call('ZADD', INDEX, 0, member)
  call('HSET', AUX, 'op:' .. lane, member)
end
local function shutLane(lane, member)
  call('ZREM', INDEX, member)
  call('HDEL', AUX, 'op:' .. lane)
end

-- The first of a key's unfinished jobs, in the order of their acceptance.
local function chainFirst(key, n)
  local prefix = 'C' .. named(key)
  local found = under(prefix, n or 1)
  for i = 1, #found do found[i] = string.sub(found[i], #prefix + 17) end
  return found
end

-- Lets a job take its place in its lane, unless an earlier one of its key is unfinished.
function Q.fileLane(e, place)
  local key, section = Q.keyOf(e), Q.sectionOf(e)
  if key and rules.k.fifo and chainFirst(key)[1] ~= e.id then return end
  local lane = laneId(e.priority, section, key)
  local member = 'L' .. named(lane) .. order16(place) .. e.id
  call('ZADD', INDEX, 0, member)
  call('HSET', AUX, 'at:' .. e.id, member)
  local open = call('HGET', AUX, 'op:' .. lane)
  local fair = rules.k and rules.k.fair
  if open then
    local head = #('O' .. named(section)) + 2
    if not fair and place < tonumber(string.sub(open, head + 1, head + 16)) then
      call('ZREM', INDEX, open)
      openLane(lane, place)
    end
  elseif not key or not call('ZSCORE', INDEX, 'D' .. named(key) .. lane) then
    openLane(lane, fair and nextTurn() or place)
  end
end

function Q.unfileLane(e)
  local member = call('HGET', AUX, 'at:' .. e.id)
  if not member then return end
  call('ZREM', INDEX, member)
  call('HDEL', AUX, 'at:' .. e.id)
  local length, at = string.match(member, '^L(%d+):()')
  local lane = string.sub(member, at, at + tonumber(length) - 1)
  if laneHead(lane) then return end
  local open = call('HGET', AUX, 'op:' .. lane)
  if open then shutLane(lane, open) end
end

-- Opens the lanes of a key again. It has at most one for each level and section.
function Q.reopen(key)
  local prefix = 'D' .. named(key)
  local shut = under(prefix, 100)
  for _, member in ipairs(shut) do
    call('ZREM', INDEX, member)
    local lane = string.sub(member, #prefix + 1)
    local order = laneHead(lane)
    if order then
      openLane(lane, rules.k.fair and nextTurn() or order)
      moved = true
    end
  end
end

-- The best lane of a section, at one level or at its highest. Lanes of which it turns out that they are empty, or that
-- their key may start nothing, are put right on the way, so each is met once.
local function bestLane(section, priority)
  local prefix = 'O' .. named(section)
  local from = priority and prefix .. format('%02d', 20 - priority) or prefix
  for _ = 1, 10000 do
    local member = under(from, 1)[1]
    if not member then return nil end
    local at = #prefix
    local level = 20 - tonumber(string.sub(member, at + 1, at + 2))
    local sort = tonumber(string.sub(member, at + 3, at + 18))
    local lane = string.sub(member, at + 19)
    local order, id = laneHead(lane)
    local _, _, key = laneParts(lane)
    if not order then shutLane(lane, member)
    elseif key ~= '' and not (Q.keyRoom(key) and hasToken('k:' .. key, rules.k.rate)) then
      shutLane(lane, member)
      call('ZADD', INDEX, 0, 'D' .. named(key) .. lane)
      if Q.keyRoom(key) then call('ZADD', REFILL, format('%.17g', bucketOpensAt('k:' .. key, rules.k.rate)), key) end
    elseif not (rules.k and rules.k.fair) and order ~= sort then
      call('ZREM', INDEX, member)
      openLane(lane, order)
    else
      return { id = id, priority = level, order = order, turn = sort, lane = lane, member = member, key = key, src = 'lane' }
    end
  end
  return nil
end

local function sections(visit)
  visit('')
  if rules.tasks then for task in pairs(rules.tasks) do visit(task) end end
end

local function isBefore(a, b)
  if rules and rules.k and rules.k.fair and a.turn and b.turn then return a.turn < b.turn end
  return a.order < b.order
end

-- The job that starts next, as far as limits of task and key go.
function Q.pick(early, stale, laned)
  if rules and rules.aging then return Q.longestWaiting(early, stale, laned) end
  local best = nil
  local mask = Q.freeMask(early)
  while mask > 0 and not best do
    local p = highest(mask)
    best = Q.freeHead(p, early, stale)
    if not best and passed >= MOST_PASSED then return nil end
    mask = mask - bit(p)
  end
  if laned then
    sections(function(section)
      if not Q.sectionOpen(section) then return end
      local lane = bestLane(section)
      if lane and (not best or lane.priority > best.priority
        or (lane.priority == best.priority and isBefore(lane, best))) then best = lane end
    end)
  end
  return best
end

-- Compares what stands first in each level, by level and what its wait adds to that.
function Q.longestWaiting(early, stale, laned)
  local best, bestLevel = nil, -1
  local function consider(candidate)
    if not candidate then return end
    local level = candidate.priority + floor(max(0, now - Q.dueSince(Q.load(candidate.id))) / rules.aging)
    if not best or level > bestLevel or (level == bestLevel and isBefore(candidate, best)) then
      best, bestLevel = candidate, level
    end
  end
  local mask = Q.freeMask(early)
  for p = TOP, 0, -1 do if has(mask, p) then consider(Q.freeHead(p, early, stale)) end end
  if laned then
    sections(function(section)
      if not Q.sectionOpen(section) then return end
      for p = TOP, 0, -1 do consider(bestLane(section, p)) end
    end)
  end
  return best
end

function Q.takeLane(candidate)
  local e = candidate.e
  Q.unfileLane(e)
  call('ZREM', PEND, e.id)
end

-- Whether a job may be handed out before a slot is free: no limit counts it, and no lease of it ever ended by itself.
function Q.mayGoAhead(e)
  if (e.s.v or 0) > 0 or e.s.la then return false end
  if rules == nil then return true end
  if rules.c or rules.rate or Q.sectionOf(e) ~= '' then return false end
  local key = Q.keyOf(e)
  return not key or not (rules.k.c or rules.k.rate or rules.k.fifo)
end

-- Counts a lease, its end, and a start.
function Q.countLease(e, candidate)
  if rules == nil then return end
  local section, key = Q.sectionOf(e), Q.keyOf(e)
  if section ~= '' then add('rt:' .. section, 1) end
  if key then add('rk:' .. key, 1) end
  if candidate and candidate.lane and rules.k and rules.k.fair and call('HEXISTS', AUX, 'op:' .. candidate.lane) == 1 then
    shutLane(candidate.lane, candidate.member)
    openLane(candidate.lane, nextTurn())
  end
end
function Q.uncountLease(e)
  if rules == nil then return end
  local section, key = Q.sectionOf(e), Q.keyOf(e)
  if section ~= '' then add('rt:' .. section, -1) end
  if key then
    add('rk:' .. key, -1)
    Q.reopen(key)
  end
  moved = true
end
function Q.countStart(e)
  if rules == nil then return end
  takeToken('q', rules.rate)
  local section, key = Q.sectionOf(e), Q.keyOf(e)
  if section ~= '' then takeToken('t:' .. section, rules.tasks[section].rate) end
  if key then takeToken('k:' .. key, rules.k.rate) end
end

-- Makes a keyed job known that is unfinished from now on.
function Q.enroll(e)
  local key = Q.special(e) and Q.head(e).k
  if not key then return end
  set('seq', meta.seq + 1)
  local member = 'C' .. named(key) .. order16(meta.seq) .. e.id
  call('ZADD', INDEX, 0, member)
  call('HSET', AUX, 'ck:' .. e.id, member)
end

-- Forgets a job that is over, and lets the next of its key go on, unless it failed and the rule is to be held by that.
function Q.withdraw(e, failed)
  local key = Q.special(e) and Q.head(e).k
  if not key then return end
  if failed and rules and rules.k and rules.k.fifo and rules.k.hold and call('HEXISTS', AUX, 'ck:' .. e.id) == 1 then
    call('HSET', AUX, 'hold:' .. e.id, 1)
    call('ZADD', INDEX, 0, 'H' .. e.id)
    return
  end
  Q.unchain(e, key)
end
function Q.unchain(e, key)
  local member = call('HGET', AUX, 'ck:' .. e.id)
  if not member then return end
  call('ZREM', INDEX, member)
  call('HDEL', AUX, 'ck:' .. e.id)
  if call('HDEL', AUX, 'hold:' .. e.id) == 1 then call('ZREM', INDEX, 'H' .. e.id) end
  if not (rules and rules.k and rules.k.fifo) then return end
  local first = chainFirst(key)[1]
  if first and call('ZSCORE', PEND, first) and call('HEXISTS', AUX, 'at:' .. first) == 0 then
    local next = Q.load(first)
    Q.fileLane(next, Q.place(next))
    moved = true
  end
end

-- The priority that a new job of a key must have.
function Q.requiredPriority(key)
  if not (rules and rules.k and rules.k.fifo) then return nil end
  local first = chainFirst(key)[1]
  if not first then return nil end
  return Q.parse(first, call('HGET', JOBS, first)).priority
end
-- Whether another unfinished job shares its key, and its order.
function Q.sharesOrder(e)
  local key = rules and rules.k and rules.k.fifo and Q.keyOf(e)
  return key and #chainFirst(key, 2) > 1
end

-- Opens keys that have a token again, and forgets buckets that are full.
function Q.refill()
  if rules == nil then return end
  local keys = call('ZRANGEBYSCORE', REFILL, '-inf', format('%.17g', exact + SLACK), 'LIMIT', 0, 500)
  for _, key in ipairs(keys) do
    call('ZREM', REFILL, key)
    if rules.k then Q.reopen(key) end
  end
  if rules.anyRate then
    local full = call('ZRANGEBYSCORE', BUCKET, '-inf', format('%.17g', exact - 1), 'LIMIT', 0, 500)
    if #full > 0 then call('ZREM', BUCKET, unpack(full)) end
  end
end

-- When a token comes back that jobs wait for.
function Q.nextRefill()
  if rules == nil or meta.paused == 1 then return nil end
  local at = nil
  local head = call('ZRANGE', REFILL, 0, 0, 'WITHSCORES')
  if head[2] then at = tonumber(head[2]) end
  local waits = meta.mask > 0 or call('EXISTS', EARLY) == 1
  sections(function(section)
    if not under('O' .. named(section), 1)[1] then return end
    waits = true
    local limit = section ~= '' and rules.tasks[section]
    if limit and limit.rate and not (limit.c and count('rt:' .. section) >= limit.c)
      and not hasToken('t:' .. section, limit.rate) then
      local opens = bucketOpensAt('t:' .. section, limit.rate)
      at = at and min(at, opens) or opens
    end
  end)
  if waits and rules.rate and not hasToken('q', rules.rate) then
    local opens = bucketOpensAt('q', rules.rate)
    at = at and min(at, opens) or opens
  end
  return at
end
`;
