/**
 * Files the jobs that are there by new rules, in bounded steps, while nothing is claimed: lanes are taken apart, then
 * every free job is looked at and those that a rule concerns go to their lane. Where it stands is in `refile`: `lanes`,
 * then `early:` and a score, then `level:` and a priority, from the highest down; nothing when it is done.
 */
export const REFILE: string = String.raw`
local function refileLanes(budget)
  local held = call('ZRANGE', PEND, 0, budget - 1)
  for _, id in ipairs(held) do
    local e = Q.load(id)
    Q.unfileLane(e)
    call('ZREM', PEND, id)
    call('ZADD', EARLY, text(earlyScore(e.priority, Q.place(e))), id)
  end
  budget = budget - #held
  if budget <= 0 then return 0 end
  for _, kind in ipairs({ 'O', 'D' }) do
    local lanes = under(kind, budget)
    for _, member in ipairs(lanes) do
      call('ZREM', INDEX, member)
      if kind == 'O' then call('HDEL', AUX, 'op:' .. laneOfOpen(member)) end
    end
    budget = budget - #lanes
    if budget <= 0 then return 0 end
  end
  call('DEL', REFILL)
  set('refile', 'early:0')
  return budget
end

local function refileEarly(budget)
  local from = string.sub(meta.refile, 7)
  local found = call('ZRANGEBYSCORE', EARLY, '(' .. from, '+inf', 'WITHSCORES', 'LIMIT', 0, budget)
  for i = 1, #found, 2 do
    local e = Q.load(found[i])
    if Q.laned(e) then
      call('ZREM', EARLY, e.id)
      call('ZADD', PEND, text(Q.place(e)), e.id)
      Q.fileLane(e, Q.place(e))
    end
    from = found[i + 1]
  end
  set('refile', #found < budget * 2 and 'level:20' or 'early:' .. from)
  return budget - #found / 2
end

local function refileLevel(budget)
  local p = tonumber(string.sub(meta.refile, 7))
  local level, kept = KEYS[LEVEL0 + p], KEYS[KEPT0 + p]
  while budget > 0 do
    local id = call('LPOP', level)
    if not id then
      if call('EXISTS', kept) == 1 then call('RENAME', kept, level)
      elseif has(meta.mask, p) then set('mask', meta.mask - bit(p)) end
      set('refile', p > 0 and 'level:' .. (p - 1) or '')
      return budget
    end
    budget = budget - 1
    if not countOff(p, id) then
      local e = Q.load(id)
      if Q.laned(e) then
        call('ZADD', PEND, text(Q.place(e)), id)
        Q.fileLane(e, Q.place(e))
      else call('RPUSH', kept, id) end
    end
  end
  return 0
end

function Q.refile(budget)
  while budget > 0 and meta.refile ~= '' do
    local phase = string.sub(meta.refile, 1, 5)
    if phase == 'lanes' then budget = refileLanes(budget)
    elseif phase == 'early' then budget = refileEarly(budget)
    else budget = refileLevel(budget) end
  end
  moved = true
end
`;
