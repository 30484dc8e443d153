/**
 * The short way through an exchange: outcomes that are completions, starts and claims of jobs that concern nothing but
 * themselves, a queue without rules. As that of an enqueue it deals with all at once, beside others, and looks before it
 * writes.
 *
 * Leases are locked by what changes them, not before, unless somebody has touched them (they have an `xmax`): one that he
 * is still at work on is left to the other way. Who takes jobs alone locks none either; several who take at once do, and skip each other's.
 */
export const EXCHANGE_PLAIN: string = String.raw`
-- settles: n number, i id, a and b: encoding and data of the result; starts: n number, i id; no id comes twice. Answers a
-- row whose head says refused where the other way has to judge; else as exchange does.
CREATE FUNCTION @@exchange_plain(given integer, name text, num bigint, remember bigint, settles json, starts json,
  slots integer, ahead integer, lease_ms bigint, max_bytes bigint) RETURNS SETOF @@delivery LANGUAGE plpgsql #settings
SET lock_timeout = '3s' AS $f$
DECLARE
  last record;
  x @@context;
  first record;
  odd boolean;
  touched tid[];
  begun tid[];
  begun_ids text[];
  held tid[];
  done_ids text[];
  times bigint[];
  encodings text[];
  bodies text[];
  alone boolean;
  run record;
  lost text[] := '{}';
  ended json;
  n integer := 0;
  done integer := 0;
  promoted integer := 0;
  changed integer;
  claimed bigint;
  leaves boolean;
  gone bigint[] := '{0,0,0,0}';
  answer @@delivery;
BEGIN
  x := @@context(given, false);
  SELECT seq, until, no INTO last FROM @call WHERE queue = given AND session = name;
  IF NOT FOUND THEN
    INSERT INTO @call (queue, session) VALUES (given, name) ON CONFLICT DO NOTHING RETURNING seq, until, no INTO last;
  END IF;
  -- What only time brings is looked for once a second.
  answer.head := CASE WHEN x.swept < x.now - 1000 THEN '{"refused":"once"}' ELSE '{"refused":"mostly"}' END;
  SELECT (SELECT until FROM @lease WHERE queue::bigint = given AND until >= x.lease_mark ORDER BY until LIMIT 1) AS lease,
    (SELECT at FROM @expiry WHERE queue = given ORDER BY at, id LIMIT 1) AS expiry,
    (SELECT due FROM @delayed WHERE queue::bigint = given ORDER BY due LIMIT 1) AS delay
  INTO first;
  -- A resend, and what time or others brought, go the other way.
  IF last.seq IS NULL OR num <= last.seq OR x.up + lease_ms < x.lease_mark OR x.rules IS NOT NULL OR x.refile IS NOT NULL OR x.swept < x.now - 1000
    OR first.lease <= x.now OR first.expiry <= x.now OR first.delay <= x.now
      AND EXISTS (SELECT FROM @delayed WHERE queue::bigint = given AND due <= x.now AND special)
    OR EXISTS (SELECT FROM @job_state WHERE queue = given AND keep_until <= x.now)
    OR EXISTS (SELECT FROM @release WHERE queue = given) OR EXISTS (SELECT FROM @note WHERE queue = given)
    OR EXISTS (SELECT FROM @notice t WHERE t.queue = given AND t.session = last.no) THEN
    RETURN NEXT answer;
    RETURN;
  END IF;
  -- Whoever comes while one takes jobs alone waits for it, and those who take then take side by side.
  IF slots + ahead > 0 AND NOT x.paused THEN
    alone := pg_try_advisory_xact_lock(#claim, given);
    -- Where lines are marked, one takes at a time.
    IF NOT alone AND x.ready_marks IS NOT NULL THEN
      PERFORM pg_advisory_xact_lock(#claim, given);
      alone := true;
    END IF;
    IF NOT alone THEN PERFORM pg_advisory_xact_lock_shared(#claim, given); END IF;
  END IF;
  IF starts IS NOT NULL THEN
    SELECT array_agg(l.at) FILTER (WHERE l.started IS NULL), array_agg(l.at) FILTER (WHERE l.touched), array_agg(t.i),
      bool_or(l.special)
    INTO begun, touched, begun_ids, odd FROM json_to_recordset(starts) t (n bigint, i text)
    CROSS JOIN LATERAL (SELECT d.ctid AS at, d.number, d.until, d.special, d.started, d.xmax <> 0 AS touched FROM @lease d
      WHERE d.queue = given AND d.id = t.i LIMIT 1) l
    WHERE l.number = t.n AND l.until > x.now;
    IF odd OR touched IS NOT NULL AND NOT @@are_free(touched) THEN
      RETURN NEXT answer;
      RETURN;
    END IF;
    lost := @@others(starts, begun_ids);
  END IF;
  IF settles IS NOT NULL THEN
    SELECT array_agg(l.at), array_agg(t.i), array_agg(coalesce(l.started, x.now)), array_agg(t.a), array_agg(t.b),
      array_agg(l.at) FILTER (WHERE l.touched), bool_or(l.special), count(*)
    INTO held, done_ids, times, encodings, bodies, touched, odd, done
    FROM json_to_recordset(settles) t (n bigint, i text, a text, b text)
    CROSS JOIN LATERAL (SELECT d.ctid AS at, d.number, d.until, d.special, d.started, d.xmax <> 0 AS touched FROM @lease d
      WHERE d.queue = given AND d.id = t.i LIMIT 1) l
    WHERE l.number = t.n AND l.until > x.now;
    IF odd OR touched IS NOT NULL AND NOT @@are_free(touched) THEN
      RETURN NEXT answer;
      RETURN;
    END IF;
    IF done < json_array_length(settles) THEN lost := lost || @@others(settles, done_ids); END IF;
  END IF;
  IF first.delay <= x.now THEN promoted := @@promote_plain(x); END IF;
  IF alone IS NOT NULL THEN
    run := @@find_run(given, x.ready_marks, alone, slots + ahead, max_bytes);
    IF run.odd THEN
      IF promoted > 0 THEN PERFORM @@add(given, ARRAY[0, -promoted, 0, promoted, 0, 0, 0, 0, 0, 0, 0]); END IF;
      RETURN NEXT answer;
      RETURN;
    END IF;
    n := run.n;
  END IF;
  -- From here on nothing is out of the ordinary.
  leaves := x.keep_count > 0 OR x.watched;
  IF begun IS NOT NULL THEN
    UPDATE @lease SET started = x.now, began = true WHERE ctid = ANY (begun);
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed < cardinality(begun) THEN PERFORM @@overtaken(); END IF;
  END IF;
  IF done > 0 THEN
    DELETE FROM @lease WHERE ctid = ANY (held);
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed < done THEN PERFORM @@overtaken(); END IF;
    IF leaves THEN
      INSERT INTO @job_state (queue, id, c, stamp, kept, finished, started, attempt, begun, result_encoding, result)
      SELECT given, t.id, 'c', nextval('@stamp'), true, x.now, t.started, 1, true, t.encoding, t.body
      FROM unnest(done_ids, times, encodings, bodies) t (id, started, encoding, body);
      IF x.watched THEN SELECT json_agg(t.id) INTO ended FROM unnest(done_ids) t (id); END IF;
    ELSE
      DELETE FROM @job WHERE ctid = ANY (ARRAY(
        SELECT j.ctid FROM unnest(done_ids) t (id)
        CROSS JOIN LATERAL (SELECT k.ctid FROM @job k WHERE k.queue = given AND k.id = t.id LIMIT 1) j));
    END IF;
  END IF;
  IF n > 0 THEN
    claimed := nextval('@call_number');
    DELETE FROM @ready WHERE ctid = ANY (run.rows);
    INSERT INTO @lease (queue, id, number, ordinal, until, started, began, special, session)
    SELECT given, t.id, claimed, t.ordinal, x.up + lease_ms, CASE WHEN t.ordinal <= slots THEN x.now END,
      t.ordinal <= slots, false, last.no
    FROM unnest(run.ids) WITH ORDINALITY t (id, ordinal);
  END IF;
  IF promoted > 0 THEN
    first.delay := (SELECT due FROM @delayed WHERE queue::bigint = given ORDER BY due LIMIT 1);
  END IF;
  PERFORM @@remember(given, name, last.seq, num, x.up + greatest(lease_ms, remember), x.up + lease_ms, claimed, lost::text);
  -- Of several calls one trims; what it leaves, the next finds.
  IF done > 0 AND leaves AND pg_try_advisory_xact_lock(#trim, given) THEN
    gone := @@trim_done(x, greatest(500, 2 * done), done);
  END IF;
  IF done + n + promoted > 0 THEN
    PERFORM @@add(given, ARRAY[0, -promoted, 0, promoted - n, n - done, CASE WHEN leaves THEN done ELSE 0 END - gone[2], 0,
      -gone[3], -gone[4], CASE WHEN leaves THEN done ELSE 0 END - gone[1], 0]);
  END IF;
  answer.head := json_build_object('lost', lost, 'cancelled', '{}'::text[], 'paused', x.paused, 'number', claimed::text,
    'due', @@span_to(least(first.lease, first.expiry, first.delay, CASE WHEN n > 0 THEN x.up + lease_ms END), x.exact),
    'news', CASE WHEN promoted > 0 THEN '1' ELSE '' END || coalesce(ended::text, '[]'));
  RETURN NEXT answer;
  IF n = 0 THEN RETURN; END IF;
  RETURN QUERY
  SELECT NULL::json, j.id, j.task, j.data, j.encoding, j.headers, j.priority, j.key, j.created, j.expires, 1, 0, 0,
    t.ordinal <= slots, lease_ms
  FROM unnest(run.ids) WITH ORDINALITY t (id, ordinal)
  CROSS JOIN LATERAL (SELECT * FROM @job k WHERE k.queue = given AND k.id = t.id LIMIT 1) j
  ORDER BY t.ordinal;
END $f$;

-- Whether nobody else is at work on leases that somebody has touched; then they are locked.
CREATE FUNCTION @@are_free(rows tid[]) RETURNS boolean LANGUAGE plpgsql AS $f$
BEGIN
  RETURN cardinality(rows) = (SELECT count(*) FROM (SELECT FROM @lease WHERE ctid = ANY (rows) FOR UPDATE SKIP LOCKED) t);
END $f$;

-- Receipts of a call whose ids are not among these.
CREATE FUNCTION @@others(receipts json, ids text[]) RETURNS text[] LANGUAGE plpgsql AS $f$
BEGIN
  IF cardinality(ids) = json_array_length(receipts) THEN RETURN '{}'; END IF;
  RETURN ARRAY(SELECT t.n || '.' || t.i FROM json_to_recordset(receipts) t (n bigint, i text)
    WHERE t.i <> ALL (coalesce(ids, '{}')));
END $f$;

-- Leases that were looked at a moment ago have been changed by somebody else since: the call is to be sent again.
CREATE FUNCTION @@overtaken() RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  RAISE EXCEPTION 'another call works on the same deliveries' USING ERRCODE = 'serialization_failure';
END $f$;

-- The plain jobs that stand first, as many as may be given out. odd: one of them has to be looked at.
CREATE FUNCTION @@find_run(given integer, marks bigint[], alone boolean, most integer, max_bytes bigint, OUT rows tid[], OUT ids text[],
  OUT n integer, OUT odd boolean) LANGUAGE plpgsql AS $f$
DECLARE
  large boolean;
  sizes integer[];
  bytes bigint := 0;
BEGIN
  IF marks IS NOT NULL THEN
    SELECT array_agg(r.at), array_agg(r.id), count(*), bool_or(r.kind IN ('n', 'N', 's', 'S')), bool_or(r.kind IN ('l', 'L'))
    INTO rows, ids, n, odd, large FROM @@first_free(given, marks, most) r;
  ELSIF alone THEN
    SELECT array_agg(r.at), array_agg(r.id), count(*), bool_or(r.kind IN ('n', 'N', 's', 'S')), bool_or(r.kind IN ('l', 'L'))
    INTO rows, ids, n, odd, large FROM (
      SELECT f.ctid AS at, f.id, f.kind FROM @ready f WHERE f.queue = given AND f.section IS NULL
      ORDER BY f.np, f.place LIMIT most) r;
  ELSE
    SELECT array_agg(r.at), array_agg(r.id), count(*), bool_or(r.kind IN ('n', 'N', 's', 'S')), bool_or(r.kind IN ('l', 'L'))
    INTO rows, ids, n, odd, large FROM (
      SELECT f.ctid AS at, f.id, f.kind FROM @ready f WHERE f.queue = given AND f.section IS NULL
      ORDER BY f.np, f.place LIMIT most FOR UPDATE SKIP LOCKED) r;
  END IF;
  IF large IS NOT TRUE AND n::bigint * #large <= max_bytes THEN RETURN; END IF;
  sizes := @@sizes_of(given, ids);
  FOR i IN 1..n LOOP
    bytes := bytes + sizes[i];
    IF bytes > max_bytes AND i > 1 THEN
      n := i - 1;
      rows := rows[1:n];
      ids := ids[1:n];
      EXIT;
    END IF;
  END LOOP;
END $f$;

-- Makes due plain jobs pending; who calls it counts them. Answers how many.
CREATE FUNCTION @@promote_plain(x @@context) RETURNS integer LANGUAGE plpgsql AS $f$
DECLARE
  rows tid[];
  ids text[];
BEGIN
  SELECT array_agg(d.at), array_agg(d.id) INTO rows, ids FROM (
    SELECT ctid AS at, id FROM @delayed WHERE queue::bigint = x.q AND due <= x.now AND NOT special
    ORDER BY due LIMIT 500 FOR UPDATE SKIP LOCKED) d;
  IF ids IS NULL THEN RETURN 0; END IF;
  DELETE FROM @delayed WHERE ctid = ANY (rows);
  INSERT INTO @ready (queue, np, place, id, kind)
  SELECT x.q, -j.priority, j.seq, t.id, @@kind_at(x.ready_marks, -j.priority, j.seq, @@kind_of(octet_length(j.data)))
  FROM unnest(ids) t (id)
  CROSS JOIN LATERAL (SELECT priority, seq, data FROM @job WHERE queue = x.q AND id = t.id LIMIT 1) j;
  RETURN cardinality(ids);
END $f$;
`;
