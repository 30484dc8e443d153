/**
 * The shortest way of an enqueue: one plain job without a delay, into a queue without a bound and without rules that
 * concern such jobs, in two statements. Whatever it finds otherwise it leaves to the other ways.
 */
export const ENQUEUE_ONE: string = String.raw`
-- Stores a job. Answers whether it is accepted; if not, nothing has been done, and nothing (null) is answered where calls
-- that follow would fare alike. Fails as reserve_plain does.
CREATE FUNCTION @@enqueue_one(given integer, caller text, num bigint, remember bigint, i text, t text, p smallint, d text,
  e text, h text) RETURNS boolean LANGUAGE plpgsql #settings AS $f$
DECLARE
  now bigint := floor(date_part('epoch', clock_timestamp()) * 1000)::bigint;
  at bigint;
BEGIN
  -- Where a transaction of a caller's may hold the id, it is not waited for here.
  IF NOT (CASE WHEN pg_try_advisory_lock(#open, given) THEN pg_advisory_unlock(#open, given) ELSE false END) THEN
    IF @@is_shared(given) THEN RETURN NULL; END IF;
  END IF;
  INSERT INTO @job (queue, id, seq, task, priority, data, encoding, headers, created)
  SELECT given, i, nextval('@place'), t, p, d, e, h, now WHERE NOT EXISTS (SELECT FROM @job WHERE queue = given AND id = i)
  RETURNING seq INTO at;
  IF at IS NULL THEN RETURN false; END IF;
  -- Mostly it need not wait, and then this is no statement.
  IF NOT pg_try_advisory_xact_lock_shared(#lock, given) THEN PERFORM pg_advisory_xact_lock_shared(#lock, given); END IF;
  -- That it is there is counted with its session, which is written in any case.
  WITH remembered AS (
    UPDATE @call SET seq = num, until = greatest(until, now + remember + 1), number = NULL, answer = NULL, stored = stored + 1
    FROM @queue q
    WHERE call.queue = given AND session = caller AND seq < num AND q.queue = given AND q.max_size IS NULL
      AND NOT @@spreads(q.rules)
    RETURNING q.ready_marks)
  INSERT INTO @ready (queue, np, place, id, kind)
  SELECT given, -p, at, i, @@kind_at(ready_marks, -p, at, @@kind_of(octet_length(d))) FROM remembered;
  IF FOUND THEN RETURN true; END IF;
  WITH remembered AS (
    INSERT INTO @call (queue, session, seq, until, stored)
    SELECT given, caller, num, now + remember + 1, 1 FROM @queue q
    WHERE q.queue = given AND q.max_size IS NULL AND NOT @@spreads(q.rules)
    ON CONFLICT DO NOTHING RETURNING queue)
  INSERT INTO @ready (queue, np, place, id, kind)
  SELECT given, -p, at, i, @@kind_at(q.ready_marks, -p, at, @@kind_of(octet_length(d)))
  FROM remembered CROSS JOIN @queue q WHERE q.queue = given;
  IF FOUND THEN RETURN true; END IF;
  DELETE FROM @job WHERE queue = given AND id = i;
  RETURN CASE WHEN EXISTS (SELECT FROM @queue q WHERE q.queue = given AND q.max_size IS NULL AND NOT @@spreads(q.rules))
    THEN false END;
END $f$;
`;
