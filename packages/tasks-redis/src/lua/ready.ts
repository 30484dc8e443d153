/**
 * Which pending job starts next. Without rules that is a list per level; what comes back to an earlier place stands
 * beside it in a sorted set, and what was taken out of the middle is counted as stale and passed over when its turn
 * comes. Jobs that limits, fairness or order concern stand in lanes (`lanes.ts`).
 */
export const READY: string = String.raw`
local TOP = 20
local SPREAD = 70368744177664 -- 2^46 places in a level

local function bit(p) return 2 ^ p end
local function has(mask, p) return floor(mask / bit(p)) % 2 == 1 end
local function highest(mask)
  for p = TOP, 0, -1 do if has(mask, p) then return p end end
  return -1
end
local function earlyScore(priority, order) return (TOP - priority) * SPREAD + order end

-- Its place in its line; 0 when it gets one on becoming pending. A state holds it where it differs from the record's.
function Q.place(e)
  return e.s.o or e.order
end

-- Whether a job stands in a lane: whether a rule concerns it.
function Q.laned(e)
  if rules == nil then return false end
  if rules.tasks and rules.tasks[Q.head(e).t] then return true end
  local k = rules.k
  return k ~= nil and (k.fair or (Q.special(e) and Q.head(e).k ~= nil))
end

function Q.pushTail(priority, id)
  call('RPUSH', KEYS[LEVEL0 + priority], id)
  if not has(meta.mask, priority) then set('mask', meta.mask + bit(priority)) end
end

-- Files a pending job at its place, or behind all others when it has none.
function Q.file(e)
  local place = Q.place(e)
  local isNew = place == 0
  if isNew then
    place = meta.places + 1
    set('places', place)
    -- A record that is still to be written holds its place itself, so that most jobs need no state.
    if e.fresh then e.order = place else e.s.o = place end
  end
  set('pending', meta.pending + 1)
  moved = true
  if not Q.laned(e) then
    if isNew then Q.pushTail(e.priority, e.id)
    else call('ZADD', EARLY, text(earlyScore(e.priority, place)), e.id) end
  else
    call('ZADD', PEND, text(place), e.id)
    Q.fileLane(e, place)
  end
end

-- Takes a pending job out of its line. A list is not searched: its entry stays, and is counted as stale.
function Q.unfile(e)
  set('pending', meta.pending - 1)
  if call('ZREM', PEND, e.id) == 1 then Q.unfileLane(e)
  elseif call('ZREM', EARLY, e.id) == 0 then call('HINCRBY', STALE, e.priority .. ':' .. e.id, 1) end
end

-- Whether the first entry of a level's list is of a job that is not there any more; then it is counted off.
local function countOff(p, id)
  local field = p .. ':' .. id
  local n = call('HGET', STALE, field)
  if not n then return false end
  if tonumber(n) <= 1 then call('HDEL', STALE, field) else call('HINCRBY', STALE, field, -1) end
  return true
end

-- How many entries ever left the head of a level: what makes positions in it last.
function Q.popped(p, n)
  call('HINCRBY', META, 'popped:' .. p, n)
end

-- The first job of a level's list. A step passes over so many stale entries at most; the rest is for the next.
local MOST_PASSED = 1000
local passed = 0
function Q.listHead(p, stale)
  while has(meta.mask, p) do
    local id = call('LINDEX', KEYS[LEVEL0 + p], 0)
    if not id then
      set('mask', meta.mask - bit(p))
      return nil
    end
    if passed >= MOST_PASSED then return nil end
    if not (stale and countOff(p, id)) then return id end
    passed = passed + 1
    call('LPOP', KEYS[LEVEL0 + p])
    Q.popped(p, 1)
  end
  return nil
end

-- The first free job of a level.
function Q.freeHead(p, early, stale)
  local first = nil
  local id = Q.listHead(p, stale)
  if early then
    local low = earlyScore(p, 0)
    local found = call('ZRANGEBYSCORE', EARLY, text(low), text(low + SPREAD - 1), 'WITHSCORES', 'LIMIT', 0, 1)
    if found[1] then first = { id = found[1], priority = p, order = tonumber(found[2]) - low, src = 'early' } end
  end
  if id then
    local e = Q.load(id)
    if first == nil or Q.place(e) < first.order then
      first = { id = id, priority = p, order = Q.place(e), src = 'list' }
    end
  end
  return first
end

-- Levels that may hold a free job.
function Q.freeMask(early)
  local mask = meta.mask
  if early then
    for p = TOP, 0, -1 do
      if not has(mask, p) then
        local low = earlyScore(p, 0)
        if call('ZRANGEBYSCORE', EARLY, text(low), text(low + SPREAD - 1), 'LIMIT', 0, 1)[1] then mask = mask + bit(p) end
      end
    end
  end
  return mask
end

function Q.takeFree(candidate)
  if candidate.src == 'early' then call('ZREM', EARLY, candidate.id)
  else
    call('LPOP', KEYS[LEVEL0 + candidate.priority])
    Q.popped(candidate.priority, 1)
  end
end

-- Since when a pending job could have started.
function Q.dueSince(e)
  return max(e.created, e.s.ru or 0)
end
`;
