/**
 * Dependencies and barriers. Barriers are counted in the step that ends a job; everything whose cost grows with the
 * number of dependents goes through a list that is worked off in bounded steps.
 */
export const LINKS: string = String.raw`
-- Makes a new job wait for another, and keeps the other's record until it is over. False when that has ended already.
CREATE FUNCTION @@depend(x @@context, waiter text, target text) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  e @@entry := @@load(x.q, target);
BEGIN
  INSERT INTO @pin VALUES (x.q, waiter, target) ON CONFLICT DO NOTHING;
  IF FOUND THEN e.pins := e.pins + 1; END IF;
  IF e.c IN ('c', 'f', 'x', 'e') THEN
    e := @@keep_again(x, e);
    PERFORM @@save(x.q, e);
    RETURN e.c;
  END IF;
  e.linked := true;
  PERFORM @@save(x.q, e);
  PERFORM @@flag(x.q, e, x.rules);
  INSERT INTO @edge VALUES (x.q, target, waiter);
  RETURN e.c;
END $f$;

-- Counts a job that is over for the barrier of its callback, once.
CREATE FUNCTION @@count_for(x @@context, e @@entry, gone boolean) RETURNS @@entry LANGUAGE plpgsql AS $f$
DECLARE
  back @@entry := @@load(x.q, e.notifies);
BEGIN
  IF back.id IS NULL OR back.c IN ('c', 'f', 'x', 'e') THEN RETURN e; END IF;
  IF NOT gone THEN
    INSERT INTO @pin VALUES (x.q, back.id, e.id) ON CONFLICT DO NOTHING;
    IF FOUND THEN e.pins := e.pins + 1; END IF;
  END IF;
  IF back.barrier_left = 0 THEN RETURN e; END IF;
  back.barrier_left := back.barrier_left - 1;
  IF back.c = 'w' AND back.barrier_left = 0 AND back.unmet = 0 THEN PERFORM @@let_go(x, back);
  ELSE PERFORM @@save(x.q, back);
  END IF;
  RETURN e;
END $f$;

-- Takes note that a job ended, or was deleted.
CREATE FUNCTION @@links_ended(x @@context, e @@entry, gone boolean) RETURNS @@entry LANGUAGE plpgsql AS $f$
BEGIN
  IF e.notifies IS NOT NULL AND NOT e.counted THEN
    e.counted := true;
    e := @@count_for(x, e, gone);
  END IF;
  IF e.linked THEN
    e.linked := false;
    INSERT INTO @release (queue, kind, id) VALUES (x.q, CASE WHEN e.c = 'c' AND NOT gone THEN 'c' ELSE 'n' END, e.id);
  END IF;
  IF e.depends IS NOT NULL OR e.barrier IS NOT NULL THEN
    INSERT INTO @release (queue, kind, id) VALUES (x.q, 'u', e.id);
  END IF;
  e.unmet := 0;
  e.barrier_left := 0;
  RETURN e;
END $f$;

-- Lets a waiting job go on.
CREATE FUNCTION @@let_go(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF coalesce(e.run_at, 0) > x.now THEN PERFORM @@make_scheduled(x, e, e.run_at);
  ELSE PERFORM @@make_pending(x, e);
  END IF;
END $f$;

CREATE FUNCTION @@release_one(x @@context, kind text, i text) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  e @@entry := @@load(x.q, i);
BEGIN
  IF e.c IS DISTINCT FROM 'w' THEN RETURN; END IF;
  IF kind = 'n' THEN
    e.error := NULL;
    e.why := 'dependency';
    PERFORM @@finish(x, e, 'x');
  ELSE
    e.unmet := e.unmet - 1;
    IF e.unmet <= 0 AND e.barrier_left = 0 THEN PERFORM @@let_go(x, e);
    ELSE PERFORM @@save(x.q, e);
    END IF;
  END IF;
END $f$;

-- Lets go of records that were kept for a job. Answers of which.
CREATE FUNCTION @@unpin(x @@context, by text, budget integer) RETURNS text[] LANGUAGE plpgsql AS $f$
DECLARE
  at tid[];
  ids text[];
  held record;
  i text;
  e @@entry;
BEGIN
  SELECT array_agg(p.at), array_agg(p.id) INTO at, ids FROM (
    SELECT ctid AS at, id FROM @pin WHERE queue = x.q AND owner = by ORDER BY id LIMIT budget) p;
  IF ids IS NULL THEN RETURN '{}'; END IF;
  DELETE FROM @pin WHERE ctid = ANY (at);
  SELECT array_agg(s.at) FILTER (WHERE NOT s.is_free) AS others, array_agg(s.at) FILTER (WHERE s.is_free AND j.ttl IS NULL) AS free,
    count(*) FILTER (WHERE s.is_free AND j.ttl IS NULL AND s.c = 'f') AS letters,
    min(s.stamp) FILTER (WHERE s.is_free AND j.ttl IS NULL AND s.c = 'c') AS first,
    array_agg(t.id) FILTER (WHERE s.is_free AND j.ttl IS NOT NULL) AS timed
  INTO held FROM unnest(ids) t (id)
  CROSS JOIN LATERAL (SELECT ctid AS at, c, stamp, pins = 1 AND coalesce(c IN ('c', 'f', 'x', 'e'), false) AS is_free
    FROM @job_state WHERE queue = x.q AND id = t.id LIMIT 1) s
  CROSS JOIN LATERAL (SELECT result_ttl AS ttl FROM @job WHERE queue = x.q AND id = t.id LIMIT 1) j;
  UPDATE @job_state SET pins = pins - 1 WHERE ctid = ANY (held.others);
  UPDATE @job_state SET pins = 0, kept = true WHERE ctid = ANY (held.free);
  -- The line of what is kept may have gone on since they ended.
  UPDATE @queue SET kept_mark = held.first WHERE queue = x.q AND kept_mark > held.first;
  PERFORM @@tally('kd', coalesce(cardinality(held.free), 0) - held.letters), @@tally('kf', held.letters);
  FOREACH i IN ARRAY coalesce(held.timed, '{}') LOOP
    e := @@load(x.q, i);
    e.pins := 0;
    PERFORM @@save(x.q, @@keep_again(x, e));
  END LOOP;
  RETURN ids;
END $f$;

-- Carries the ends of jobs to a bounded number of those that wait for them.
CREATE FUNCTION @@carry_on(x @@context, budget integer) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  r record;
  ids text[];
  i text;
BEGIN
  WHILE budget > 0 LOOP
    SELECT n, kind, id INTO r FROM @release WHERE queue = x.q ORDER BY n LIMIT 1;
    IF NOT FOUND THEN RETURN; END IF;
    IF r.kind = 'u' THEN ids := @@unpin(x, r.id, budget);
    ELSE
      SELECT array_agg(t.id) INTO ids
      FROM (SELECT id FROM @edge WHERE queue = x.q AND on_id = r.id ORDER BY id LIMIT budget) t;
      FOREACH i IN ARRAY coalesce(ids, '{}') LOOP
        DELETE FROM @edge WHERE queue = x.q AND on_id = r.id AND id = i;
        PERFORM @@release_one(x, r.kind::text, i);
      END LOOP;
    END IF;
    IF coalesce(cardinality(ids), 0) < budget THEN DELETE FROM @release WHERE queue = x.q AND n = r.n; END IF;
    budget := budget - greatest(1, coalesce(cardinality(ids), 0));
  END LOOP;
END $f$;
`;
