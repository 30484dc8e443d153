/**
 * The short way through enqueue and exchange: jobs that concern nothing but themselves, outcomes that are completions, a
 * queue without rules. It deals with all of a call at once, and calls of several connections go side by side, under a
 * shared lock. It looks before it writes: where anything is out of the ordinary it has done nothing of the call, and
 * answers that the other way has to judge.
 */
export const PLAIN: string = String.raw`
-- A call that finds its session further than it was has been overtaken by its own resend, which is answered then.
CREATE FUNCTION @@remember(given integer, name text, before bigint, num bigint, till bigint, seen bigint, of bigint,
  told text) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF before IS NULL THEN
    INSERT INTO @call (queue, session, seq, until, seen_until, number, answer)
    VALUES (given, name, num, till, seen, of, told) ON CONFLICT DO NOTHING;
  ELSE
    UPDATE @call SET seq = num, until = greatest(until, till), seen_until = greatest(seen_until, seen), number = of,
      answer = told
    WHERE queue = given AND session = name AND seq = before;
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'call % of this session was sent twice at once', num USING ERRCODE = 'serialization_failure';
  END IF;
END $f$;

-- Rows of new plain jobs: those that are pending, and those that have a delay.
CREATE TYPE @@reserved AS (ids text[], places bigint[], levels smallint[], sizes integer[], late text[], dues bigint[], n integer);

-- Writes the rows of plain jobs whose ids are free.
CREATE FUNCTION @@reserve_plain(given integer, jobs json, now bigint) RETURNS @@reserved LANGUAGE plpgsql AS $f$
DECLARE
  mine @@reserved;
BEGIN
  WITH stored AS (
    INSERT INTO @job (queue, id, seq, task, priority, data, encoding, headers, created, due)
    SELECT given, t.i, t.seq, t.t, t.p, t.d, t.e, t.h, now, now + t.y
    FROM (SELECT nextval('@place') AS seq, o.* FROM json_to_recordset(jobs) o (i text, t text, p smallint, d text, e text,
      h text, y bigint)) t
    ORDER BY t.i COLLATE "C", t.seq
    ON CONFLICT DO NOTHING
    RETURNING id, seq, priority, octet_length(data) AS size, job.due)
  SELECT array_agg(id) FILTER (WHERE due IS NULL) AS ids, array_agg(seq) FILTER (WHERE due IS NULL) AS places,
    array_agg((-priority)::smallint) FILTER (WHERE due IS NULL) AS levels, array_agg(size) FILTER (WHERE due IS NULL) AS sizes,
    array_agg(id) FILTER (WHERE due IS NOT NULL) AS late, array_agg(due) FILTER (WHERE due IS NOT NULL) AS dues,
    count(*)::integer AS n
  INTO mine FROM stored;
  RETURN mine;
END $f$;

-- Stores plain jobs. Answers refused where the other way has to judge; else as enqueue does.
CREATE FUNCTION @@enqueue_plain(given integer, name text, num bigint, remember bigint, jobs json, OUT refused boolean,
  OUT stale bigint, OUT answers text, OUT news text) LANGUAGE plpgsql #settings AS $f$
DECLARE
  last record;
  rules record;
  bounded boolean;
  now bigint := floor(date_part('epoch', clock_timestamp()) * 1000)::bigint;
  mine @@reserved;
  patience text := current_setting('lock_timeout');
  waiting integer := 0;
  scheduled integer := 0;
  over text[] := '{}';
BEGIN
  SELECT seq, until, answer INTO last FROM @call WHERE queue = given AND session = name;
  IF last.until > now AND num <= last.seq THEN
    IF num < last.seq THEN stale := last.seq;
    ELSE answers := last.answer;
    END IF;
    RETURN;
  END IF;
  SELECT max_size, @@spreads(q.rules) AS spread INTO rules FROM @queue q WHERE queue = given;
  IF rules.spread THEN
    refused := true;
    RETURN;
  END IF;
  bounded := rules.max_size IS NOT NULL;
  IF @@is_shared(given) THEN
    BEGIN
      PERFORM set_config('lock_timeout', '20ms', true);
      mine := @@reserve_plain(given, jobs, now);
      PERFORM set_config('lock_timeout', patience, true);
    EXCEPTION WHEN lock_not_available THEN
      refused := true;
      RETURN;
    END;
  ELSE mine := @@reserve_plain(given, jobs, now);
  END IF;
  -- Only who is alone can count what is there.
  IF bounded THEN PERFORM pg_advisory_xact_lock(#lock, given);
  ELSE PERFORM pg_advisory_xact_lock_shared(#lock, given);
  END IF;
  SELECT max_size, @@spreads(q.rules) AS spread INTO rules FROM @queue q WHERE queue = given;
  IF rules.spread OR (rules.max_size IS NOT NULL AND NOT bounded) THEN
    -- The rules have changed while the rows were written.
    DELETE FROM @job WHERE queue = given AND id = ANY (coalesce(mine.ids, '{}') || coalesce(mine.late, '{}'));
    refused := true;
    RETURN;
  END IF;
  IF rules.max_size IS NOT NULL AND mine.n > rules.max_size - @@unfinished(given) THEN
    SELECT coalesce(array_agg(t.id), '{}') INTO over FROM (SELECT id FROM @job
      WHERE queue = given AND id = ANY (coalesce(mine.ids, '{}') || coalesce(mine.late, '{}'))
      ORDER BY seq OFFSET greatest(0, rules.max_size - @@unfinished(given))) t;
    DELETE FROM @job WHERE queue = given AND id = ANY (over);
  END IF;
  IF mine.ids IS NOT NULL THEN
    INSERT INTO @ready (queue, np, place, id, size, special)
    SELECT given, t.level, t.place, t.id, t.size, false
    FROM unnest(mine.levels, mine.places, mine.ids, mine.sizes) t (level, place, id, size)
    WHERE over = '{}' OR t.id <> ALL (over);
    GET DIAGNOSTICS waiting = ROW_COUNT;
  END IF;
  IF mine.late IS NOT NULL THEN
    INSERT INTO @delayed
    SELECT given, t.id, t.due, false, false FROM unnest(mine.late, mine.dues) t (id, due)
    WHERE over = '{}' OR t.id <> ALL (over);
    GET DIAGNOSTICS scheduled = ROW_COUNT;
  END IF;
  IF waiting + scheduled > 0 THEN news := '1[]'; END IF;
  IF waiting + scheduled < json_array_length(jobs) THEN
    SELECT json_agg(CASE WHEN t.turn > 1 THEN 'd' || t.i WHEN t.i = ANY (over) THEN 'f' || rules.max_size
      WHEN t.i = ANY (mine.ids) OR t.i = ANY (mine.late) THEN 'a' ELSE 'd' || t.i END ORDER BY t.ordinal)
    INTO answers FROM (SELECT i, ordinal, row_number() OVER (PARTITION BY i ORDER BY ordinal) AS turn
      FROM (SELECT i, row_number() OVER () AS ordinal FROM json_to_recordset(jobs) o (i text)) p) t;
  END IF;
  PERFORM @@remember(given, name, last.seq, num, now + remember + 1, 0, NULL, answers);
  IF waiting + scheduled > 0 THEN
    PERFORM @@add(given, ARRAY[0, scheduled, 0, waiting, 0, 0, 0, 0, 0, 0, 0]);
  END IF;
END $f$;

-- Whether rules concern jobs that have no key.
CREATE FUNCTION @@spreads(rules jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $f$
  SELECT rules IS NOT NULL AND (rules ? 'tasks' OR coalesce(rules->'k' ? 'fair', false))
$f$;

-- settles: n number, i id, a and b: encoding and data of the result. Answers a row whose head says refused where the
-- other way has to judge; else as exchange does.
CREATE FUNCTION @@exchange_plain(given integer, name text, num bigint, remember bigint, settles json, slots integer,
  ahead integer, lease_ms bigint, max_bytes bigint) RETURNS SETOF @@delivery LANGUAGE plpgsql #settings AS $f$
DECLARE
  last record;
  x @@context;
  odd boolean;
  rows tid[];
  held tid[];
  done_ids text[];
  starts bigint[];
  encodings text[];
  bodies text[];
  ids text[];
  sizes integer[];
  lost text[] := '{}';
  ended json;
  bytes bigint := 0;
  n integer := 0;
  done integer := 0;
  promoted integer := 0;
  first record;
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
  SELECT (SELECT until FROM @lease WHERE queue::bigint = given ORDER BY until LIMIT 1) AS lease,
    (SELECT at FROM @expiry WHERE queue = given ORDER BY at, id LIMIT 1) AS expiry,
    (SELECT due FROM @delayed WHERE queue::bigint = given ORDER BY due LIMIT 1) AS delay
  INTO first;
  -- A resend, and what time or others brought, go the other way.
  IF last.seq IS NULL OR num <= last.seq OR x.rules IS NOT NULL OR x.refile IS NOT NULL OR x.swept < x.now - 1000
    OR first.lease <= x.now OR first.expiry <= x.now OR first.delay <= x.now
      AND EXISTS (SELECT FROM @delayed WHERE queue::bigint = given AND due <= x.now AND special)
    OR EXISTS (SELECT FROM @job_state WHERE queue = given AND keep_until <= x.now)
    OR EXISTS (SELECT FROM @release WHERE queue = given) OR EXISTS (SELECT FROM @note WHERE queue = given)
    OR EXISTS (SELECT FROM @notice t WHERE t.queue = given AND t.session = last.no) THEN
    RETURN NEXT answer;
    RETURN;
  END IF;
  IF settles IS NOT NULL THEN
    SELECT array_agg(l.at), array_agg(t.i), array_agg(coalesce(l.started, x.now)), array_agg(t.a), array_agg(t.b),
      bool_or(l.special) OR count(*) <> count(DISTINCT t.i), count(*)
    INTO held, done_ids, starts, encodings, bodies, odd, done
    FROM json_to_recordset(settles) t (n bigint, i text, a text, b text)
    CROSS JOIN LATERAL (SELECT d.ctid AS at, d.number, d.until, d.special, d.started FROM @lease d
      WHERE d.queue = given AND d.id = t.i LIMIT 1 FOR UPDATE SKIP LOCKED) l
    WHERE l.number = t.n AND l.until > x.now;
    -- A lease that another call works on, such as a renewal or an earlier sending of this one, is not lost.
    IF odd OR done < json_array_length(settles) AND EXISTS (
      SELECT FROM json_to_recordset(settles) t (n bigint, i text)
      CROSS JOIN LATERAL (SELECT d.number, d.until FROM @lease d WHERE d.queue = given AND d.id = t.i LIMIT 1) l
      WHERE l.number = t.n AND l.until > x.now AND (done = 0 OR t.i <> ALL (done_ids))) THEN
      RETURN NEXT answer;
      RETURN;
    END IF;
  END IF;
  IF first.delay <= x.now THEN promoted := @@promote_plain(x); END IF;
  IF slots + ahead > 0 AND NOT x.paused THEN
    SELECT array_agg(r.at), array_agg(r.id), array_agg(r.size), bool_or(r.special), sum(r.size), count(*)
    INTO rows, ids, sizes, odd, bytes, n FROM (
      SELECT f.ctid AS at, f.id, f.size, f.special FROM @ready f WHERE f.queue = given AND f.section IS NULL
      ORDER BY f.np, f.place LIMIT slots + ahead FOR UPDATE SKIP LOCKED) r;
    IF odd THEN
      IF promoted > 0 THEN PERFORM @@add(given, ARRAY[0, -promoted, 0, promoted, 0, 0, 0, 0, 0, 0, 0]); END IF;
      RETURN NEXT answer;
      RETURN;
    END IF;
    IF bytes > max_bytes THEN
      bytes := 0;
      FOR i IN 1..n LOOP
        bytes := bytes + sizes[i];
        IF bytes > max_bytes AND i > 1 THEN
          n := i - 1;
          EXIT;
        END IF;
      END LOOP;
    END IF;
  END IF;
  -- From here on nothing is out of the ordinary.
  leaves := x.keep_count > 0 OR x.watched;
  IF settles IS NOT NULL THEN
    DELETE FROM @lease WHERE ctid = ANY (held);
    IF done < json_array_length(settles) THEN
      SELECT array_agg(t.n || '.' || t.i) INTO lost FROM json_to_recordset(settles) t (n bigint, i text)
      WHERE done = 0 OR t.i <> ALL (done_ids);
    END IF;
    IF done > 0 AND leaves THEN
      INSERT INTO @job_state (queue, id, c, stamp, kept, finished, started, attempt, begun, result_encoding, result)
      SELECT given, t.id, 'c', nextval('@stamp'), true, x.now, t.started, 1, true, t.encoding, t.body
      FROM unnest(done_ids, starts, encodings, bodies) t (id, started, encoding, body);
      IF x.watched THEN SELECT json_agg(t.id) INTO ended FROM unnest(done_ids) t (id); END IF;
    ELSIF done > 0 THEN
      DELETE FROM @job WHERE ctid = ANY (ARRAY(
        SELECT j.ctid FROM unnest(done_ids) t (id)
        CROSS JOIN LATERAL (SELECT k.ctid FROM @job k WHERE k.queue = given AND k.id = t.id LIMIT 1) j));
    END IF;
  END IF;
  IF n > 0 THEN
    claimed := nextval('@call_number');
    DELETE FROM @ready WHERE ctid = ANY (rows[1:n]);
    INSERT INTO @lease
    SELECT given, t.id, claimed, t.ordinal, x.up + lease_ms, CASE WHEN t.ordinal <= slots THEN x.now END,
      t.ordinal <= slots, false, last.no
    FROM unnest(ids[1:n]) WITH ORDINALITY t (id, ordinal);
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
    PERFORM @@add(given, ARRAY[0, -promoted, 0, promoted - n, n - done, CASE WHEN leaves THEN done ELSE 0 END - gone[2],
      0, -gone[3], -gone[4], CASE WHEN leaves THEN done ELSE 0 END - gone[1], 0]);
  END IF;
  answer.head := json_build_object('lost', lost, 'cancelled', '{}'::text[], 'paused', x.paused, 'number', claimed::text,
    'due', @@span_to(least(first.lease, first.expiry, first.delay, CASE WHEN n > 0 THEN x.up + lease_ms END), x.exact),
    'news', CASE WHEN promoted > 0 THEN '1' ELSE '' END || coalesce(ended::text, '[]'));
  RETURN NEXT answer;
  IF n = 0 THEN RETURN; END IF;
  RETURN QUERY
  SELECT NULL::json, j.id, j.task, j.data, j.encoding, j.headers, j.priority, j.key, j.created, j.expires, 1, 0, 0,
    t.ordinal <= slots, lease_ms
  FROM unnest(ids[1:n]) WITH ORDINALITY t (id, ordinal)
  CROSS JOIN LATERAL (SELECT * FROM @job k WHERE k.queue = given AND k.id = t.id LIMIT 1) j
  ORDER BY t.ordinal;
END $f$;

-- Makes due plain jobs pending. Answers how many, which no counter knows of yet.
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
  INSERT INTO @ready (queue, np, place, id, size, special)
  SELECT x.q, -j.priority, j.seq, t.id, octet_length(j.data), false FROM unnest(ids) t (id)
  CROSS JOIN LATERAL (SELECT priority, seq, data FROM @job WHERE queue = x.q AND id = t.id LIMIT 1) j;
  RETURN cardinality(ids);
END $f$;
`;
