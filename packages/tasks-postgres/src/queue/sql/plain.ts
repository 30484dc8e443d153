/**
 * The short way through an enqueue: jobs that concern nothing but themselves, a queue without rules that concern such. It
 * deals with all of a call at once, and calls of several connections go side by side, under a shared lock. It looks
 * before it writes: where anything is out of the ordinary it has done nothing of the call, and answers that the other
 * way has to judge.
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
CREATE TYPE @@reserved AS (ids text[], places bigint[], levels smallint[], kinds "char"[], late text[], dues bigint[], n integer);

-- Writes the rows of plain jobs whose ids are free. Looking is cheaper than ON CONFLICT, which writes each row twice to the
-- log. Fails with unique_violation when somebody else has stored one of the ids in this moment.
CREATE FUNCTION @@reserve_plain(given integer, jobs json, now bigint) RETURNS @@reserved LANGUAGE plpgsql AS $f$
DECLARE
  mine @@reserved;
BEGIN
  WITH stored AS (
    INSERT INTO @job (queue, id, seq, task, priority, data, encoding, headers, created, due)
    SELECT given, t.i, t.seq, t.t, t.p, t.d, t.e, t.h, now, now + t.y
    FROM (SELECT nextval('@place') AS seq, o.* FROM json_to_recordset(jobs) o (i text, t text, p smallint, d text, e text,
      h text, y bigint)) t
    WHERE NOT EXISTS (SELECT FROM @job j WHERE j.queue = given AND j.id = t.i)
    ORDER BY t.i COLLATE "C", t.seq
    RETURNING id, seq, priority, @@kind_of(octet_length(data)) AS kind, job.due)
  SELECT array_agg(id) FILTER (WHERE due IS NULL) AS ids, array_agg(seq) FILTER (WHERE due IS NULL) AS places,
    array_agg((-priority)::smallint) FILTER (WHERE due IS NULL) AS levels, array_agg(kind) FILTER (WHERE due IS NULL) AS kinds,
    array_agg(id) FILTER (WHERE due IS NOT NULL) AS late, array_agg(due) FILTER (WHERE due IS NOT NULL) AS dues,
    count(*)::integer AS n
  INTO mine FROM stored;
  RETURN mine;
END $f$;

-- Stores plain jobs, none twice. Answers refused where the other way has to judge; else as enqueue does.
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
  SELECT max_size, ready_marks, @@spreads(q.rules) AS spread INTO rules FROM @queue q WHERE queue = given;
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
    INSERT INTO @ready (queue, np, place, id, kind)
    SELECT given, t.level, t.place, t.id, @@kind_at(rules.ready_marks, t.level, t.place, t.kind)
    FROM unnest(mine.levels, mine.places, mine.ids, mine.kinds) t (level, place, id, kind)
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
    SELECT json_agg(CASE WHEN t.i = ANY (over) THEN 'f' || rules.max_size
      WHEN t.i = ANY (mine.ids) OR t.i = ANY (mine.late) THEN 'a' ELSE 'd' || t.i END)
    INTO answers FROM json_to_recordset(jobs) t (i text);
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
`;
