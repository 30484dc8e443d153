/**
 * What a caller's transaction brings. It may stay open for long, so it holds no lock of the queue and touches no row that
 * other calls need: it writes the rows of its own jobs, holds the lease that it settles, and leaves notes, which the first
 * call that sees them applies. What somebody else would have to wait for is held by that id, key or lease alone.
 */
export const TRANSACTIONS: string = String.raw`
-- Whether a transaction of a caller's that holds ids or keys may be open. One that begins now is waited for.
CREATE FUNCTION @@is_shared(given integer) RETURNS boolean LANGUAGE plpgsql AS $f$
BEGIN
  IF pg_try_advisory_lock(#open, given) THEN
    PERFORM pg_advisory_unlock(#open, given);
    RETURN false;
  END IF;
  -- Or somebody else is asking.
  RETURN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted
    AND classid = (#open::bigint & 4294967295)::oid AND objid = given::oid
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()));
END $f$;

CREATE FUNCTION @@key_lock(given integer, k text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $f$
  SELECT hashtextextended(k, (#open::bigint << 32) + given)
$f$;

-- Writes the rows of jobs whose ids are free, and waits for no transaction of a caller's. Answers which, and which ids one
-- holds that has not ended.
CREATE FUNCTION @@reserve_patiently(given integer, jobs json, now bigint, OUT mine text[], OUT contested text[])
LANGUAGE plpgsql AS $f$
DECLARE
  before text := current_setting('lock_timeout');
BEGIN
  contested := '{}';
  IF NOT @@is_shared(given) THEN
    mine := @@reserve(given, jobs, now);
    RETURN;
  END IF;
  BEGIN
    PERFORM set_config('lock_timeout', '20ms', true);
    mine := @@reserve(given, jobs, now);
    PERFORM set_config('lock_timeout', before, true);
  EXCEPTION WHEN lock_not_available THEN
    contested := @@contested(given, jobs);
    mine := @@reserve(given, @@without(jobs, contested), now);
  END;
END $f$;

CREATE FUNCTION @@contested(given integer, jobs json) RETURNS text[] LANGUAGE plpgsql AS $f$
DECLARE
  t record;
  ids text[] := '{}';
  before text := current_setting('lock_timeout');
BEGIN
  PERFORM set_config('lock_timeout', '20ms', true);
  FOR t IN SELECT DISTINCT i FROM json_to_recordset(jobs) o (i text) ORDER BY i LOOP
    BEGIN
      INSERT INTO @job (queue, id, seq, task, priority, data, encoding, created) VALUES (given, t.i, 0, '', 0, '', '', 0)
      ON CONFLICT DO NOTHING;
      IF FOUND THEN DELETE FROM @job WHERE queue = given AND id = t.i; END IF;
    EXCEPTION WHEN lock_not_available THEN ids := ids || t.i;
    END;
  END LOOP;
  PERFORM set_config('lock_timeout', before, true);
  RETURN ids;
END $f$;

-- Writes a job's row, as reserve does. Answers nothing when a transaction that has not ended holds the id.
CREATE FUNCTION @@reserve_soon(given integer, job json, now bigint) RETURNS text[] LANGUAGE plpgsql AS $f$
DECLARE
  before text := current_setting('lock_timeout');
  ids text[];
BEGIN
  PERFORM set_config('lock_timeout', '100ms', true);
  ids := @@reserve(given, job, now);
  PERFORM set_config('lock_timeout', before, true);
  RETURN ids;
EXCEPTION WHEN lock_not_available THEN RETURN NULL;
END $f$;

-- Holds a unique key until the transaction ends. Answers whether no other transaction does.
CREATE FUNCTION @@hold_key(given integer, k text) RETURNS boolean LANGUAGE plpgsql AS $f$
DECLARE
  before text := current_setting('lock_timeout');
BEGIN
  IF pg_try_advisory_xact_lock(@@key_lock(given, k)) THEN RETURN true; END IF;
  PERFORM set_config('lock_timeout', '100ms', true);
  PERFORM pg_advisory_xact_lock(@@key_lock(given, k));
  PERFORM set_config('lock_timeout', before, true);
  RETURN true;
EXCEPTION WHEN lock_not_available THEN RETURN false;
END $f$;

-- Answers as enqueue does, for each job.
CREATE FUNCTION @@enqueue_in(given integer, jobs json, wake text) RETURNS text LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context;
  t record;
  mine text[];
  list text[] := '{}';
  answer text;
  taken integer := 0;
  moment double precision := date_part('epoch', clock_timestamp()) * 1000;
  shared boolean;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(#open, given);
  -- Of two that come at once, the later sees the other's lock.
  shared := @@is_shared(given);
  SELECT given, floor(moment)::bigint, ceil(moment)::bigint, moment, rules, paused, max_size INTO x FROM @queue
  WHERE queue = given;
  FOR t IN SELECT o.*, (row_number() OVER ())::integer - 1 AS ordinal
    FROM json_to_recordset(jobs) o (i text, p smallint, k text, u text, c text, o text[], n text) LOOP
    answer := @@judge_in(x, t.i, t.p, t.k, t.u, t.c, t.o, t.n);
    IF answer IN ('a', 'r') THEN
      mine := CASE WHEN shared THEN @@reserve_soon(given, json_build_array(jobs->t.ordinal), x.now)
        ELSE @@reserve(given, json_build_array(jobs->t.ordinal), x.now) END;
      IF mine IS NULL THEN answer := 'b';
      ELSIF cardinality(mine) = 0 THEN answer := 'd' || t.i;
      ELSE
        INSERT INTO @note (queue, kind, id) VALUES (given, 'e', t.i);
        taken := taken + 1;
      END IF;
    END IF;
    list := list || answer;
  END LOOP;
  IF taken > 0 THEN PERFORM pg_notify(wake, ''); END IF;
  RETURN to_json(list)::text;
END $f$;

-- What stands against a job, as far as this transaction sees.
CREATE FUNCTION @@judge_in(x @@context, i text, level smallint, k text, unique_name text, conflict text, depends text[],
  back text) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  own text;
  e @@entry;
  target text;
  replaces boolean := false;
BEGIN
  IF unique_name IS NOT NULL THEN
    IF NOT @@hold_key(x.q, unique_name) THEN RETURN 'k'; END IF;
    SELECT n.id INTO own FROM @note n
    CROSS JOIN LATERAL (SELECT j.unique_key FROM @job j WHERE j.queue = x.q AND j.id = n.id LIMIT 1) j
    WHERE n.queue = x.q AND n.kind = 'e' AND j.unique_key = unique_name ORDER BY n.n DESC LIMIT 1;
    own := coalesce(own, @@holder(x, unique_name));
    IF own IS NOT NULL AND conflict = 'existing' THEN RETURN 'e' || own; END IF;
    IF own IS NOT NULL AND conflict = 'replace' THEN
      e := @@load(x.q, own);
      replaces := e.id IS NOT NULL AND NOT e.begun AND e.c IN ('p', 's', 'r', 'w');
    END IF;
  END IF;
  IF EXISTS (SELECT FROM @job WHERE queue = x.q AND id = i) THEN RETURN 'd' || i; END IF;
  FOREACH target IN ARRAY coalesce(depends, '{}') || back LOOP
    IF target IS NOT NULL AND NOT EXISTS (SELECT FROM @job WHERE queue = x.q AND id = target) THEN RETURN 'n' || target; END IF;
  END LOOP;
  IF own IS NOT NULL AND NOT replaces THEN RETURN 'u' || own; END IF;
  IF k IS NOT NULL AND @@required_priority(x, k) <> level THEN RETURN 'p' || @@required_priority(x, k); END IF;
  IF x.max_size IS NOT NULL AND @@unfinished(x.q)
    + (SELECT count(*) FROM @note WHERE queue = x.q AND kind = 'e') >= x.max_size THEN RETURN 'f' || x.max_size; END IF;
  RETURN CASE WHEN replaces THEN 'r' ELSE 'a' END;
END $f$;

-- Settles with the transaction. The lease is held by it until it ends, so that nobody takes the job back meanwhile.
CREATE FUNCTION @@settle_in(given integer, settlement json, wake text, settled text) RETURNS text
LANGUAGE plpgsql #settings AS $f$
DECLARE
  i text := settlement->>'i';
  moment bigint := floor(date_part('epoch', clock_timestamp()) * 1000)::bigint;
  l record;
BEGIN
  SELECT number, until INTO l FROM @lease WHERE queue = given AND id = i FOR UPDATE;
  IF l.number IS DISTINCT FROM (settlement->>'n')::bigint OR l.until <= moment
    OR EXISTS (SELECT FROM @note n WHERE n.queue = given AND n.kind = 's' AND n.id = i AND n.number = l.number)
  THEN RETURN 'lost'; END IF;
  INSERT INTO @note (queue, kind, id, number, settlement) VALUES (given, 's', i, l.number, settlement);
  PERFORM pg_notify(wake, ''), pg_notify(settled, json_build_array(i)::text);
  RETURN 'settled';
END $f$;

-- Applies what transactions brought that have ended.
CREATE FUNCTION @@apply_notes(x @@context, budget integer) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  r record;
  own text;
  e @@entry;
BEGIN
  FOR r IN SELECT * FROM @note WHERE queue = x.q ORDER BY n LIMIT budget LOOP
    DELETE FROM @note WHERE queue = x.q AND n = r.n;
    IF r.kind = 's' THEN
      PERFORM @@settle(x, r.settlement->>'k', r.number, r.id, r.settlement->>'a', r.settlement->>'b', true);
    ELSE PERFORM @@admit_late(x, r.id);
    END IF;
  END LOOP;
END $f$;

CREATE FUNCTION @@admit_late(x @@context, i text) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  e @@entry := @@load(x.q, i);
  other @@entry;
BEGIN
  IF e.id IS NULL THEN RETURN; END IF;
  IF e.unique_key IS NOT NULL THEN
    other := @@load(x.q, @@holder(x, e.unique_key));
    -- The one it was to replace may have started since.
    IF other.id <> i AND NOT other.begun AND other.c IN ('p', 's', 'r', 'w') THEN
      other.error := NULL;
      other.why := 'replaced:' || i;
      PERFORM @@finish(x, other, 'x');
    END IF;
  END IF;
  PERFORM @@admit(x, i);
  PERFORM @@moved();
END $f$;

-- What is asked sees what transactions brought.
CREATE FUNCTION @@catch_up(given integer) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  WHILE EXISTS (SELECT FROM @note WHERE queue = given) LOOP PERFORM @@leave(@@enter(given)); END LOOP;
END $f$;
`;
