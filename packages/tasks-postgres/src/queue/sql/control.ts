/** What is done to single jobs, and to the queue. */
export const CONTROL: string = String.raw`
-- The number of a queue.
CREATE FUNCTION @@open(given text) RETURNS integer LANGUAGE plpgsql #settings AS $f$
DECLARE
  found integer := (SELECT queue FROM @queue WHERE name = given);
BEGIN
  IF found IS NULL THEN
    INSERT INTO @queue (name) VALUES (given) ON CONFLICT DO NOTHING;
    SELECT queue INTO found FROM @queue WHERE name = given;
  END IF;
  RETURN found;
END $f$;

-- What every operation begins with.
CREATE FUNCTION @@enter(given integer) RETURNS @@context LANGUAGE plpgsql AS $f$
DECLARE
  x @@context := @@context(given, true);
BEGIN
  PERFORM @@begin(x, 500);
  RETURN x;
END $f$;
-- And ends with. Answers news for those who wait.
CREATE FUNCTION @@leave(x @@context) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
  PERFORM @@carry_on(x, 200), @@close(x, 500);
  RETURN @@news();
END $f$;

CREATE FUNCTION @@cancel(given integer, i text, OUT answer text, OUT news text) LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context := @@enter(given);
  e @@entry := @@load(given, i);
BEGIN
  answer := CASE WHEN e.id IS NULL THEN 'unknown' WHEN e.c IN ('c', 'f', 'x', 'e') THEN 'finished'
    WHEN e.c = 'R' THEN 'requested' ELSE 'cancelled' END;
  IF answer = 'requested' THEN
    IF NOT e.cancel THEN
      e.cancel := true;
      PERFORM @@save(given, e), @@flag(given, e, x.rules);
      INSERT INTO @notice VALUES (given, e.session, i) ON CONFLICT DO NOTHING;
    END IF;
    PERFORM @@moved();
  ELSIF answer = 'cancelled' THEN
    e.error := NULL;
    e.why := 'asked';
    PERFORM @@finish(x, e, 'x');
  END IF;
  news := @@leave(x);
END $f$;

-- at: when it is due; level, and encoding and data of a body: absent when they stay. Answers done, missing, state with from
-- and to, or mixed with the level and key it shares.
CREATE FUNCTION @@update(given integer, i text, at bigint, level smallint, body_encoding text, body text, OUT answer json,
  OUT job json, OUT news text) LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context := @@enter(given);
  e @@entry := @@load(given, i);
  waits boolean := e.c = 'w';
BEGIN
  level := coalesce(level, e.priority);
  IF e.id IS NULL THEN answer := to_json(ARRAY['missing']);
  ELSIF e.c NOT IN ('p', 's', 'r', 'w') THEN
    answer := to_json(ARRAY['state', e.c, CASE WHEN at > x.now THEN 'scheduled' ELSE 'pending' END]);
  ELSIF level <> e.priority AND @@shares_order(x, e.key) THEN answer := to_json(ARRAY['mixed', e.priority::text, e.key]);
  ELSE
    answer := to_json(ARRAY['done']);
    IF NOT waits THEN
      PERFORM @@detach(x, e);
      IF e.c = 's' AND NOT e.has_state THEN e.place := 0; END IF;
      e.c := NULL;
    END IF;
    e.priority := level;
    e.size := coalesce(octet_length(body), e.size);
    UPDATE @job SET priority = level, data = coalesce(body, data), encoding = coalesce(body_encoding, encoding)
    WHERE queue = given AND id = i;
    e.run_at := coalesce(at, e.run_at);
    IF waits THEN PERFORM @@save(given, e);
    ELSIF e.run_at > x.now THEN PERFORM @@make_scheduled(x, e, e.run_at);
    ELSE PERFORM @@make_pending(x, e);
    END IF;
    job := @@get(given, i);
  END IF;
  news := @@leave(x);
END $f$;

CREATE FUNCTION @@delete(given integer, i text, OUT answer boolean, OUT news text) LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context := @@enter(given);
  e @@entry := @@load(given, i);
BEGIN
  answer := e.id IS NOT NULL;
  IF answer THEN PERFORM @@remove(x, e); END IF;
  news := @@leave(x);
END $f$;

-- Removes a bounded number of the jobs of a status; the caller comes again until none is left. Answers how many.
CREATE FUNCTION @@clear(given integer, status text, most integer, OUT answer integer, OUT news text)
LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context := @@enter(given);
  ids text[];
  i text;
BEGIN
  IF status = 'p' THEN
    SELECT array_agg(t.id) INTO ids FROM (
      (SELECT id FROM @ready WHERE queue = given AND section IS NULL ORDER BY np, place LIMIT most) UNION ALL
      (SELECT id FROM @ready WHERE queue = given AND kind = 'w' AND section IS NOT NULL LIMIT most) UNION ALL
      (SELECT id FROM @ready WHERE queue = given AND kind = 'o' AND section IS NOT NULL LIMIT most)) t;
  ELSIF status = 'R' THEN
    SELECT array_agg(t.id) INTO ids FROM (SELECT id FROM @lease WHERE queue = given ORDER BY id LIMIT most) t;
  ELSIF status IN ('s', 'r') THEN
    SELECT array_agg(t.id) INTO ids
    FROM (SELECT id FROM @delayed WHERE queue = given AND retry = (status = 'r') ORDER BY id LIMIT most) t;
  ELSE
    SELECT array_agg(t.id) INTO ids FROM (SELECT id FROM @job_state
      WHERE queue = given AND c = status::"char" ORDER BY kept, stamp LIMIT most) t;
  END IF;
  FOREACH i IN ARRAY coalesce(ids[1:most], '{}') LOOP PERFORM @@remove(x, @@load(given, i)); END LOOP;
  answer := least(coalesce(cardinality(ids), 0), most);
  news := @@leave(x);
END $f$;

CREATE FUNCTION @@pause(given integer, stop boolean) RETURNS text LANGUAGE plpgsql #settings AS $f$
BEGIN
  PERFORM pg_advisory_xact_lock(#lock, given);
  UPDATE @queue SET paused = stop WHERE queue = given;
  RETURN '1[]';
END $f$;

-- Sets the rules. Where they concern other jobs than before, all that wait are filed anew: the caller goes on with
-- refile as long as the answer is refiling.
CREATE FUNCTION @@set_policy(given integer, new_policy text, new_rules jsonb, new_concerns text, age bigint, most integer,
  failed_age bigint, failed_most integer, size integer) RETURNS text LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context := @@enter(given);
  before jsonb := x.rules;
  b record;
  old jsonb;
  rate jsonb;
  missing double precision;
  k text;
  concerned boolean;
BEGIN
  concerned := new_concerns <> (SELECT concerns FROM @queue WHERE queue = given);
  UPDATE @queue SET policy = new_policy, rules = new_rules, keep_age = age, keep_count = most, keep_failed_age = failed_age,
    keep_failed_count = failed_most, max_size = size, concerns = new_concerns
  WHERE queue = given;
  x.keep_age := age;
  x.keep_count := most;
  x.keep_failed_age := failed_age;
  x.keep_failed_count := failed_most;
  IF size IS NOT NULL THEN PERFORM @@count_stored(given); END IF;
  IF before IS DISTINCT FROM new_rules THEN
    x.rules := new_rules;
    -- Buckets keep what was spent.
    FOR b IN SELECT name, full_at FROM @queue_bucket WHERE queue = given LOOP
      old := @@rate_of(before, b.name);
      rate := @@rate_of(new_rules, b.name);
      IF old IS NULL OR rate IS NULL OR b.full_at <= x.exact THEN
        DELETE FROM @queue_bucket WHERE queue = given AND name = b.name;
      ELSE
        missing := (b.full_at - x.exact) / (old->>'interval')::double precision;
        UPDATE @queue_bucket SET full_at = x.exact
          + least(missing, (rate->>'burst')::double precision) * (rate->>'interval')::double precision
        WHERE queue = given AND name = b.name;
      END IF;
    END LOOP;
    DELETE FROM @gauge WHERE queue = given;
    INSERT INTO @gauge
    SELECT given, t.name, count(*) FROM (
      SELECT unnest(ARRAY[CASE WHEN new_rules->'tasks' ? j.task THEN 't:' || j.task END,
        CASE WHEN new_rules ? 'k' THEN 'k:' || j.key END]) AS name
      FROM @lease l CROSS JOIN LATERAL (SELECT task, j.key FROM @job j WHERE j.queue = given AND j.id = l.id LIMIT 1) j
      WHERE l.queue = given) t
    WHERE t.name IS NOT NULL GROUP BY t.name;
    IF NOT (@@is_fifo(new_rules) AND new_rules->'k' ? 'hold') THEN
      DELETE FROM @chain WHERE ctid = ANY (ARRAY(
        SELECT h.ctid FROM (SELECT id FROM @job_state WHERE queue = given AND c = 'f' ORDER BY kept, stamp) s
        CROSS JOIN LATERAL (SELECT t.ctid FROM @chain t WHERE t.queue::bigint = given AND t.id = s.id LIMIT 1) h));
    END IF;
    IF concerned THEN
      DELETE FROM @lane WHERE queue = given;
      DELETE FROM @refill WHERE queue = given;
      x.refile := 'lanes';
    ELSE
      FOR k IN SELECT DISTINCT key FROM @lane WHERE queue::bigint = given AND NOT open LOOP PERFORM @@reopen(x, k); END LOOP;
    END IF;
  END IF;
  PERFORM @@moved();
  RETURN @@refiled(x);
END $f$;

-- Brings what sessions have stored into the counters, by which alone a bounded queue is judged.
CREATE FUNCTION @@count_stored(given integer) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  PERFORM @@tally('p', (SELECT coalesce(sum(stored), 0)::bigint FROM @call WHERE queue = given));
  UPDATE @call SET stored = 0 WHERE queue = given AND stored <> 0;
END $f$;

CREATE FUNCTION @@rate_of(rules jsonb, bucket text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $f$
  SELECT CASE left(bucket, 2) WHEN 'q' THEN rules->'rate' WHEN 't:' THEN rules->'tasks'->substr(bucket, 3)->'rate'
    ELSE rules->'k'->'rate' END
$f$;

-- Whether a claim would find a job, and when time alone makes work.
CREATE FUNCTION @@await(given integer, OUT has boolean, OUT due bigint, OUT news text) LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context := @@enter(given);
BEGIN
  has := NOT x.paused AND x.refile IS NULL AND @@queue_open(x) AND (@@pick(x)).id IS NOT NULL;
  due := @@due_in(x);
  news := @@leave(x);
END $f$;

CREATE FUNCTION @@bury(given integer, jobs json, failure text, why_dead text, OUT answer text, OUT news text)
LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context;
  mine text[] := @@reserve(given, jobs, floor(date_part('epoch', clock_timestamp()) * 1000)::bigint);
  i text := jobs->0->>'i';
  back text := jobs->0->>'n';
  e @@entry;
BEGIN
  x := @@enter(given);
  IF cardinality(mine) = 0 THEN answer := 'd';
  ELSIF back IS NOT NULL AND (back = i OR NOT EXISTS (SELECT FROM @job WHERE queue = given AND id = back)) THEN
    DELETE FROM @job WHERE queue = given AND id = i;
    answer := 'n' || back;
  ELSE
    e := @@load(given, i);
    e.c := NULL;
    e.error := failure;
    e.reason := why_dead;
    e.begun := true;
    PERFORM @@finish(x, e, 'f');
    answer := 'a';
  END IF;
  news := @@leave(x);
END $f$;

CREATE FUNCTION @@redrive_one(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  e := @@unkeep(x, e);
  PERFORM @@tally('f', -1), @@count_letter(x.q, e.task, -1);
  IF e.key IS NOT NULL THEN PERFORM @@unchain(x, e.id, e.key); END IF;
  e.replay := json_build_object('id', e.id, 'failedAt', e.finished, 'reason', coalesce(e.reason, 'failed'),
    'attempt', e.attempt)::text;
  e.redrives := e.redrives + 1;
  e.attempt := 0;
  e.recoveries := 0;
  e.deferrals := 0;
  e.begun := true;
  e.finished := NULL;
  e.result := NULL;
  e.result_encoding := NULL;
  e.error := NULL;
  e.why := NULL;
  e.reason := NULL;
  e.ttl_over := false;
  e.run_at := x.now;
  e.place := 0;
  e.c := NULL;
  PERFORM @@enroll(x, e), @@make_pending(x, e);
END $f$;

CREATE FUNCTION @@redrive(given integer, i text, OUT answer text, OUT news text) LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context := @@enter(given);
  e @@entry := @@load(given, i);
BEGIN
  answer := coalesce(e.c, 'missing');
  IF answer = 'f' THEN PERFORM @@redrive_one(x, e); END IF;
  news := @@leave(x);
END $f$;

CREATE FUNCTION @@unbury(given integer, i text, OUT answer boolean, OUT news text) LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context := @@enter(given);
  e @@entry := @@load(given, i);
BEGIN
  answer := e.c IS NOT DISTINCT FROM 'f';
  IF answer THEN PERFORM @@remove(x, e); END IF;
  news := @@leave(x);
END $f$;

-- Goes over a bounded number of dead letters, oldest first, and not over those that came after the first call. Answers how
-- many were dealt with, where to go on after (nothing when it is done), and where to stop.
CREATE FUNCTION @@each(given integer, what text, one_task text, older bigint, after bigint, until bigint, most integer,
  OUT done integer, OUT next bigint, OUT till bigint, OUT news text) LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context := @@enter(given);
  r record;
  e @@entry;
BEGIN
  till := coalesce(until, nextval('@stamp'));
  done := 0;
  FOR r IN SELECT t.id, t.stamp FROM (
      (SELECT id, stamp FROM @job_state WHERE queue = given AND c = 'f' AND kept AND stamp > after AND stamp < till
        ORDER BY stamp LIMIT most) UNION ALL
      (SELECT id, stamp FROM @job_state WHERE queue = given AND c = 'f' AND NOT kept AND stamp > after AND stamp < till
        ORDER BY stamp LIMIT most)) t ORDER BY t.stamp LIMIT most LOOP
    next := r.stamp;
    e := @@load(given, r.id);
    CONTINUE WHEN e.c IS DISTINCT FROM 'f' OR e.task <> one_task OR e.finished > x.now - older;
    IF what = 'redrive' THEN PERFORM @@redrive_one(x, e); ELSE PERFORM @@remove(x, e); END IF;
    done := done + 1;
  END LOOP;
  news := @@leave(x);
END $f$;
`;
