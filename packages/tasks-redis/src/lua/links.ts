/**
 * Dependencies and barriers. Barriers are counted in the step that ends a job; everything whose cost grows with the
 * number of dependents goes through a list that is worked off in bounded steps.
 */
export const LINKS: string = String.raw`
-- Keeps the record of a job until another is over.
function Q.pin(owner, id)
  if call('ZADD', INDEX, 0, 'P' .. named(owner) .. id) == 1 then call('HINCRBY', AUX, 'pin:' .. id, 1) end
end
function Q.pins(id)
  return tonumber(call('HGET', AUX, 'pin:' .. id) or 0)
end

-- Jobs that others depend on must not be settled by the short way, which looks at nobody else.
local function markLinked(e)
  if e.s.lk then return end
  e.s.lk = 1
  Q.save(e)
  if e.c == 'R' then Q.markLease(e) end
end

-- Makes a new job wait for another, and keeps the other's record until it is over.
function Q.depend(e, on)
  Q.unkeep(on)
  Q.pin(e.id, on.id)
  Q.keepAgain(on)
  -- What is over ends no more, so it would never let go of who waits.
  if TERMINAL[on.c] then return false end
  markLinked(on)
  call('ZADD', INDEX, 0, 'E' .. named(on.id) .. e.id)
  return true
end

function Q.isHeld(id)
  local held = call('HMGET', AUX, 'unmet:' .. id, 'barrier:' .. id)
  return tonumber(held[1] or 0) > 0 or tonumber(held[2] or 0) > 0
end

-- Counts a job that is over for the barrier of its callback, once.
local function countFor(e, callback, isGone)
  local to = Q.load(callback)
  if not to or TERMINAL[to.c] then return end
  if not isGone then Q.pin(callback, e.id) end
  local left = tonumber(call('HGET', AUX, 'barrier:' .. callback) or 0)
  if left == 0 then return end
  if left == 1 then call('HDEL', AUX, 'barrier:' .. callback)
  else call('HSET', AUX, 'barrier:' .. callback, left - 1) end
  if to.c == 'w' and not Q.isHeld(callback) then Q.letGo(to) end
end

-- Takes note that a job ended, or was deleted.
function Q.linksEnded(e, outcome, isGone)
  local h = Q.special(e) and Q.head(e) or nil
  if h and h.n and not e.s.n then
    e.s.n = 1
    countFor(e, h.n, isGone)
  end
  if e.s.lk then
    e.s.lk, e.linked = nil, true
    call('RPUSH', RELEASES, (outcome == 'c' and 'c' or 'n') .. e.id)
  end
  if h and (h.d or h.b) then call('RPUSH', RELEASES, 'u' .. e.id) end
  if h and h.b then call('HDEL', AUX, 'barrier:' .. e.id) end
  if h and h.d then call('HDEL', AUX, 'unmet:' .. e.id) end
end

-- Lets a waiting job go on.
function Q.letGo(e)
  if (e.s.ru or 0) > now then Q.makeScheduled(e, e.s.ru)
  else Q.makePending(e) end
end

local function unpin(id)
  if call('HINCRBY', AUX, 'pin:' .. id, -1) > 0 then return end
  call('HDEL', AUX, 'pin:' .. id)
  local e = Q.load(id)
  if e and TERMINAL[e.c] then
    Q.unkeep(e)
    Q.keepAgain(e)
  end
end

local function releaseOne(kind, id)
  if kind == 'u' then return unpin(id) end
  local e = Q.load(id)
  if not e or e.c ~= 'w' then return end
  if kind == 'n' then
    e.s.er, e.s.wy = nil, 'dependency'
    Q.finish(e, 'x')
  else
    if call('HINCRBY', AUX, 'unmet:' .. id, -1) <= 0 then call('HDEL', AUX, 'unmet:' .. id) end
    if not Q.isHeld(id) then Q.letGo(e) end
  end
end

-- Carries the ends of jobs to a bounded number of those that wait for them.
function Q.carryOn(budget)
  while budget > 0 do
    local release = call('LINDEX', RELEASES, 0)
    if not release then return end
    local kind, id = string.sub(release, 1, 1), string.sub(release, 2)
    local prefix = (kind == 'u' and 'P' or 'E') .. named(id)
    local members = under(prefix, budget)
    for _, member in ipairs(members) do
      call('ZREM', INDEX, member)
      releaseOne(kind, string.sub(member, #prefix + 1))
    end
    if #members < budget then call('LPOP', RELEASES) end
    budget = budget - max(1, #members)
  end
end
`;
