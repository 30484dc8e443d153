/**
 * Plain jobs among others, in the step that judges: those that concern nothing but themselves are stored, given out and
 * completed many at a time.
 */
export const RUNS: string = String.raw`
-- Files new plain jobs whose rows are there.
CREATE FUNCTION @@file_run(x @@context, ids text[]) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  n integer;
BEGIN
  IF ids = '{}' THEN RETURN; END IF;
  INSERT INTO @ready (queue, np, place, id, kind)
  SELECT x.q, -j.priority, j.seq, t.id, @@kind_at(x.ready_marks, -j.priority, j.seq, @@kind_of(octet_length(j.data)))
  FROM unnest(ids) t (id)
  CROSS JOIN LATERAL (SELECT priority, seq, data, due FROM @job WHERE queue = x.q AND id = t.id LIMIT 1) j
  WHERE j.due IS NULL;
  GET DIAGNOSTICS n = ROW_COUNT;
  PERFORM @@tally('p', n), @@tally('s', cardinality(ids) - n), @@moved();
  IF n = cardinality(ids) THEN RETURN; END IF;
  INSERT INTO @delayed
  SELECT x.q, t.id, j.due, false, false FROM unnest(ids) t (id)
  CROSS JOIN LATERAL (SELECT due FROM @job WHERE queue = x.q AND id = t.id LIMIT 1) j
  WHERE j.due IS NOT NULL;
END $f$;

-- Gives out the plain jobs that stand first, up to one that has to be looked at. full: it stopped at max_bytes.
CREATE FUNCTION @@claim_run(x @@context, holder integer, num bigint, got integer, slots integer, most integer,
  lease_ms bigint, max_bytes bigint, INOUT bytes bigint, OUT ids text[], OUT is_full boolean) LANGUAGE plpgsql AS $f$
DECLARE
  rows tid[];
  sizes integer[];
  odd boolean[];
  n integer := 0;
BEGIN
  is_full := false;
  IF x.ready_marks IS NULL THEN
    SELECT array_agg(t.at), array_agg(t.id), array_agg(t.kind IN ('s', 'S')) INTO rows, ids, odd
    FROM (SELECT f.ctid AS at, f.id, f.kind FROM @ready f WHERE f.queue = x.q AND f.section IS NULL
      ORDER BY f.np, f.place LIMIT most - got) t;
  ELSE
    SELECT array_agg(f.at), array_agg(f.id), array_agg(f.kind IN ('s', 'S')) INTO rows, ids, odd
    FROM @@first_free(x.q, x.ready_marks, most - got) f;
  END IF;
  sizes := @@sizes_of(x.q, ids);
  FOR i IN 1..coalesce(cardinality(ids), 0) LOOP
    EXIT WHEN odd[i];
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
    got + t.ordinal <= slots, false, holder
  FROM unnest(ids) WITH ORDINALITY t (id, ordinal);
  PERFORM @@tally('p', -n), @@tally('u', n);
END $f$;

-- Completes the jobs of which nothing else is to be thought. Answers which.
CREATE FUNCTION @@complete_run(x @@context, settles json) RETURNS text[] LANGUAGE plpgsql AS $f$
DECLARE
  rows tid[];
  ids text[];
  starts bigint[];
  encodings text[];
  bodies text[];
  i text;
BEGIN
  IF settles IS NULL OR x.rules ?| '{tasks,k}' THEN RETURN '{}'; END IF;
  SELECT array_agg(l.at), array_agg(t.i), array_agg(coalesce(l.started, x.now)), array_agg(t.a), array_agg(t.b)
  INTO rows, ids, starts, encodings, bodies
  FROM (SELECT *, count(*) OVER (PARTITION BY o.i) AS times
    FROM json_to_recordset(settles) o (k text, n bigint, i text, a text, b text)) t
  CROSS JOIN LATERAL (SELECT d.ctid AS at, d.number, d.until, d.special, d.started FROM @lease d
    WHERE d.queue = x.q AND d.id = t.i LIMIT 1 FOR UPDATE SKIP LOCKED) l
  WHERE t.k = 'c' AND t.times = 1 AND l.number = t.n AND l.until > x.now AND NOT l.special;
  IF ids IS NULL THEN RETURN '{}'; END IF;
  DELETE FROM @lease WHERE ctid = ANY (rows);
  PERFORM @@tally('u', -cardinality(ids)), @@moved();
  IF x.keep_count = 0 AND NOT x.watched THEN
    DELETE FROM @job WHERE ctid = ANY (ARRAY(
      SELECT j.ctid FROM unnest(ids) t (id)
      CROSS JOIN LATERAL (SELECT k.ctid FROM @job k WHERE k.queue = x.q AND k.id = t.id LIMIT 1) j));
    RETURN ids;
  END IF;
  INSERT INTO @job_state (queue, id, c, stamp, kept, finished, started, attempt, begun, result_encoding, result)
  SELECT x.q, t.id, 'c', nextval('@stamp'), true, x.now, t.started, 1, true, t.encoding, t.body
  FROM unnest(ids, starts, encodings, bodies) t (id, started, encoding, body);
  PERFORM @@tally('c', cardinality(ids)), @@tally('kd', cardinality(ids));
  IF x.watched THEN
    FOREACH i IN ARRAY ids LOOP PERFORM @@tell(x, i); END LOOP;
  END IF;
  RETURN ids;
END $f$;
`;
