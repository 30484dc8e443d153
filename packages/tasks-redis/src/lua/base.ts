import { KEPT0, KEY_LOCALS, LEVEL0 } from "./keys.ts";
import {
  INSTANT_FORMAT,
  INSTANT_OF,
  PLACE_FORMAT,
  PLACE_OF,
  PRIORITY_OF,
  TAIL_BYTES,
} from "./record-tail.ts";

/** Names of the keys, the server's clock, the counters of the queue, and the entries of single jobs. */
export const BASE: string = String.raw`
${KEY_LOCALS}
local LEVEL0, KEPT0 = ${LEVEL0}, ${KEPT0}
local call = redis.call
local floor, max, min, format = math.floor, math.max, math.min, string.format
-- What one part of the script uses of another, whichever stands first.
local Q = {}

-- Instants are epoch milliseconds. What has passed is judged by the clock rounded down, what must last is set by the
-- clock rounded up, and rates by what it says.
local clock = call('TIME')
local exact = clock[1] * 1000 + clock[2] / 1000
local now, nowUp = floor(exact), math.ceil(exact)

-- The first 15 are numbers.
local META_FIELDS = {'paused', 'mask', 'idle', 'places', 'seq', 'deliveries', 'turns', 'stamp', 'pending',
  'keepAge', 'keepCount', 'keepFailedAge', 'keepFailedCount', 'maxSize', 'swept', 'rules', 'refile'}
local META_DEFAULTS = {0, 0, 0, 0, 0, 0, 0, 0, 0, 3600000, 1000, 604800000, 10000, -1, 0, '', ''}
local meta, written = {}, {}
do
  local values = call('HMGET', META, unpack(META_FIELDS))
  for i, field in ipairs(META_FIELDS) do
    local value = values[i]
    if not value then meta[field] = META_DEFAULTS[i]
    elseif i <= 15 then meta[field] = tonumber(value)
    else meta[field] = value end
  end
end

-- Counters are written once, at the end of the step.
local function set(field, value)
  if meta[field] ~= value then
    meta[field] = value
    written[field] = true
  end
end

local function text(n)
  return format('%.0f', n)
end

local function order16(n)
  return format('%016.0f', n)
end

-- A name with its length before it, so that no name can be mistaken for the beginning of another.
local function named(name)
  return #name .. ':' .. name
end

-- The first members of the index that begin with a prefix.
local function under(prefix, limit, set)
  return call('ZRANGEBYLEX', set or INDEX, '[' .. prefix, '[' .. prefix .. '\255', 'LIMIT', 0, limit)
end

-- Lua hands over so many arguments at most.
local MOST = 2000
local function slice(list, from)
  local part = {}
  for i = from, min(from + MOST - 1, #list) do part[#part + 1] = list[i] end
  return part
end
local function many(command, key, list)
  if #list <= MOST then
    if #list > 0 then call(command, key, unpack(list)) end
    return
  end
  for from = 1, #list, MOST do call(command, key, unpack(slice(list, from))) end
end
local function fetch(key, fields)
  if #fields <= MOST then return call('HMGET', key, unpack(fields)) end
  local values = {}
  for from = 1, #fields, MOST do
    for i, value in ipairs(call('HMGET', key, unpack(slice(fields, from)))) do values[from + i - 1] = value end
  end
  return values
end

local rules = nil
if meta.rules ~= '' then rules = cjson.decode(meta.rules) end

-- A record: kind (J encoded as JSON without headers, H with a head of its own, S concerns the queue), head, a line feed,
-- data, and its tail.
local TAIL = ${TAIL_BYTES}
local function tail(priority, created, order)
  return format('%02d${INSTANT_FORMAT}${PLACE_FORMAT}', priority, created, order)
end

-- An entry: its record, its state (s), and where it stands (c): w waiting, s scheduled, r retrying, p pending, R running,
-- c completed, f failed, x cancelled, e expired. A pending or running job keeps no c: its fence tells which it is.
-- Of a state: a attempts that ended, v recoveries, d deferrals, b whether it ever started, st and fi when it started last
-- and finished, ru when it is due, o its place (0: it gets one on becoming pending), er error, wy the store's own reason
-- instead, rs reason of a dead letter, re and rb encoding and data of the result, cr cancellation is asked for, rd redrives,
-- rp the failure it was redriven from, n its barrier has counted it, lk others depend on it, kp stamp in the index, aw until
-- when it is kept for who waited, tl its own time to live is over.
function Q.parse(id, record)
  return { id = id, record = record, kind = string.sub(record, 1, 1), priority = ${PRIORITY_OF},
    created = ${INSTANT_OF}, order = ${PLACE_OF} }
end

-- A state is packed, but for those of which there are most, which are texts: =runAt of a plain job that is scheduled,
-- ~runAt of one that was, !started,finished,runAt,encoding,result of one that completed.
function Q.state(raw)
  local mark = string.byte(raw, 1)
  if mark == 61 then return { c = 's', ru = tonumber(string.sub(raw, 2)) } end
  if mark == 126 then return { ru = tonumber(string.sub(raw, 2)) } end
  if mark ~= 33 then return cmsgpack.unpack(raw) end
  local started, finished, runAt, encoding, result = string.match(raw, '^!(%d+),(%d+),(%d*),([^,]*),(.*)$')
  local s = { c = 'c', a = 1, b = 1, st = tonumber(started), fi = tonumber(finished), ru = tonumber(runAt) }
  if encoding ~= '' then s.re, s.rb = encoding, result end
  return s
end

function Q.load(id, record)
  record = record or call('HGET', JOBS, id)
  if not record then return nil end
  local e = Q.parse(id, record)
  local raw = call('HGET', STATE, id)
  e.s = raw and Q.state(raw) or {}
  e.c = e.s.c
  if not e.c then
    e.fence = call('HGET', FENCE, id)
    e.c = e.fence and 'R' or 'p'
  end
  return e
end

-- What travels with the job: t task, k key, x expiresInMs, u unique, d dependsOn, b barrier, n notifies, r maxRecoveries,
-- l resultTtlMs (-1 for ever).
function Q.head(e)
  local h = e.h
  if not h then
    local head = string.sub(e.record, 2, string.find(e.record, '\n', 2, true) - 1)
    h = e.kind == 'J' and { t = head } or cjson.decode(head)
    e.h = h
  end
  return h
end

-- Whether anything but its task matters to the queue.
function Q.special(e)
  return e.kind == 'S'
end

function Q.save(e)
  local s = e.s
  if e.c == 'p' or e.c == 'R' then s.c = nil else s.c = e.c end
  if next(s) == nil then call('HDEL', STATE, e.id)
  else call('HSET', STATE, e.id, cmsgpack.pack(s)) end
end

function Q.expires(e)
  local x = Q.special(e) and Q.head(e).x
  return x and e.created + x or nil
end

-- Writes another priority, place or body into a job's record.
function Q.rewrite(e, priority, order, content)
  e.priority, e.order, e.h = priority, order, nil
  e.record = (content or string.sub(e.record, 1, -1 - TAIL)) .. tail(priority, e.created, order)
  e.kind = string.sub(e.record, 1, 1)
  call('HSET', JOBS, e.id, e.record)
end

local TERMINAL = { c = COMPLETED, x = CANCELLED, e = EXPIRED, f = FAILED }
local STATUS = { w = 'waiting', s = 'scheduled', r = 'retrying', p = 'pending', R = 'running', c = 'completed',
  f = 'failed', x = 'cancelled', e = 'expired' }

function Q.unstarted(c)
  return c == 'p' or c == 's' or c == 'r' or c == 'w'
end

function Q.running()
  return max(0, call('ZCARD', LEASE) - 1)
end

function Q.unfinished()
  return meta.pending + Q.running() + call('ZCARD', WAITING) + call('ZCARD', SCHED) + call('ZCARD', RETRY)
end

-- Jobs that ended in this step, and whether anything became claimable or due sooner.
local ended = {}
local moved = false

-- Everything that can be told of a job, as texts; what is absent is empty.
function Q.view(e)
  local s = e.s
  local attempt, started = s.a or 0, s.st
  if e.c == 'R' then
    local flag, at = string.match(e.fence, '^%d+:(%u)%u+:(%d*):')
    if flag == 'S' then attempt, started = attempt + 1, tonumber(at) end
  end
  local function optional(n) return n and text(n) or '' end
  return { e.id, e.record, STATUS[e.c], text(attempt), text(s.v or 0), text(s.d or 0), optional(s.ru), optional(started),
    optional(s.fi), s.re or '', s.rb or '', s.er or '', s.wy or '', e.c == 'f' and s.rs or '',
    e.c == 'R' and s.cr and '1' or '', text(s.rd or 0), s.rp or '' }
end
`;
