/**
 * What every step begins with: the clock, the rules, the counters, and the entries of single jobs. `@@name` is a function
 * or type of this version of the code; `#lock` names the locks of the schema.
 */
export const BASE: string = String.raw`
-- What has passed is judged by the clock rounded down (now), what must last is set by it rounded up (up), rates by what it
-- says (exact).
CREATE TYPE @@context AS (
  q integer, now bigint, up bigint, exact double precision, rules jsonb, paused boolean, max_size integer,
  keep_age bigint, keep_count integer, keep_failed_age bigint, keep_failed_count integer, watched boolean, swept bigint, tidied bigint,
  refile text, lease_mark bigint, kept_mark bigint, ready_marks bigint[]
);

CREATE TYPE @@entry AS (
  id text, c text, seq bigint, task text, priority smallint, size integer, created bigint, due bigint, expires bigint,
  key text, unique_key text, unique_until text, unique_ttl bigint, depends text[], barrier integer, notifies text,
  max_recoveries integer, result_ttl bigint, special boolean, noted boolean,
  has_state boolean, stamp bigint, kept boolean, keep_until bigint, finished bigint, started bigint, attempt integer,
  recoveries integer, deferrals integer, begun boolean, run_at bigint, place bigint, result_encoding text, result text,
  error text, why text, reason text, cancel boolean, redrives integer, replay text, counted boolean, linked boolean,
  lapsed boolean, ttl_over boolean, unmet integer, barrier_left integer, pins integer,
  number bigint, until bigint, lease_started bigint, lease_began boolean, session integer
);

-- Locks the queue for a whole step (alone), or beside others that only add and take plain jobs; then reads clock and rules.
CREATE FUNCTION @@context(given integer, alone boolean) RETURNS @@context LANGUAGE plpgsql AS $f$
DECLARE
  x @@context;
  t double precision;
BEGIN
  IF alone THEN PERFORM pg_advisory_xact_lock(#lock, given);
  ELSE PERFORM pg_advisory_xact_lock_shared(#lock, given);
  END IF;
  t := date_part('epoch', clock_timestamp()) * 1000;
  SELECT given, floor(t)::bigint, ceil(t)::bigint, t, rules, paused, max_size, keep_age, keep_count, keep_failed_age,
    keep_failed_count, watched_until > floor(t)::bigint, swept, tidied, refile, lease_mark, kept_mark, ready_marks
  INTO x FROM @queue WHERE queue = given;
  RETURN x;
END $f$;

-- Counters change once in a step, at its end; until then what changed is kept in a setting of the transaction.
CREATE FUNCTION @@tally_of(OUT n bigint[]) LANGUAGE plpgsql AS $f$
BEGIN
  n := coalesce(nullif(current_setting('lexigram.tally', true), ''), '{0,0,0,0,0,0,0,0,0,0,0}')::bigint[];
END $f$;

CREATE FUNCTION @@slot_of(c text) RETURNS integer LANGUAGE sql IMMUTABLE AS $f$
  SELECT CASE c WHEN 'w' THEN 1 WHEN 's' THEN 2 WHEN 'r' THEN 3 WHEN 'p' THEN 4 WHEN 'u' THEN 5 WHEN 'c' THEN 6 WHEN 'f' THEN 7
    WHEN 'x' THEN 8 WHEN 'e' THEN 9 WHEN 'kd' THEN 10 WHEN 'kf' THEN 11 END
$f$;

CREATE FUNCTION @@tally(c text, by bigint) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  n bigint[] := @@tally_of();
  i integer := @@slot_of(c);
BEGIN
  n[i] := n[i] + by;
  PERFORM set_config('lexigram.tally', n::text, true);
END $f$;

CREATE FUNCTION @@tallied(c text) RETURNS bigint LANGUAGE plpgsql AS $f$
BEGIN
  RETURN (@@tally_of())[@@slot_of(c)];
END $f$;

CREATE FUNCTION @@flush(given integer) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  n bigint[] := @@tally_of();
BEGIN
  IF n <> '{0,0,0,0,0,0,0,0,0,0,0}' THEN
    PERFORM @@add(given, n), set_config('lexigram.tally', '', true);
  END IF;
END $f$;

CREATE FUNCTION @@add(given integer, n bigint[]) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  at smallint := pg_backend_pid() % 32;
BEGIN
  UPDATE @tally SET w = w + n[1], s = s + n[2], r = r + n[3], p = p + n[4], u = u + n[5], c = c + n[6], f = f + n[7],
    x = x + n[8], e = e + n[9], kd = kd + n[10], kf = kf + n[11]
  WHERE queue = given AND slot = at;
  IF NOT FOUND THEN
    INSERT INTO @tally AS t VALUES (given, at, n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11])
    ON CONFLICT (queue, slot) DO UPDATE SET w = t.w + n[1], s = t.s + n[2], r = t.r + n[3], p = t.p + n[4],
      u = t.u + n[5], c = t.c + n[6], f = t.f + n[7], x = t.x + n[8], e = t.e + n[9], kd = t.kd + n[10], kf = t.kf + n[11];
  END IF;
END $f$;

CREATE FUNCTION @@running(given integer) RETURNS bigint LANGUAGE plpgsql AS $f$
BEGIN
  RETURN coalesce((SELECT sum(u) FROM @tally WHERE queue = given), 0) + @@tallied('u');
END $f$;

CREATE FUNCTION @@unfinished(given integer) RETURNS bigint LANGUAGE plpgsql AS $f$
BEGIN
  RETURN coalesce((SELECT sum(w + s + r + p + u) FROM @tally WHERE queue = given), 0)
    + (SELECT n[1] + n[2] + n[3] + n[4] + n[5] FROM @@tally_of() n);
END $f$;

-- Whether something became claimable or due sooner, and which jobs ended while somebody listens.
CREATE FUNCTION @@moved() RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  PERFORM set_config('lexigram.moved', '1', true);
END $f$;

-- The kind of a plain job that is pending, by the size of its body.
CREATE FUNCTION @@kind_of(size integer) RETURNS "char" LANGUAGE sql IMMUTABLE AS $f$
  SELECT CASE WHEN size > #large THEN 'l'::"char" ELSE 'p'::"char" END
$f$;

-- Whether a job concerns others by its end alone: a barrier counts it, it holds a unique key while it lasts or for a time.
CREATE FUNCTION @@is_noted(notifies text, unique_key text, until text, key text, spans bigint, depends text[])
RETURNS boolean LANGUAGE sql IMMUTABLE AS $f$
  SELECT coalesce(notifies, unique_key) IS NOT NULL AND until IS DISTINCT FROM 'started' AND key IS NULL AND spans IS NULL
    AND depends IS NULL
$f$;

CREATE FUNCTION @@sizes_of(given integer, ids text[]) RETURNS integer[] LANGUAGE plpgsql AS $f$
BEGIN
  RETURN ARRAY(SELECT octet_length(j.data) FROM unnest(ids) t (id)
    CROSS JOIN LATERAL (SELECT data FROM @job WHERE queue = given AND id = t.id LIMIT 1) j);
END $f$;

CREATE FUNCTION @@load(given integer, i text) RETURNS @@entry LANGUAGE plpgsql AS $f$
DECLARE
  e @@entry;
BEGIN
  SELECT j.id,
    coalesce(s.c::text, CASE WHEN l.id IS NOT NULL THEN 'R' WHEN d.id IS NULL THEN 'p' WHEN d.retry THEN 'r' ELSE 's' END),
    j.seq, j.task, j.priority, octet_length(j.data), j.created, j.due, j.expires, j.key, j.unique_key, j.unique_until,
    j.unique_ttl, j.depends, j.barrier, j.notifies, j.max_recoveries, j.result_ttl,
    coalesce(j.key, j.unique_key, j.notifies) IS NOT NULL
      OR coalesce(j.expires, j.barrier, j.max_recoveries, j.result_ttl) IS NOT NULL OR j.depends IS NOT NULL,
    @@is_noted(j.notifies, j.unique_key, j.unique_until, j.key,
      coalesce(j.expires, j.barrier, j.max_recoveries, j.result_ttl), j.depends),
    s.id IS NOT NULL, s.stamp, coalesce(s.kept, false), s.keep_until, s.finished, s.started, coalesce(s.attempt, 0),
    coalesce(s.recoveries, 0), coalesce(s.deferrals, 0), coalesce(s.begun, false), coalesce(s.run_at, j.due),
    coalesce(s.place, j.seq), s.result_encoding, s.result, s.error, s.why, s.reason, coalesce(s.cancel, false),
    coalesce(s.redrives, 0), s.replay, coalesce(s.counted, false), coalesce(s.linked, false), coalesce(s.lapsed, false),
    coalesce(s.ttl_over, false),
    coalesce(s.unmet, 0), coalesce(s.barrier_left, 0), coalesce(s.pins, 0),
    l.number, l.until, l.started, l.began, l.session
  INTO e
  FROM (SELECT * FROM @job WHERE queue = given AND id = i LIMIT 1) j
  LEFT JOIN LATERAL (SELECT * FROM @job_state WHERE queue = given AND id = i LIMIT 1) s ON true
  LEFT JOIN LATERAL (SELECT * FROM @lease WHERE queue = given AND id = i LIMIT 1) l ON true
  LEFT JOIN LATERAL (SELECT * FROM @delayed WHERE queue = given AND id = i LIMIT 1) d ON true;
  RETURN e;
END $f$;

-- Writes what differs from a job that never ran. What stands in ready, lease or delayed needs no status of its own.
CREATE FUNCTION @@save(given integer, e @@entry) RETURNS @@entry LANGUAGE plpgsql AS $f$
DECLARE
  st "char" := CASE WHEN e.c IN ('w', 'c', 'f', 'x', 'e') THEN e.c::"char" END;
BEGIN
  IF e.has_state THEN
    UPDATE @job_state SET c = st, stamp = e.stamp, kept = e.kept, keep_until = e.keep_until, finished = e.finished,
      started = e.started, attempt = e.attempt, recoveries = e.recoveries, deferrals = e.deferrals, begun = e.begun,
      run_at = e.run_at, place = e.place, result_encoding = e.result_encoding, result = e.result, error = e.error,
      why = e.why, reason = e.reason, cancel = e.cancel, redrives = e.redrives, replay = e.replay, counted = e.counted,
      linked = e.linked, lapsed = e.lapsed, ttl_over = e.ttl_over, unmet = e.unmet, barrier_left = e.barrier_left, pins = e.pins
    WHERE queue = given AND id = e.id;
  ELSE
    INSERT INTO @job_state (queue, id, c, stamp, kept, keep_until, finished, started, attempt, recoveries, deferrals, begun,
      run_at, place, result_encoding, result, error, why, reason, cancel, redrives, replay, counted, linked, lapsed, ttl_over,
      unmet, barrier_left, pins)
    VALUES (given, e.id, st, e.stamp, e.kept, e.keep_until, e.finished, e.started, e.attempt, e.recoveries, e.deferrals,
      e.begun, e.run_at, e.place, e.result_encoding, e.result, e.error, e.why, e.reason, e.cancel, e.redrives, e.replay,
      e.counted, e.linked, e.lapsed, e.ttl_over, e.unmet, e.barrier_left, e.pins);
    e.has_state := true;
  END IF;
  RETURN e;
END $f$;

-- Has what moves a job look at all of it.
CREATE FUNCTION @@flag(given integer, e @@entry, rules jsonb) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF e.c = 'R' THEN
    PERFORM FROM @lease WHERE queue = given AND id = e.id FOR UPDATE NOWAIT;
    UPDATE @lease SET special = true WHERE queue = given AND id = e.id AND NOT special;
  ELSIF e.c IN ('s', 'r') THEN UPDATE @delayed SET special = true WHERE queue = given AND id = e.id AND NOT special;
  ELSIF e.c = 'p' AND NOT @@laned(rules, e.task, e.key) THEN
    UPDATE @ready SET kind = CASE WHEN kind IN ('P', 'L', 'N') THEN 'S'::"char" ELSE 's'::"char" END
    WHERE queue = given AND np = -e.priority AND place = e.place AND section IS NULL AND kind NOT IN ('s', 'S');
  END IF;
END $f$;

-- Finds the last call of a session and holds it. The queue is locked before.
CREATE FUNCTION @@recall(given integer, name text) RETURNS @call LANGUAGE plpgsql AS $f$
DECLARE
  last @call;
BEGIN
  SELECT * INTO last FROM @call WHERE queue = given AND session = name FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO @call (queue, session) VALUES (given, name) ON CONFLICT DO NOTHING;
    SELECT * INTO last FROM @call WHERE queue = given AND session = name FOR UPDATE;
  END IF;
  RETURN last;
END $f$;
`;
