/** Leases, moves and ends of jobs, and what each step begins and closes with. */
export const STEPS: string = String.raw`
-- Fails where a transaction of a caller's settles it: nobody waits for that while the queue is locked.
CREATE FUNCTION @@drop_lease(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  PERFORM FROM @lease WHERE queue = x.q AND id = e.id FOR UPDATE NOWAIT;
  DELETE FROM @lease WHERE queue = x.q AND id = e.id;
  IF e.cancel THEN DELETE FROM @notice WHERE queue = x.q AND session = e.session AND id = e.id; END IF;
  PERFORM @@uncount_lease(x, e);
END $f$;

-- Takes a job out of where its status keeps it.
CREATE FUNCTION @@detach(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF e.c = 'R' THEN PERFORM @@drop_lease(x, e);
  ELSIF e.c = 'p' THEN PERFORM @@unfile(x, e);
  ELSIF e.c IN ('s', 'r') THEN
    DELETE FROM @delayed WHERE queue = x.q AND id = e.id;
    PERFORM @@tally(e.c, -1);
  ELSIF e.c = 'w' THEN PERFORM @@tally('w', -1);
  END IF;
  IF e.expires IS NOT NULL THEN DELETE FROM @expiry WHERE queue = x.q AND at = e.expires AND id = e.id; END IF;
END $f$;

CREATE FUNCTION @@arm_expiry(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF e.expires IS NOT NULL AND NOT e.begun THEN
    INSERT INTO @expiry VALUES (x.q, e.expires, e.id) ON CONFLICT DO NOTHING;
  END IF;
END $f$;

-- Whether anything differs from a job that never ran, so that it has to be written.
CREATE FUNCTION @@is_marked(e @@entry) RETURNS boolean LANGUAGE plpgsql AS $f$
BEGIN
  RETURN e.has_state OR e.attempt > 0 OR e.recoveries > 0 OR e.deferrals > 0 OR e.begun OR e.lapsed OR e.place <> e.seq
    OR e.run_at IS DISTINCT FROM e.due OR e.started IS NOT NULL OR e.error IS NOT NULL;
END $f$;

CREATE FUNCTION @@make_pending(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF e.c IS NOT NULL THEN PERFORM @@detach(x, e); END IF;
  e.c := 'p';
  e.stamp := NULL;
  IF e.place = 0 THEN e.place := nextval('@place'); END IF;
  IF @@is_marked(e) THEN e := @@save(x.q, e); END IF;
  PERFORM @@file(x, e), @@arm_expiry(x, e);
END $f$;

CREATE FUNCTION @@make_scheduled(x @@context, e @@entry, at bigint) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF e.c IS NOT NULL THEN PERFORM @@detach(x, e); END IF;
  e.run_at := at;
  e.stamp := NULL;
  e.c := CASE WHEN e.attempt > 0 THEN 'r' ELSE 's' END;
  IF @@is_marked(e) THEN e := @@save(x.q, e); END IF;
  INSERT INTO @delayed VALUES (x.q, e.id, at, e.c = 'r', e.special OR e.has_state);
  PERFORM @@tally(e.c, 1), @@arm_expiry(x, e), @@moved();
END $f$;

CREATE FUNCTION @@put_back(x @@context, e @@entry, delay bigint) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF delay > 0 THEN PERFORM @@make_scheduled(x, e, x.now + delay);
  ELSE PERFORM @@make_pending(x, e);
  END IF;
END $f$;

-- Who holds a unique key.
CREATE FUNCTION @@holder(x @@context, k text) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
  RETURN (SELECT id FROM @unique_key WHERE queue = x.q AND key = k AND (ends IS NULL OR ends > x.now));
END $f$;

CREATE FUNCTION @@take_key(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  INSERT INTO @unique_key VALUES (x.q, e.unique_key, e.id, e.unique_until, x.up + e.unique_ttl)
  ON CONFLICT (queue, key) DO UPDATE SET id = excluded.id, until = excluded.until, ends = excluded.ends;
END $f$;

CREATE FUNCTION @@free_key(x @@context, e @@entry, mode text) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF e.unique_key IS NULL OR e.unique_until = 'ttl' OR (mode IS NOT NULL AND e.unique_until <> mode) THEN RETURN; END IF;
  DELETE FROM @unique_key WHERE queue = x.q AND key = e.unique_key AND id = e.id AND until = e.unique_until;
END $f$;

-- Marks a delivery as started.
CREATE FUNCTION @@start(x @@context, e @@entry) RETURNS @@entry LANGUAGE plpgsql AS $f$
BEGIN
  e.lease_started := x.now;
  e.lease_began := NOT e.begun;
  UPDATE @lease SET started = x.now, began = e.lease_began WHERE queue = x.q AND id = e.id;
  PERFORM @@free_key(x, e, 'started'), @@count_start(x, e);
  IF e.expires IS NOT NULL THEN DELETE FROM @expiry WHERE queue = x.q AND at = e.expires AND id = e.id; END IF;
  RETURN e;
END $f$;

-- Keeps in the job's state what its lease knew.
CREATE FUNCTION @@land(e @@entry) RETURNS @@entry LANGUAGE plpgsql AS $f$
BEGIN
  IF e.lease_started IS NOT NULL THEN
    e.begun := true;
    e.started := e.lease_started;
  END IF;
  RETURN e;
END $f$;

CREATE FUNCTION @@count_letter(given integer, t text, by integer) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  INSERT INTO @letter_count AS l VALUES (given, t, by) ON CONFLICT (queue, task) DO UPDATE SET n = l.n + by;
  DELETE FROM @letter_count WHERE queue = given AND task = t AND n <= 0;
END $f$;

-- Ends a job.
CREATE FUNCTION @@finish(x @@context, e @@entry, outcome text) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF e.c IS NOT NULL THEN PERFORM @@detach(x, e); END IF;
  e.c := outcome;
  e.finished := x.now;
  e.cancel := false;
  e.stamp := NULL;
  PERFORM @@free_key(x, e, NULL), @@withdraw(x, e, outcome = 'f');
  e := @@links_ended(x, e, false);
  e := @@keep_again(x, e);
  PERFORM @@save(x.q, e), @@tally(outcome, 1), @@tell(x, e.id);
  IF outcome = 'f' THEN PERFORM @@count_letter(x.q, e.task, 1); END IF;
END $f$;

CREATE FUNCTION @@tell(x @@context, i text) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF x.watched THEN
    PERFORM set_config('lexigram.ended', coalesce(current_setting('lexigram.ended', true), '') || to_json(i)::text || ',', true);
  END IF;
END $f$;

-- Deletes a record, whatever its status; a running job is fenced, an unfinished one counts as over.
CREATE FUNCTION @@remove(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  over boolean := e.c IN ('c', 'f', 'x', 'e');
BEGIN
  IF over THEN
    e := @@unkeep(x, e);
    PERFORM @@tally(e.c, -1);
    IF e.c = 'f' THEN PERFORM @@count_letter(x.q, e.task, -1); END IF;
  ELSE PERFORM @@detach(x, e);
  END IF;
  PERFORM @@free_key(x, e, NULL);
  IF e.key IS NOT NULL THEN PERFORM @@unchain(x, e.id, e.key); END IF;
  IF NOT over THEN
    e := @@links_ended(x, e, true);
    PERFORM @@tell(x, e.id);
  END IF;
  DELETE FROM @job WHERE queue = x.q AND id = e.id;
  DELETE FROM @job_state WHERE queue = x.q AND id = e.id;
END $f$;

-- Makes due jobs pending: those that nothing else concerns all at once.
CREATE FUNCTION @@promote(x @@context, budget integer) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  due record;
  i text;
BEGIN
  SELECT array_agg(t.at) FILTER (WHERE t.plain) AS at, array_agg(t.id) FILTER (WHERE t.plain) AS ids,
    array_agg(t.id ORDER BY t.n) FILTER (WHERE NOT t.plain) AS special
  INTO due FROM (
    SELECT ctid AS at, id, row_number() OVER () AS n,
      NOT special AND NOT (x.rules IS NOT NULL AND (x.rules ? 'tasks' OR @@is_fair(x.rules))) AS plain
    FROM @delayed WHERE queue::bigint = x.q AND delayed.due <= x.now ORDER BY delayed.due LIMIT budget) t;
  IF due.ids IS NOT NULL THEN
    DELETE FROM @delayed WHERE ctid = ANY (due.at);
    INSERT INTO @ready (queue, np, place, id, kind)
    SELECT x.q, -j.priority, j.seq, t.id, @@kind_at(x.ready_marks, -j.priority, j.seq, @@kind_of(octet_length(j.data)))
    FROM unnest(due.ids) t (id)
    CROSS JOIN LATERAL (SELECT priority, seq, data FROM @job WHERE queue = x.q AND id = t.id LIMIT 1) j;
    PERFORM @@tally('s', -cardinality(due.ids)), @@tally('p', cardinality(due.ids)), @@moved();
  END IF;
  FOREACH i IN ARRAY coalesce(due.special, '{}') LOOP PERFORM @@make_pending(x, @@load(x.q, i)); END LOOP;
END $f$;

-- Does what time alone brings, in bounded steps; what is left over is found by the next call, as it is still due.
CREATE FUNCTION @@begin(x @@context, budget integer) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  r record;
  e @@entry;
BEGIN
  PERFORM set_config('lexigram.moved', '', true), set_config('lexigram.ended', '', true);
  IF EXISTS (SELECT FROM @note WHERE queue = x.q) THEN PERFORM @@apply_notes(x, budget); END IF;
  PERFORM @@promote(x, budget);
  FOR r IN SELECT at, id FROM @expiry WHERE queue = x.q AND at <= x.now ORDER BY at, id LIMIT budget LOOP
    e := @@load(x.q, r.id);
    IF e.c IN ('p', 's', 'r') THEN PERFORM @@finish(x, e, 'e');
    ELSE DELETE FROM @expiry WHERE queue = x.q AND at = r.at AND id = r.id;
    END IF;
  END LOOP;
  PERFORM @@refill(x);
  DELETE FROM @unique_key WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM @unique_key WHERE queue = x.q AND ends <= x.now ORDER BY ends LIMIT 500));
END $f$;

-- Milliseconds until an instant; nothing when there is none.
CREATE FUNCTION @@span_to(at double precision, exact double precision) RETURNS bigint LANGUAGE sql IMMUTABLE AS $f$
  SELECT CASE WHEN at > exact THEN floor(at - exact)::bigint WHEN at IS NOT NULL THEN 0 END
$f$;

-- When time alone makes work, in milliseconds from now; nothing when it makes none.
CREATE FUNCTION @@due_in(x @@context) RETURNS bigint LANGUAGE plpgsql AS $f$
DECLARE
  at double precision;
BEGIN
  IF x.refile IS NOT NULL OR EXISTS (SELECT FROM @release WHERE queue = x.q) OR EXISTS (SELECT FROM @note WHERE queue = x.q) THEN RETURN 0; END IF;
  at := least(
    (SELECT due FROM @delayed WHERE queue::bigint = x.q ORDER BY due LIMIT 1),
    (SELECT e.at FROM @expiry e WHERE e.queue = x.q ORDER BY e.at LIMIT 1),
    (SELECT until FROM @lease WHERE queue::bigint = x.q AND until >= x.lease_mark ORDER BY until LIMIT 1),
    @@next_refill(x));
  RETURN @@span_to(at, x.exact);
END $f$;

-- Trims records, forgets what is over, and writes the counters.
CREATE FUNCTION @@close(x @@context, budget integer) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  n bigint;
BEGIN
  PERFORM @@trim(x, budget);
  IF x.swept < x.now - #sweep_ms THEN
    PERFORM @@raise_marks(x, x.tidied < x.now - 30000);
    -- A standby that takes over may not have heard of the last numbers; the time is ahead of them.
    PERFORM setval('@call_number', floor(x.exact * 1000)::bigint) FROM @call_number WHERE last_value < x.exact * 1000;
  END IF;
  IF x.tidied < x.now - 30000 THEN
    WITH gone AS (
      DELETE FROM @call WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM @call WHERE queue = x.q AND until <= x.now AND seen_until <= x.now - 600000
        LIMIT 1000 FOR UPDATE SKIP LOCKED))
      RETURNING stored)
    SELECT coalesce(sum(stored), 0) INTO n FROM gone;
    PERFORM @@tally('p', n);
    DELETE FROM @queue_bucket WHERE queue = x.q AND full_at < x.exact - 1;
  END IF;
  PERFORM @@flush(x.q);
END $f$;

-- What was brought about for those who wait: whether there may be work, and the ids of jobs that ended.
CREATE FUNCTION @@news() RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
  RETURN coalesce(current_setting('lexigram.moved', true), '') || '['
    || rtrim(coalesce(current_setting('lexigram.ended', true), ''), ',') || ']';
END $f$;
`;
