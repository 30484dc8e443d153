/** What can be asked of a queue. */
export const LOOK: string = String.raw`
-- Everything that can be told of a job.
CREATE VIEW @@job_view AS
SELECT j.queue, j.id, j.task, j.data, j.encoding, j.headers, j.priority, j.key, j.created, j.expires,
  coalesce(s.c::text, CASE WHEN l.id IS NOT NULL THEN 'R' WHEN d.id IS NULL THEN 'p' WHEN d.retry THEN 'r' ELSE 's' END)
    AS status,
  coalesce(s.attempt, 0) + CASE WHEN l.started IS NULL THEN 0 ELSE 1 END AS attempt,
  coalesce(s.recoveries, 0) AS recoveries, coalesce(s.deferrals, 0) AS deferrals, coalesce(s.run_at, j.due) AS run_at,
  coalesce(l.started, s.started) AS started, s.finished, s.result_encoding, s.result, s.error, s.why, s.reason,
  coalesce(s.cancel, false) AS cancel, coalesce(s.redrives, 0) AS redrives, s.replay, j.depends, j.notifies, j.max_recoveries
FROM @job j
LEFT JOIN LATERAL (SELECT * FROM @job_state t WHERE t.queue = j.queue AND t.id = j.id LIMIT 1) s ON true
LEFT JOIN LATERAL (SELECT * FROM @lease t WHERE t.queue = j.queue AND t.id = j.id LIMIT 1) l ON true
LEFT JOIN LATERAL (SELECT * FROM @delayed t WHERE t.queue = j.queue AND t.id = j.id LIMIT 1) d ON true;

-- Reads see what is due as done, and leave what is late to be dealt with by the next call.
CREATE FUNCTION @@get(given integer, i text) RETURNS json LANGUAGE plpgsql #settings AS $f$
BEGIN
  PERFORM @@catch_up(given);
  RETURN (SELECT row_to_json(v) FROM @@job_view v WHERE v.queue = given AND v.id = i);
END $f$;

CREATE FUNCTION @@outcomes(given integer, ids json, OUT id text, OUT status text, OUT attempt integer,
  OUT result_encoding text, OUT result text, OUT error text, OUT why text, OUT recoveries integer)
RETURNS SETOF record LANGUAGE plpgsql #settings AS $f$
BEGIN
  PERFORM @@catch_up(given);
  RETURN QUERY SELECT t.id, v.status, v.attempt, v.result_encoding, v.result, v.error, v.why, v.recoveries
  FROM json_array_elements_text(ids) WITH ORDINALITY t (id, n)
  LEFT JOIN LATERAL (SELECT * FROM @@job_view j WHERE j.queue = given AND j.id = t.id LIMIT 1) v ON true
  ORDER BY t.n;
END $f$;

CREATE FUNCTION @@counts(given integer) RETURNS json LANGUAGE plpgsql #settings AS $f$
BEGIN
  PERFORM @@catch_up(given);
  RETURN (SELECT json_build_array(coalesce(sum(w), 0), coalesce(sum(s), 0), coalesce(sum(r), 0),
    coalesce(sum(p), 0) + (SELECT coalesce(sum(stored), 0) FROM @call WHERE queue = given), coalesce(sum(u), 0),
    coalesce(sum(c), 0), coalesce(sum(f), 0), coalesce(sum(x), 0), coalesce(sum(e), 0))
    FROM @tally WHERE queue = given);
END $f$;

CREATE FUNCTION @@stats(given integer, OUT counts json, OUT paused boolean, OUT capacity integer, OUT oldest bigint,
  OUT workers bigint) LANGUAGE plpgsql #settings AS $f$
DECLARE
  now bigint := floor(date_part('epoch', clock_timestamp()) * 1000)::bigint;
BEGIN
  PERFORM @@catch_up(given);
  counts := @@counts(given);
  SELECT q.paused, q.max_size INTO paused, capacity FROM @queue q WHERE q.queue = given;
  workers := (SELECT count(*) FROM @call WHERE queue = given AND seen_until > now);
  -- Near enough: of each line the first job, which came first unless one of it was moved.
  oldest := now - (SELECT min(greatest(j.created, coalesce(s.run_at, j.due, 0))) FROM (
      SELECT h.id FROM generate_series(-20, 0) level CROSS JOIN LATERAL (
        SELECT r.id FROM @ready r WHERE r.queue = given AND r.section IS NULL AND r.np = level ORDER BY r.place LIMIT 1) h
      UNION ALL
      (SELECT h.id FROM @lane l CROSS JOIN LATERAL (
        SELECT r.id FROM @ready r WHERE r.queue = given AND r.kind = 'o' AND r.section IS NOT NULL AND r.section = l.section
          AND r.key = l.key AND r.np = l.np ORDER BY r.place LIMIT 1) h
      WHERE l.queue = given LIMIT 200)) t
    CROSS JOIN LATERAL (SELECT created, due FROM @job WHERE queue = given AND id = t.id LIMIT 1) j
    LEFT JOIN LATERAL (SELECT run_at FROM @job_state WHERE queue = given AND id = t.id LIMIT 1) s ON true);
END $f$;

CREATE FUNCTION @@meta(given integer, OUT policy text, OUT paused boolean) LANGUAGE plpgsql #settings AS $f$
BEGIN
  SELECT q.policy, q.paused INTO policy, paused FROM @queue q WHERE q.queue = given;
END $f$;

CREATE FUNCTION @@letters(given integer, OUT size bigint, OUT most integer, OUT by_task json) LANGUAGE plpgsql #settings AS $f$
BEGIN
  PERFORM @@catch_up(given);
  size := (@@counts(given)->>6)::bigint;
  SELECT keep_failed_count INTO most FROM @queue WHERE queue = given;
  by_task := (SELECT coalesce(json_object_agg(task, n), '{}') FROM @letter_count WHERE queue = given);
END $f$;

-- Has the records of jobs that end kept for a moment, and their ends told. Answers which of these are over.
CREATE FUNCTION @@watch(given integer, for_ms bigint, ids json) RETURNS json LANGUAGE plpgsql #settings AS $f$
DECLARE
  now bigint := floor(date_part('epoch', clock_timestamp()) * 1000)::bigint;
BEGIN
  IF (SELECT watched_until FROM @queue WHERE queue = given) < now + for_ms / 2 THEN
    -- A step that is under way has not seen it, so its end is waited for.
    PERFORM pg_advisory_xact_lock(#lock, given);
    UPDATE @queue SET watched_until = now + for_ms WHERE queue = given;
  END IF;
  RETURN (SELECT coalesce(json_agg(t.id), '[]') FROM json_array_elements_text(ids) t (id)
    WHERE EXISTS (SELECT FROM @job_state s WHERE s.queue = given AND s.id = t.id AND s.c IN ('c', 'f', 'x', 'e')));
END $f$;

-- One page: at most so many jobs of a status after a position, of those that are looked at. Positions are texts in
-- brackets: the place in the index by which the jobs of that status are ordered. The last row has no job, and tells where
-- the look ended, when there may be more.
CREATE FUNCTION @@list(given integer, status text, backwards boolean, most integer, only_task text, only_key text,
  after json, look integer) RETURNS TABLE (at text, job json) LANGUAGE plpgsql #settings AS $f$
DECLARE
  ids text[];
  ats text[];
  tail text;
  n integer := 0;
  i integer;
  v @@job_view;
BEGIN
  PERFORM @@catch_up(given);
  look := CASE WHEN only_task IS NULL AND only_key IS NULL THEN most + 1 ELSE greatest(look, most + 1) END;
  IF status = 'p' THEN
    SELECT array_agg(t.id ORDER BY t.n), array_agg(t.at ORDER BY t.n) INTO ids, ats FROM (
      SELECT u.id, u.at, row_number() OVER (ORDER BY u.part, u.kind, u.section, u.key, u.np, u.place) AS n FROM (
        (SELECT id, 1 AS part, NULL::"char" AS kind, NULL::text COLLATE "C" AS section, NULL::text COLLATE "C" AS key, np, place,
          json_build_array('f', np, place)::text AS at
        FROM @ready WHERE queue = given AND section IS NULL AND coalesce(after->>0, 'f') = 'f'
          AND (np, place) > (coalesce((after->>1), '-100')::smallint, coalesce((after->>2), '0')::bigint)
        ORDER BY np, place LIMIT look) UNION ALL
        (SELECT r.id, 2, r.kind, r.section, r.key, r.np, r.place,
          json_build_array('l', r.kind, r.section, r.key, r.np, r.place)::text
        FROM @ready r WHERE r.queue = given AND r.section IS NOT NULL AND (coalesce(after->>0, 'f') = 'f'
          OR (r.kind, r.section, r.key, r.np, r.place)
            > ((after->>1)::"char", (after->>2), (after->>3), (after->>4)::smallint, (after->>5)::bigint))
        ORDER BY r.kind, r.section, r.key, r.np, r.place LIMIT look)) u
      ORDER BY n LIMIT look) t;
  ELSIF status = 'R' THEN
    SELECT array_agg(t.id), array_agg(json_build_array('i', t.id)::text) INTO ids, ats FROM (
      SELECT id FROM @lease WHERE queue = given AND id > coalesce((after->>1), '') ORDER BY id LIMIT look) t;
  ELSIF status IN ('s', 'r') THEN
    -- Both kinds stand in one line, of which a bounded stretch is looked at.
    n := CASE WHEN (SELECT coalesce(sum(CASE status WHEN 's' THEN r ELSE s END), 0) FROM @tally WHERE queue = given) = 0
      THEN look ELSE 5000 END;
    SELECT array_agg(t.id) FILTER (WHERE t.retry = (status = 'r')),
      array_agg(json_build_array('i', t.id)::text) FILTER (WHERE t.retry = (status = 'r')),
      CASE WHEN count(*) = n THEN json_build_array('i', max(t.id))::text END
    INTO ids, ats, tail FROM (
      SELECT id, retry FROM @delayed WHERE queue = given AND id > coalesce((after->>1), '') ORDER BY id LIMIT n) t;
    n := 0;
    IF cardinality(ids) >= look THEN tail := ats[look]; END IF;
    ids := ids[1:look];
  ELSIF backwards THEN
    SELECT array_agg(t.id), array_agg(json_build_array('s', t.stamp)::text) INTO ids, ats FROM (
      SELECT u.id, u.stamp FROM (
        (SELECT id, stamp FROM @job_state WHERE queue = given AND c = status::"char" AND kept
          AND stamp < coalesce((after->>1)::bigint, 9223372036854775807) ORDER BY stamp DESC LIMIT look) UNION ALL
        (SELECT id, stamp FROM @job_state WHERE queue = given AND c = status::"char" AND NOT kept
          AND stamp < coalesce((after->>1)::bigint, 9223372036854775807) ORDER BY stamp DESC LIMIT look)) u
      ORDER BY u.stamp DESC LIMIT look) t;
  ELSE
    SELECT array_agg(t.id), array_agg(json_build_array('s', t.stamp)::text) INTO ids, ats FROM (
      SELECT u.id, u.stamp FROM (
        (SELECT id, stamp FROM @job_state WHERE queue = given AND c = status::"char" AND kept
          AND stamp > coalesce((after->>1)::bigint, -1) ORDER BY stamp LIMIT look) UNION ALL
        (SELECT id, stamp FROM @job_state WHERE queue = given AND c = status::"char" AND NOT kept
          AND stamp > coalesce((after->>1)::bigint, -1) ORDER BY stamp LIMIT look)) u
      ORDER BY u.stamp LIMIT look) t;
  END IF;
  FOR i IN 1..coalesce(cardinality(ids), 0) LOOP
    SELECT * INTO v FROM @@job_view w WHERE w.queue = given AND w.id = ids[i];
    CONTINUE WHEN v.id IS NULL OR v.status <> status OR v.task <> only_task OR (only_key IS NOT NULL AND v.key IS DISTINCT FROM only_key);
    n := n + 1;
    IF n > most THEN
      at := ats[i - 1];
      job := NULL;
      RETURN NEXT;
      RETURN;
    END IF;
    at := NULL;
    job := row_to_json(v);
    RETURN NEXT;
  END LOOP;
  IF cardinality(ids) = look THEN tail := ats[look]; END IF;
  IF tail IS NOT NULL THEN
    at := tail;
    job := NULL;
    RETURN NEXT;
  END IF;
END $f$;
`;
