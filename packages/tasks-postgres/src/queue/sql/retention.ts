/** How long somebody who waited for the end of a job may take to read it, in milliseconds. */
export const WAITED_FOR_MS = 2_000;

/** How long terminal records stay: bounded by age and count, unless they are pinned or have a time of their own. */
export const RETENTION: string = String.raw`
CREATE FUNCTION @@kept_name(c text) RETURNS text LANGUAGE sql IMMUTABLE AS $f$
  SELECT CASE WHEN c = 'f' THEN 'kf' ELSE 'kd' END
$f$;

-- Sets what keeps the record of a job that is over; who calls it saves the entry.
CREATE FUNCTION @@keep_again(x @@context, e @@entry) RETURNS @@entry LANGUAGE plpgsql AS $f$
DECLARE
  ttl bigint := CASE WHEN NOT e.ttl_over THEN e.result_ttl END;
  keep boolean := ttl IS NULL AND e.pins <= 0;
BEGIN
  IF e.stamp IS NULL THEN e.stamp := nextval('@stamp'); END IF;
  IF keep <> e.kept THEN PERFORM @@tally(@@kept_name(e.c), CASE WHEN keep THEN 1 ELSE -1 END); END IF;
  e.kept := keep;
  e.keep_until := CASE WHEN e.pins <= 0 AND ttl >= 0 THEN e.finished + ttl END;
  RETURN e;
END $f$;

-- Takes a record that is over out of what is kept.
CREATE FUNCTION @@unkeep(x @@context, e @@entry) RETURNS @@entry LANGUAGE plpgsql AS $f$
BEGIN
  IF e.kept THEN PERFORM @@tally(@@kept_name(e.c), -1); END IF;
  e.kept := false;
  e.keep_until := NULL;
  RETURN e;
END $f$;

-- Nothing else knows of a record of this kind that is kept by age and count, so those that go need not be looked at.
-- more: how many are over that no counter knows of yet. Answers how many went: of all, completed, cancelled, expired.
CREATE FUNCTION @@trim_done(x @@context, budget integer, more bigint) RETURNS bigint[] LANGUAGE plpgsql AS $f$
DECLARE
  over bigint;
  oldest bigint;
  most integer;
  old bigint := x.now - x.keep_age;
  till bigint := CASE WHEN x.watched THEN x.now - #waited ELSE x.now END;
  gone record;
BEGIN
  over := coalesce((SELECT sum(kd) FROM @tally WHERE queue = x.q), 0) + more - x.keep_count;
  SELECT min(t.finished) INTO oldest FROM (
    (SELECT finished FROM @job_state WHERE queue = x.q AND c = 'c' AND kept AND stamp >= x.kept_mark ORDER BY stamp LIMIT 1) UNION ALL
    (SELECT finished FROM @job_state WHERE queue = x.q AND c = 'x' AND kept ORDER BY stamp LIMIT 1) UNION ALL
    (SELECT finished FROM @job_state WHERE queue = x.q AND c = 'e' AND kept ORDER BY stamp LIMIT 1)) t;
  IF oldest IS NULL OR oldest > till OR (over <= 0 AND oldest > old) THEN RETURN '{0,0,0,0}'; END IF;
  most := CASE WHEN oldest <= old THEN budget ELSE least(over, budget) END;
  WITH heads AS (
    (SELECT ctid AS at, id, c, stamp, finished FROM @job_state WHERE queue = x.q AND c = 'c' AND kept AND stamp >= x.kept_mark
      ORDER BY stamp LIMIT most)
    UNION ALL
    (SELECT ctid, id, c, stamp, finished FROM @job_state WHERE queue = x.q AND c = 'x' AND kept ORDER BY stamp LIMIT most)
    UNION ALL
    (SELECT ctid, id, c, stamp, finished FROM @job_state WHERE queue = x.q AND c = 'e' AND kept ORDER BY stamp LIMIT most)
  ), ranked AS (
    SELECT *, row_number() OVER (ORDER BY stamp) AS rank FROM heads
  )
  SELECT array_agg(at) AS at, array_agg(id) AS ids, count(*) FILTER (WHERE c = 'c') AS c,
    count(*) FILTER (WHERE c = 'x') AS x, count(*) FILTER (WHERE c = 'e') AS e
  INTO gone FROM ranked
  WHERE rank <= budget AND (rank <= over OR finished <= old) AND finished <= till;
  IF gone.at IS NULL THEN RETURN '{0,0,0,0}'; END IF;
  DELETE FROM @job_state WHERE ctid = ANY (gone.at);
  DELETE FROM @job WHERE ctid = ANY (ARRAY(
    SELECT j.ctid FROM unnest(gone.ids) t (id)
    CROSS JOIN LATERAL (SELECT ctid FROM @job WHERE queue = x.q AND id = t.id LIMIT 1) j));
  RETURN ARRAY[cardinality(gone.ids), gone.c, gone.x, gone.e];
END $f$;

CREATE FUNCTION @@trim_failed(x @@context, budget integer) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  r record;
  till bigint := CASE WHEN x.watched THEN x.now - #waited ELSE x.now END;
BEGIN
  WHILE budget > 0 LOOP
    SELECT id, finished INTO r FROM @job_state WHERE queue = x.q AND c = 'f' AND kept ORDER BY stamp LIMIT 1;
    IF NOT FOUND OR r.finished > till THEN RETURN; END IF;
    IF r.finished > x.now - x.keep_failed_age AND x.keep_failed_count
      >= coalesce((SELECT sum(kf) FROM @tally WHERE queue = x.q), 0) + @@tallied('kf') THEN RETURN; END IF;
    PERFORM @@remove(x, @@load(x.q, r.id));
    budget := budget - 1;
  END LOOP;
END $f$;

CREATE FUNCTION @@trim(x @@context, budget integer) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  r record;
  e @@entry;
  gone bigint[] := @@trim_done(x, budget, @@tallied('kd'));
BEGIN
  PERFORM @@tally('kd', -gone[1]), @@tally('c', -gone[2]), @@tally('x', -gone[3]), @@tally('e', -gone[4]);
  -- These are looked at one by one.
  PERFORM @@trim_failed(x, least(budget, 200));
  FOR r IN SELECT id FROM @job_state WHERE queue = x.q AND keep_until <= x.now ORDER BY keep_until
    LIMIT least(budget, 200) LOOP
    e := @@load(x.q, r.id);
    IF e.c = 'f' THEN
      -- A dead letter outlives its own time: from here on it goes as the policy says.
      e.ttl_over := true;
      e := @@keep_again(x, e);
      PERFORM @@save(x.q, e);
    ELSE PERFORM @@remove(x, e);
    END IF;
  END LOOP;
END $f$;
`;
