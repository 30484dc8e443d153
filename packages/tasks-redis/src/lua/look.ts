import { LIBRARY } from "./enqueue.ts";

/**
 * What can be asked of a queue; writes nothing, so that a replica may answer. KEYS hot. ARGV: -, -, question, its
 * arguments.
 */
export const LOOK: string =
  LIBRARY +
  String.raw`
local answers = {}

function answers.get(id)
  local e = Q.load(id)
  return e and Q.view(e) or {}
end

local function kept(c) return call('ZLEXCOUNT', INDEX, '[K' .. c, '[K' .. c .. '\255') end
local function countOf(c)
  if c == 'p' then return meta.pending end
  if c == 'R' then return Q.running() end
  if c == 'c' then return Q.completed() + kept(c) end
  if TERMINAL[c] then return call('ZCARD', TERMINAL[c]) + kept(c) end
  return call('ZCARD', c == 'w' and WAITING or c == 's' and SCHED or RETRY)
end

function answers.count(c)
  return c == '' and Q.unfinished() or countOf(c)
end

-- Near enough: of each line the first job, which came first unless one of it was moved.
local function oldestPending()
  local oldest = nil
  local function consider(id)
    local e = id and Q.load(id)
    if e and e.c == 'p' then
      local since = Q.dueSince(e)
      if not oldest or since < oldest then oldest = since end
    end
  end
  for p = 0, TOP do
    if has(meta.mask, p) then
      for _, id in ipairs(call('LRANGE', KEYS[LEVEL0 + p], 0, 20)) do
        if not call('HGET', STALE, p .. ':' .. id) then
          consider(id)
          break
        end
      end
    end
  end
  consider(call('ZRANGE', EARLY, 0, 0)[1])
  consider(call('ZRANGE', PEND, 0, 0)[1])
  return oldest
end

function answers.stats()
  local counts = {}
  for _, c in ipairs({ 'w', 's', 'p', 'R', 'c', 'f', 'x', 'e', 'r' }) do counts[#counts + 1] = countOf(c) end
  local oldest = oldestPending()
  return { counts, meta.paused, meta.maxSize, oldest and max(0, now - oldest) or -1,
    call('ZCOUNT', CONSUMERS, '(' .. now, '+inf') }
end

function answers.meta()
  return { call('HGET', META, 'policy') or '', meta.paused }
end

function answers.letters()
  local byTask = {}
  local all = call('HGETALL', META)
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 3) == 'ft:' then
      byTask[#byTask + 1] = string.sub(all[i], 4)
      byTask[#byTask + 1] = all[i + 1]
    end
  end
  return { countOf('f'), meta.keepFailedCount, byTask }
end

-- How many members of a set come before one, or would if it were there.
local function rankAfter(set, score, member)
  local low = call('ZCOUNT', set, '-inf', '(' .. score)
  local high = low + call('ZCOUNT', set, score, score)
  while low < high do
    local middle = floor((low + high) / 2)
    if call('ZRANGE', set, middle, middle)[1] <= member then low = middle + 1 else high = middle end
  end
  return low
end

-- Parts of a listing follow each other: each looks at up to so many places from a position, and answers ids, each with
-- the position to go on from, and whether it has more.
local function ofSet(set)
  return function(position, n)
    local from = 0
    if position ~= '' then
      local score, member = string.match(position, '^(%S+) (.*)$')
      from = rankAfter(set, score, member)
    end
    local found, items = call('ZRANGE', set, from, from + n, 'WITHSCORES'), {}
    for i = 1, min(#found, n * 2), 2 do items[#items + 1] = { id = found[i], position = found[i + 1] .. ' ' .. found[i] } end
    return items, #found > n * 2
  end
end
-- Positions in a list last because it is known how many entries ever left its head.
local function ofList(list, name, staleSet, staleName)
  return function(position, n)
    local popped = tonumber(call('HGET', META, 'popped:' .. name) or 0)
    local from = position == '' and 0 or max(0, tonumber(position) + 1 - popped)
    local found, items, stale = call('LRANGE', list, from, from + n), {}, {}
    local anyStale = call('EXISTS', staleSet) == 1
    for i = 1, min(#found, n) do
      local id = found[i]
      local isStale = false
      if anyStale then
        if stale[id] == nil then stale[id] = tonumber(call('HGET', staleSet, staleName .. id) or 0) end
        isStale = stale[id] > 0
        if isStale then stale[id] = stale[id] - 1 end
      end
      items[#items + 1] = { id = not isStale and id or nil, position = text(popped + from + i - 1) }
    end
    return items, #found > n
  end
end
-- By id: deadlines move whenever leases are renewed. There are never many more than there are slots.
local function ofRunning(position, n)
  local ids, items = {}, {}
  for _, id in ipairs(call('ZRANGE', LEASE, 0, -1)) do
    if id ~= SENTINEL and (position == '' or id > position) then ids[#ids + 1] = id end
  end
  table.sort(ids)
  for i = 1, min(#ids, n) do items[i] = { id = ids[i], position = ids[i] } end
  return items, #ids > n
end
local function ofTerminal(c, backwards)
  return function(position, n)
    local items = {}
    -- Completed records that are not kept apart stand in a list, which is a part of its own.
    local set = TERMINAL[c]
    local plain, apart
    local prefix = 'K' .. c
    if c == 'c' then
      plain = {}
      apart = call('ZRANGEBYLEX', INDEX, position == '' and '[' .. prefix or '(' .. prefix .. order16(tonumber(position)) .. '\255',
        '[' .. prefix .. '\255', 'LIMIT', 0, n + 1)
    elseif backwards then
      plain = call('ZREVRANGEBYSCORE', set, position == '' and '+inf' or '(' .. position, '-inf', 'WITHSCORES', 'LIMIT', 0, n + 1)
      apart = call('ZREVRANGEBYLEX', INDEX, position == '' and '[' .. prefix .. '\255' or '(' .. prefix .. order16(tonumber(position)),
        '[' .. prefix, 'LIMIT', 0, n + 1)
    else
      plain = call('ZRANGEBYSCORE', set, position == '' and '-inf' or '(' .. position, '+inf', 'WITHSCORES', 'LIMIT', 0, n + 1)
      apart = call('ZRANGEBYLEX', INDEX, position == '' and '[' .. prefix or '(' .. prefix .. order16(tonumber(position)) .. '\255',
        '[' .. prefix .. '\255', 'LIMIT', 0, n + 1)
    end
    for i = 1, #plain, 2 do items[#items + 1] = { id = plain[i], position = text(tonumber(plain[i + 1])) } end
    for _, member in ipairs(apart) do
      items[#items + 1] = { id = string.sub(member, 19), position = text(tonumber(string.sub(member, 3, 18))) }
    end
    table.sort(items, function(a, b)
      if backwards then return tonumber(a.position) > tonumber(b.position) end
      return tonumber(a.position) < tonumber(b.position)
    end)
    local more = #items > n
    while #items > n do table.remove(items) end
    return items, more
  end
end

local function partsOf(c, backwards)
  if c == 'p' then
    local parts = { ofSet(EARLY) }
    for p = TOP, 0, -1 do parts[#parts + 1] = ofList(KEYS[LEVEL0 + p], p, STALE, p .. ':') end
    parts[#parts + 1] = ofSet(PEND)
    return parts
  end
  if c == 'R' then return { ofRunning } end
  if c == 'c' then return { ofList(COMPLETED, 'c', STALEDONE, ''), ofTerminal(c, false) } end
  if TERMINAL[c] then return { ofTerminal(c, backwards) } end
  return { ofSet(c == 'w' and WAITING or c == 's' and SCHED or RETRY) }
end

-- status, order, limit, task or '', key or '', cursor or '', places to look at. Answers { cursor or '', views }.
function answers.list(c, direction, limit, task, key, cursor, look)
  limit, look = tonumber(limit), tonumber(look)
  local parts = partsOf(c, direction == 'backwards')
  local at, position = 1, ''
  if cursor ~= '' then
    local part, rest = string.match(cursor, '^(%d+):(.*)$')
    at, position = tonumber(part), rest
  end
  local views = {}
  while parts[at] do
    local items, more = parts[at](position, max(1, min(limit - #views, look)))
    for _, item in ipairs(items) do
      look = look - 1
      position = item.position
      local e = item.id and Q.load(item.id)
      if e and e.c == c and (task == '' or Q.head(e).t == task) and (key == '' or (Q.special(e) and Q.head(e).k == key)) then
        views[#views + 1] = Q.view(e)
      end
    end
    if not more then at, position = at + 1, '' end
    if #views >= limit or look <= 0 then
      -- Whether anything is left decides on a cursor.
      while parts[at] do
        if #(parts[at](position, 1)) > 0 then return { at .. ':' .. position, views } end
        at, position = at + 1, ''
      end
      return { '', views }
    end
  end
  return { '', views }
end

return answers[ARGV[3]](unpack(ARGV, 4))
`;
