import { BASE } from "./base.ts";
import { LANES } from "./lanes.ts";
import { LINKS } from "./links.ts";
import { READY } from "./ready.ts";
import { REFILE } from "./refile.ts";
import { RETENTION } from "./retention.ts";
import { STEPS } from "./steps.ts";

/** What every step may need. */
export const LIBRARY: string = BASE + READY + LANES + LINKS + RETENTION + STEPS + REFILE;

/**
 * Stores one job that concerns more than itself, after the rules of ids, keys, dependencies and capacity.
 */
export const ACCEPT: string = String.raw`
-- The job whose place a newcomer may take.
local function replaceable(u, holderId)
  if u.c ~= 'replace' then return nil end
  local holder = Q.load(holderId)
  if not holder or not Q.unstarted(holder.c) or holder.s.b then return nil end
  local own = Q.special(holder) and Q.head(holder).u
  return own and own.k == u.k and holder or nil
end

local function refusal(id, e, holderId, replaced)
  local h = Q.head(e)
  if call('HEXISTS', JOBS, id) == 1 then return 'd' .. id end
  for _, on in ipairs(h.d or {}) do if call('HEXISTS', JOBS, on) == 0 then return 'n' .. on end end
  if h.n and call('HEXISTS', JOBS, h.n) == 0 then return 'n' .. h.n end
  if holderId and not replaced then return 'u' .. holderId end
  if h.k then
    local required = Q.requiredPriority(h.k)
    -- The one it replaces is no earlier job of its key any more.
    local own = replaced and Q.head(replaced).k == h.k and not Q.sharesOrder(replaced)
    if required and required ~= e.priority and not own then return 'p' .. required end
  end
  if meta.maxSize >= 0 and Q.unfinished() - (replaced and 1 or 0) >= meta.maxSize then return 'f' .. text(meta.maxSize) end
  return nil
end

-- Writes the record of a new job.
local function write(e)
  e.record = e.content .. tail(e.priority, e.created, e.order)
  call('HSET', JOBS, e.id, e.record)
end

function Q.newEntry(id, priority, content)
  return { id = id, priority = priority, content = content, record = content .. tail(priority, now, 0), created = now,
    order = 0, kind = string.sub(content, 1, 1), s = {}, fresh = true }
end

local function accept(id, priority, delay, content)
  local e = Q.newEntry(id, priority, content)
  local h = Q.head(e)
  local u = h.u
  local holderId = u and Q.holder(u.k)
  if holderId and u.c == 'existing' then return 'e' .. holderId end
  local replaced = holderId and replaceable(u, holderId)
  local refused = refusal(id, e, holderId, replaced)
  if refused then return refused end
  if replaced then
    replaced.s.er, replaced.s.wy = nil, 'replaced:' .. id
    Q.finish(replaced, 'x')
  end
  if delay > 0 then e.s.ru = now + delay end
  write(e)
  Q.enroll(e)
  if u then Q.takeKey(e, u) end
  local unmet, doomed = 0, false
  local seen = {}
  for _, onId in ipairs(h.d or {}) do
    if not seen[onId] then
      seen[onId] = true
      local on = Q.load(onId)
      if Q.depend(e, on) then unmet = unmet + 1 end
      if TERMINAL[on.c] and on.c ~= 'c' then doomed = true end
    end
  end
  if unmet > 0 then call('HSET', AUX, 'unmet:' .. id, unmet) end
  if h.b and h.b > 0 then call('HSET', AUX, 'barrier:' .. id, h.b) end
  if unmet > 0 or (h.b and h.b > 0) or doomed then
    e.fresh = nil
    e.c = 'w'
    set('seq', meta.seq + 1)
    call('ZADD', WAITING, text(meta.seq), id)
    Q.save(e)
    if doomed then
      e.s.er, e.s.wy = nil, 'dependency'
      Q.finish(e, 'x')
    end
  elseif delay > 0 then
    e.fresh = nil
    Q.makeScheduled(e, e.s.ru)
  else
    Q.makePending(e)
    write(e)
  end
  return replaced and 'r' or 'a'
end
`;

/**
 * KEYS hot. ARGV: wake channel, settled channel, session, seq, how long it is remembered, then for each job id, priority,
 * delay, content. Answers {} when all are accepted, else one answer for each.
 */
export const ENQUEUE: string =
  LIBRARY +
  ACCEPT +
  String.raw`
local field, seq, rememberMs = 'e' .. ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local recalled, later = Q.recall(field, seq)
if recalled then return recalled.r or {} end
if recalled == false then return { 'stale', text(later) } end
Q.begin(500)

local n = (#ARGV - 5) / 4
local answers, refusedAny = {}, false
-- Limits of tasks, and turns, concern jobs without a key too.
local sectioned = rules ~= nil and (rules.tasks ~= nil or (rules.k ~= nil and rules.k.fair))
local room = meta.maxSize >= 0 and meta.maxSize - Q.unfinished() or nil

-- Plain jobs that follow each other are stored together.
local run, runIds, runSeen = {}, {}, {}
local function flushRun()
  if #run == 0 then return end
  local known = call('HMGET', JOBS, unpack(runIds))
  local fields, levels, due = {}, {}, {}
  for i, at in ipairs(run) do
    local id, priority, delay = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local slot = (at - 6) / 4 + 1
    if known[i] or runSeen[id] then
      answers[slot] = 'd' .. id
      refusedAny = true
    elseif room and room <= 0 then
      answers[slot] = 'f' .. text(meta.maxSize)
      refusedAny = true
    else
      runSeen[id] = true
      answers[slot] = 'a'
      if room then room = room - 1 end
      local place = 0
      if delay == '' then
        place = meta.places + 1
        meta.places = place
        local ids = levels[priority]
        if not ids then
          ids = {}
          levels[priority] = ids
        end
        ids[#ids + 1] = id
      else
        local at = text(now + tonumber(delay))
        due[#due + 1] = at
        due[#due + 1] = id
        call('HSET', STATE, id, cmsgpack.pack({ c = 's', ru = tonumber(at) }))
      end
      fields[#fields + 1] = id
      fields[#fields + 1] = ARGV[at + 3] .. tail(tonumber(priority), now, place)
    end
  end
  if #fields > 0 then call('HSET', JOBS, unpack(fields)) end
  if #due > 0 then
    call('ZADD', SCHED, unpack(due))
    moved = true
  end
  for priority, ids in pairs(levels) do
    call('RPUSH', KEYS[LEVEL0 + tonumber(priority)], unpack(ids))
    if not has(meta.mask, tonumber(priority)) then set('mask', meta.mask + bit(tonumber(priority))) end
    meta.pending = meta.pending + #ids
    written.pending, written.places, moved = true, true, true
  end
  run, runIds, runSeen = {}, {}, {}
end

for i = 1, n do
  local at = 2 + i * 4
  local content = ARGV[at + 3]
  if string.byte(content, 1) == 83 or sectioned then
    flushRun()
    local answer = accept(ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]) or 0, content)
    answers[i] = answer
    if answer ~= 'a' then refusedAny = true end
    if room then room = meta.maxSize - Q.unfinished() end
  else
    run[#run + 1] = at
    runIds[#runIds + 1] = ARGV[at]
    if #run >= 1000 then flushRun() end
  end
end
flushRun()
Q.carryOn(200)
Q.remember(field, { q = seq, r = refusedAny and answers or nil }, rememberMs)
Q.close(500)
return refusedAny and answers or {}
`;
