/**
 * Many jobs at a time, in the step that judges: those that concern nothing but themselves, and those that concern others by
 * their end alone (a barrier that counts it, a unique key), are stored, given out and completed together.
 */
export const RUNS: string = String.raw`
-- Files new jobs whose rows are there. noted: whether others may know of some, which are not delayed, and whose keys are free.
CREATE FUNCTION @@file_run(x @@context, ids text[], noted boolean) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  n integer;
BEGIN
  IF ids = '{}' THEN RETURN; END IF;
  INSERT INTO @ready (queue, np, place, id, kind)
  SELECT x.q, -j.priority, j.seq, t.id, @@kind_at(x.ready_marks, -j.priority, j.seq,
    CASE WHEN coalesce(j.notifies, j.unique_key) IS NULL THEN @@kind_of(octet_length(j.data)) ELSE 'n' END)
  FROM unnest(ids) t (id)
  CROSS JOIN LATERAL (SELECT priority, seq, data, due, notifies, unique_key FROM @job WHERE queue = x.q AND id = t.id LIMIT 1) j
  WHERE j.due IS NULL;
  GET DIAGNOSTICS n = ROW_COUNT;
  PERFORM @@tally('p', n), @@tally('s', cardinality(ids) - n), @@moved();
  IF noted THEN
    INSERT INTO @unique_key
    SELECT x.q, j.unique_key, t.id, j.unique_until, x.up + j.unique_ttl FROM unnest(ids) t (id)
    CROSS JOIN LATERAL (SELECT unique_key, unique_until, unique_ttl FROM @job WHERE queue = x.q AND id = t.id LIMIT 1) j
    WHERE j.unique_key IS NOT NULL
    ON CONFLICT (queue, key) DO UPDATE SET id = excluded.id, until = excluded.until, ends = excluded.ends;
  END IF;
  IF n = cardinality(ids) THEN RETURN; END IF;
  INSERT INTO @delayed
  SELECT x.q, t.id, j.due, false, false FROM unnest(ids) t (id)
  CROSS JOIN LATERAL (SELECT due FROM @job WHERE queue = x.q AND id = t.id LIMIT 1) j
  WHERE j.due IS NOT NULL;
END $f$;

-- Gives out the jobs that stand first, up to one that has to be looked at. full: it stopped at max_bytes.
CREATE FUNCTION @@claim_run(x @@context, holder integer, num bigint, got integer, slots integer, most integer,
  lease_ms bigint, max_bytes bigint, INOUT bytes bigint, OUT ids text[], OUT is_full boolean) LANGUAGE plpgsql AS $f$
DECLARE
  rows tid[];
  sizes integer[];
  kinds "char"[];
  n integer := 0;
BEGIN
  is_full := false;
  IF x.ready_marks IS NULL THEN
    SELECT array_agg(t.at), array_agg(t.id), array_agg(t.kind) INTO rows, ids, kinds
    FROM (SELECT f.ctid AS at, f.id, f.kind FROM @ready f WHERE f.queue = x.q AND f.section IS NULL
      ORDER BY f.np, f.place LIMIT most - got) t;
  ELSE
    SELECT array_agg(f.at), array_agg(f.id), array_agg(f.kind) INTO rows, ids, kinds
    FROM @@first_free(x.q, x.ready_marks, most - got) f;
  END IF;
  most := coalesce(least(array_position(kinds, 's'), array_position(kinds, 'S')) - 1, cardinality(kinds), 0);
  sizes := @@sizes_of(x.q, ids[1:most]);
  FOR i IN 1..most LOOP
    IF got + n > 0 AND bytes + sizes[i] > max_bytes THEN
      is_full := true;
      EXIT;
    END IF;
    bytes := bytes + sizes[i];
    n := i;
  END LOOP;
  ids := coalesce(ids[1:n], '{}');
  IF n = 0 THEN RETURN; END IF;
  DELETE FROM @ready WHERE ctid = ANY (rows[1:n]);
  INSERT INTO @lease (queue, id, number, ordinal, until, started, began, special, session)
  SELECT x.q, t.id, num, got + t.ordinal, x.up + lease_ms, CASE WHEN got + t.ordinal <= slots THEN x.now END,
    got + t.ordinal <= slots, t.kind IN ('n', 'N'), holder
  FROM unnest(ids, kinds[1:n]) WITH ORDINALITY t (id, kind, ordinal);
  PERFORM @@tally('p', -n), @@tally('u', n);
END $f$;

-- Counts jobs that are over for the barriers of their callbacks, none of them counted before. Answers which callbacks wait
-- still, or run, so that the records are theirs.
CREATE FUNCTION @@count_run(x @@context, backs text[]) RETURNS text[] LANGUAGE plpgsql AS $f$
DECLARE
  r record;
  back @@entry;
  open text[] := '{}';
BEGIN
  FOR r IN SELECT t.back AS id, count(*)::integer AS n FROM unnest(backs) t (back) WHERE t.back IS NOT NULL GROUP BY t.back LOOP
    back := @@load(x.q, r.id);
    CONTINUE WHEN back.id IS NULL OR back.c IN ('c', 'f', 'x', 'e');
    open := open || back.id;
    CONTINUE WHEN back.barrier_left = 0;
    back.barrier_left := greatest(0, back.barrier_left - r.n);
    IF back.c = 'w' AND back.barrier_left = 0 AND back.unmet = 0 THEN PERFORM @@let_go(x, back);
    ELSE PERFORM @@save(x.q, back);
    END IF;
  END LOOP;
  RETURN open;
END $f$;

-- Completes the jobs of which nothing else is to be thought than whom their end is told. Answers which.
CREATE FUNCTION @@complete_run(x @@context, settles json) RETURNS text[] LANGUAGE plpgsql AS $f$
DECLARE
  run record;
  open text[] := '{}';
  pinned text[];
  anew boolean;
  leaves boolean := x.keep_count > 0 OR x.watched;
  stored record;
  i text;
BEGIN
  IF settles IS NULL OR x.rules ?| '{tasks,k}' THEN RETURN '{}'; END IF;
  SELECT array_agg(l.at) AS rows, array_agg(t.i) AS ids, array_agg(coalesce(l.started, x.now)) AS starts, array_agg(t.a) AS encodings,
    array_agg(t.b) AS bodies, array_agg(o.noted) AS noted, array_agg(o.notifies) AS backs, array_agg(o.own) AS keys
  INTO run
  FROM (SELECT *, count(*) OVER (PARTITION BY o.i) AS times
    FROM json_to_recordset(settles) o (k text, n bigint, i text, a text, b text)) t
  CROSS JOIN LATERAL (SELECT d.ctid AS at, d.number, d.until, d.special, d.started FROM @lease d
    WHERE d.queue = x.q AND d.id = t.i LIMIT 1 FOR UPDATE SKIP LOCKED) l
  LEFT JOIN LATERAL (SELECT j.notifies, CASE j.unique_until WHEN 'settled' THEN j.unique_key END AS own,
      -- What differs from a job that never ran is more than a note.
      @@is_noted(j.notifies, j.unique_key, j.unique_until, j.key,
        coalesce(j.expires, j.barrier, j.max_recoveries, j.result_ttl), j.depends)
      AND (SELECT s.id FROM @job_state s WHERE s.queue = x.q AND s.id = t.i LIMIT 1) IS NULL AS noted
    FROM @job j WHERE l.special AND j.queue = x.q AND j.id = t.i LIMIT 1) o ON true
  WHERE t.k = 'c' AND t.times = 1 AND l.number = t.n AND l.until > x.now AND (NOT l.special OR o.noted);
  IF run.ids IS NULL THEN RETURN '{}'; END IF;
  DELETE FROM @lease WHERE ctid = ANY (run.rows);
  PERFORM @@tally('u', -cardinality(run.ids)), @@moved();
  IF NOT leaves THEN
    DELETE FROM @job WHERE ctid = ANY (ARRAY(
      SELECT j.ctid FROM unnest(run.ids, run.noted) t (id, noted)
      CROSS JOIN LATERAL (SELECT k.ctid FROM @job k WHERE k.queue = x.q AND k.id = t.id LIMIT 1) j
      WHERE t.noted IS NULL));
    IF array_position(run.noted, true) IS NULL THEN RETURN run.ids; END IF;
  END IF;
  IF array_position(run.noted, true) IS NOT NULL THEN
    open := @@count_run(x, run.backs);
    DELETE FROM @unique_key WHERE ctid = ANY (ARRAY(
      SELECT k.at FROM unnest(run.ids, run.keys) t (id, key)
      CROSS JOIN LATERAL (SELECT u.ctid AS at, u.id FROM @unique_key u
        WHERE u.queue = x.q AND u.key = t.key AND u.until = 'settled' LIMIT 1) k
      WHERE t.key IS NOT NULL AND k.id = t.id));
  END IF;
  WITH kept AS (
    INSERT INTO @pin (queue, owner, id)
    SELECT x.q, t.back, t.id FROM unnest(run.ids, run.backs) t (id, back) WHERE t.back = ANY (open)
    ON CONFLICT DO NOTHING RETURNING id)
  SELECT coalesce(array_agg(id), '{}') INTO pinned FROM kept;
  -- One that a callback kept before is rare, and to look each up in the list is not cheap.
  anew := cardinality(pinned) = (SELECT count(*) FROM unnest(run.backs) t (back) WHERE t.back = ANY (open));
  WITH ended AS (
    INSERT INTO @job_state (queue, id, c, stamp, kept, finished, started, attempt, begun, counted, pins, result_encoding, result)
    SELECT x.q, t.id, 'c', nextval('@stamp'), NOT t.is_pinned, x.now, t.started, 1, true, t.back IS NOT NULL, t.is_pinned::integer,
      t.encoding, t.body
    FROM (SELECT *, coalesce(o.back = ANY (open) AND (anew OR o.id = ANY (pinned)), false) AS is_pinned
      FROM unnest(run.ids, run.starts, run.encodings, run.bodies, run.noted, run.backs) o (id, started, encoding, body, noted, back)) t
    WHERE leaves OR t.noted RETURNING kept)
  SELECT count(*) AS n, count(*) FILTER (WHERE kept) AS kept INTO stored FROM ended;
  PERFORM @@tally('c', stored.n), @@tally('kd', stored.kept);
  IF x.watched THEN
    FOREACH i IN ARRAY run.ids LOOP PERFORM @@tell(x, i); END LOOP;
  END IF;
  RETURN run.ids;
END $f$;
`;
