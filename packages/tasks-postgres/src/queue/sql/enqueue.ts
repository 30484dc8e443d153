/**
 * Stores jobs. The row of a job is written before the queue is locked: where another transaction holds the same id, only
 * who carries that id waits for it.
 */
export const ENQUEUE: string = String.raw`
-- A new job: id, task, priority, data, encoding, headers, y delay, x expiry, k key, u unique key, m until, w for so long,
-- c on conflict, o depends on, b barrier, n notifies, r recoveries, l result's time to live.
CREATE TYPE @@offer AS (
  i text, t text, p smallint, d text, e text, h text, y bigint, x bigint, k text, u text, m text, w bigint, c text,
  o text[], b integer, n text, r integer, l bigint
);

-- Stores one job that concerns more than itself, after the rules of ids, keys, dependencies and capacity. Answers a
-- accepted, r replaced, e existing, d duplicate id, u duplicate key, n not found, p other priority, f full, b and k an id and a key that
-- a transaction holds which has not ended; with the id or
-- number it is about.
CREATE FUNCTION @@accept(x @@context, t @@offer, reserved boolean, others text[]) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  own text;
  replaced @@entry;
  required smallint;
  i text;
BEGIN
  IF t.u IS NOT NULL THEN
    own := @@holder(x, t.u);
    IF own IS NOT NULL AND t.c = 'existing' THEN RETURN 'e' || own; END IF;
    IF own IS NOT NULL AND t.c = 'replace' THEN
      replaced := @@load(x.q, own);
      IF replaced.id IS NULL OR replaced.begun OR replaced.c NOT IN ('p', 's', 'r', 'w')
        OR replaced.unique_key IS DISTINCT FROM t.u THEN replaced := NULL; END IF;
    END IF;
  END IF;
  IF NOT reserved THEN RETURN 'd' || t.i; END IF;
  FOREACH i IN ARRAY coalesce(t.o, '{}') || t.n LOOP
    IF i IS NOT NULL AND (i = ANY (others) OR NOT EXISTS (SELECT FROM @job WHERE queue = x.q AND id = i)) THEN
      RETURN 'n' || i;
    END IF;
  END LOOP;
  IF own IS NOT NULL AND replaced.id IS NULL THEN RETURN 'u' || own; END IF;
  IF t.k IS NOT NULL THEN
    required := @@required_priority(x, t.k);
    -- The one it replaces is no earlier job of its key any more.
    IF required <> t.p AND NOT (replaced.key IS NOT DISTINCT FROM t.k AND NOT @@shares_order(x, t.k)) THEN
      RETURN 'p' || required;
    END IF;
  END IF;
  IF x.max_size IS NOT NULL AND @@unfinished(x.q) - (CASE WHEN replaced.id IS NULL THEN 0 ELSE 1 END) >= x.max_size THEN
    RETURN 'f' || x.max_size;
  END IF;
  IF replaced.id IS NOT NULL THEN
    replaced.error := NULL;
    replaced.why := 'replaced:' || t.i;
    PERFORM @@finish(x, replaced, 'x');
  END IF;
  PERFORM @@admit(x, t.i);
  RETURN CASE WHEN replaced.id IS NULL THEN 'a' ELSE 'r' END;
END $f$;

-- Takes in a job whose row is there: waiting for others, for its time, or for a worker.
CREATE FUNCTION @@admit(x @@context, i text) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  e @@entry := @@load(x.q, i);
  target text;
  status text;
  doomed boolean := false;
BEGIN
  e.c := NULL;
  PERFORM @@enroll(x, e);
  IF e.unique_key IS NOT NULL THEN PERFORM @@take_key(x, e); END IF;
  FOR target IN SELECT DISTINCT unnest(e.depends) LOOP
    status := @@depend(x, e.id, target);
    IF status IN ('f', 'x', 'e') THEN doomed := true;
    ELSIF status <> 'c' THEN e.unmet := e.unmet + 1;
    END IF;
  END LOOP;
  e.barrier_left := coalesce(e.barrier, 0);
  IF e.unmet > 0 OR e.barrier_left > 0 OR doomed THEN
    e.c := 'w';
    e.stamp := e.seq;
    e.place := 0;
    e := @@save(x.q, e);
    PERFORM @@tally('w', 1);
    IF doomed THEN
      e.why := 'dependency';
      PERFORM @@finish(x, e, 'x');
    END IF;
  ELSIF e.due > x.now THEN PERFORM @@make_scheduled(x, e, e.due);
  ELSE PERFORM @@make_pending(x, e);
  END IF;
END $f$;

-- Writes the rows of jobs whose ids are free. Answers which.
CREATE FUNCTION @@reserve(given integer, jobs json, now bigint) RETURNS text[] LANGUAGE plpgsql AS $f$
DECLARE
  ids text[];
BEGIN
  WITH stored AS (
    INSERT INTO @job (queue, id, seq, task, priority, data, encoding, headers, created, due, expires, key, unique_key,
      unique_until, unique_ttl, depends, barrier, notifies, max_recoveries, result_ttl)
    SELECT given, t.i, t.seq, t.t, t.p, t.d, t.e, t.h, now, now + t.y, now + t.x, t.k, t.u, t.m, t.w, t.o, t.b, t.n, t.r, t.l
    FROM (SELECT nextval('@place') AS seq, o.* FROM json_to_recordset(jobs) o (i text, t text, p smallint, d text, e text,
      h text, y bigint, x bigint, k text, u text, m text, w bigint, c text, o text[], b integer, n text, r integer,
      l bigint)) t
    ORDER BY t.i COLLATE "C", t.seq
    ON CONFLICT DO NOTHING RETURNING id)
  SELECT array_agg(id) INTO ids FROM stored;
  RETURN coalesce(ids, '{}');
END $f$;

-- The jobs without those of these ids.
CREATE FUNCTION @@without(jobs json, ids text[]) RETURNS json LANGUAGE plpgsql AS $f$
BEGIN
  IF ids = '{}' THEN RETURN jobs; END IF;
  RETURN (SELECT json_agg(t.job) FROM json_array_elements(jobs) t (job) WHERE t.job->>'i' <> ALL (ids));
END $f$;

CREATE FUNCTION @@except(ids text[], others text[]) RETURNS text[] LANGUAGE plpgsql AS $f$
BEGIN
  IF others = '{}' THEN RETURN ids; END IF;
  RETURN ARRAY(SELECT unnest(ids) EXCEPT ALL SELECT unnest(others));
END $f$;

-- Unique keys of a call that somebody holds, or that come twice in it.
CREATE FUNCTION @@contested_keys(x @@context, jobs json) RETURNS text[] LANGUAGE plpgsql AS $f$
BEGIN
  RETURN ARRAY(SELECT t.u FROM (SELECT o.u, count(*) AS n FROM json_to_recordset(jobs) o (u text) WHERE o.u IS NOT NULL GROUP BY o.u) t
    LEFT JOIN LATERAL (SELECT id FROM @unique_key k WHERE k.queue = x.q AND k.key = t.u AND (k.ends IS NULL OR k.ends > x.now) LIMIT 1) h
      ON true
    WHERE t.n > 1 OR h.id IS NOT NULL);
END $f$;

-- Answers whether it is stale, then the answers of all jobs, none when all are accepted, and news for those who wait.
CREATE FUNCTION @@enqueue(given integer, name text, num bigint, remember bigint, jobs json, OUT stale bigint,
  OUT answers text, OUT news text) LANGUAGE plpgsql #settings AS $f$
DECLARE
  last @call;
  x @@context;
  now bigint := floor(date_part('epoch', clock_timestamp()) * 1000)::bigint;
  mine text[];
  refused text[] := '{}';
  run text[] := '{}';
  contested text[];
  shared boolean;
  whole boolean;
  held text[];
  target text;
  noted boolean := false;
  t record;
  all_fine boolean := true;
  list text[] := '{}';
  answer text;
BEGIN
  SELECT * INTO last FROM @call WHERE queue = given AND session = name;
  IF last.until > now AND num <= last.seq THEN
    IF num < last.seq THEN stale := last.seq;
    ELSE answers := last.answer;
    END IF;
    RETURN;
  END IF;
  SELECT r.mine, r.contested INTO mine, contested FROM @@reserve_patiently(given, jobs, now) r;
  x := @@context(given, true);
  last := @@recall(given, name);
  IF last.until > now AND num <= last.seq THEN
    -- It was sent twice at once, and the other one came first.
    DELETE FROM @job WHERE queue = given AND id = ANY (mine);
    IF num < last.seq THEN stale := last.seq;
    ELSE answers := last.answer;
    END IF;
    RETURN;
  END IF;
  shared := @@is_shared(given);
  PERFORM @@begin(x, 500);
  held := @@contested_keys(x, jobs);
  whole := cardinality(mine) = json_array_length(jobs);
  FOR t IN SELECT o.*, row_number() OVER () - 1 AS ordinal,
    CASE WHEN x.max_size IS NOT NULL OR @@laned(x.rules, o.t, NULL) THEN ''
      WHEN coalesce(o.k, o.u, o.n) IS NULL AND coalesce(o.x, o.b, o.r, o.l) IS NULL AND o.o IS NULL THEN 'plain'
      WHEN o.y IS NULL AND @@is_noted(o.n, o.u, o.m, o.k, coalesce(o.x, o.b, o.r, o.l), o.o) THEN 'noted'
      ELSE '' END AS sort
    FROM json_to_recordset(jobs) o (i text, t text, p smallint, e text, h text, y bigint, x bigint, k text, u text, m text,
    w bigint, c text, o text[], b integer, n text, r integer, l bigint) LOOP
    IF t.i = ANY (refused) THEN
      refused := array_remove(refused, t.i);
      mine := mine || @@reserve(given, json_build_array(jobs->t.ordinal::integer), now);
    END IF;
    IF t.sort = 'noted' THEN
      -- Those whose turn has not come are not there yet.
      IF t.n IS DISTINCT FROM target AND t.n <> ALL (mine)
        AND EXISTS (SELECT FROM @job WHERE queue = given AND id = t.n) THEN target := t.n; END IF;
      IF t.n IS DISTINCT FROM target AND t.n IS NOT NULL OR t.u = ANY (held) OR shared AND t.u IS NOT NULL THEN t.sort := ''; END IF;
    END IF;
    IF t.sort <> '' AND (whole OR t.i = ANY (mine) AND t.i <> ALL (run)) THEN
      noted := noted OR t.sort = 'noted';
      run := run || t.i;
      list := list || 'a'::text;
      CONTINUE;
    END IF;
    PERFORM @@file_run(x, run, noted);
    mine := @@except(mine, run);
    run := '{}';
    noted := false;
    answer := CASE WHEN t.i = ANY (contested) THEN 'b'
      WHEN shared AND t.u IS NOT NULL AND NOT pg_try_advisory_xact_lock(@@key_lock(given, t.u)) THEN 'k'
      ELSE @@accept(x, ROW(t.i, t.t, t.p, NULL, NULL, NULL, t.y, t.x, t.k, t.u, t.m, t.w, t.c, t.o, t.b, t.n, t.r,
      t.l)::@@offer, t.i = ANY (mine), mine) END;
    list := list || answer;
    IF t.i = ANY (mine) THEN
      mine := array_remove(mine, t.i);
      IF answer NOT IN ('a', 'r') THEN
        DELETE FROM @job WHERE queue = given AND id = t.i;
        refused := refused || t.i;
      END IF;
    END IF;
    all_fine := all_fine AND answer = 'a';
  END LOOP;
  PERFORM @@file_run(x, run, noted), @@carry_on(x, 200);
  IF NOT all_fine THEN answers := to_json(list)::text; END IF;
  UPDATE @call SET seq = num, until = greatest(until, x.up + remember), answer = answers
  WHERE queue = given AND session = name;
  PERFORM @@close(x, 500);
  news := @@news();
END $f$;
`;
