/**
 * Limits, fairness and order by key. A task with a limit is a section, passed over as a whole while the limit is
 * reached; a key has a lane in each section and level. A claim that meets a lane whose key may not start a job shuts it,
 * and what changes that (a lease that ends, a token that comes back) opens it again.
 */
export const LANES: string = String.raw`
CREATE TYPE @@pick AS (id text, np smallint, place bigint, sort bigint, section text, key text);

CREATE FUNCTION @@laned(rules jsonb, task text, key text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $f$
  SELECT rules IS NOT NULL AND (coalesce(rules->'tasks' ? task, false)
    OR (rules ? 'k' AND (key IS NOT NULL OR coalesce(rules->'k' ? 'fair', false))))
$f$;
CREATE FUNCTION @@section_of(rules jsonb, task text) RETURNS text LANGUAGE sql IMMUTABLE AS $f$
  SELECT CASE WHEN rules->'tasks' ? task THEN task ELSE '' END
$f$;
-- The key that matters; none is empty.
CREATE FUNCTION @@key_of(rules jsonb, key text) RETURNS text LANGUAGE sql IMMUTABLE AS $f$
  SELECT CASE WHEN rules ? 'k' THEN coalesce(key, '') ELSE '' END
$f$;

CREATE FUNCTION @@count_gauge(given integer, of text, by integer) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  INSERT INTO @gauge AS g VALUES (given, of, by) ON CONFLICT (queue, name) DO UPDATE SET n = g.n + by;
  DELETE FROM @gauge WHERE queue = given AND name = of AND n <= 0;
END $f$;

CREATE FUNCTION @@queue_open(x @@context) RETURNS boolean LANGUAGE plpgsql AS $f$
BEGIN
  IF x.rules IS NULL THEN RETURN true; END IF;
  IF x.rules ? 'c' AND @@running(x.q) >= (x.rules->>'c')::bigint THEN RETURN false; END IF;
  RETURN @@has_token(x, 'q', x.rules->'rate');
END $f$;

CREATE FUNCTION @@section_open(x @@context, section text) RETURNS boolean LANGUAGE plpgsql AS $f$
DECLARE
  rule jsonb;
BEGIN
  IF section = '' THEN RETURN true; END IF;
  rule := x.rules->'tasks'->section;
  IF rule ? 'c' AND coalesce((SELECT n FROM @gauge WHERE queue = x.q AND name = 't:' || section), 0) >= (rule->>'c')::integer
  THEN RETURN false; END IF;
  RETURN @@has_token(x, 't:' || section, rule->'rate');
END $f$;

CREATE FUNCTION @@key_room(x @@context, k text) RETURNS boolean LANGUAGE plpgsql AS $f$
BEGIN
  RETURN NOT x.rules->'k' ? 'c'
    OR coalesce((SELECT n FROM @gauge WHERE queue = x.q AND name = 'k:' || k), 0) < (x.rules->'k'->>'c')::integer;
END $f$;

CREATE FUNCTION @@chain_first(given integer, k text) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
  RETURN (SELECT id FROM @chain WHERE queue = given AND key = k ORDER BY seq LIMIT 1);
END $f$;

CREATE FUNCTION @@is_fifo(rules jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $f$
  SELECT coalesce(rules->'k' ? 'fifo', false)
$f$;
CREATE FUNCTION @@is_fair(rules jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $f$
  SELECT coalesce(rules->'k' ? 'fair', false)
$f$;

-- Has claims come by a lane that holds a job at this place.
CREATE FUNCTION @@join_lane(x @@context, sec text, level smallint, k text, at bigint) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  fair boolean := @@is_fair(x.rules);
BEGIN
  INSERT INTO @lane AS l VALUES (x.q, sec, level, k, true, CASE WHEN fair THEN nextval('@place') ELSE at END)
  ON CONFLICT (queue, section, np, key) DO UPDATE SET sort = least(l.sort, at) WHERE NOT fair;
END $f$;

-- Puts a pending job into its line; with order by key only the first of its key, the others are held.
CREATE FUNCTION @@file(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  sec text;
  k text;
  hold boolean;
BEGIN
  PERFORM @@tally('p', 1), @@moved();
  IF NOT @@laned(x.rules, e.task, e.key) THEN
    INSERT INTO @ready (queue, np, place, id, kind)
    VALUES (x.q, -e.priority, e.place, e.id, @@kind_at(x.ready_marks, -e.priority, e.place,
      CASE WHEN e.has_state THEN 's' WHEN e.noted THEN 'n' WHEN e.special THEN 's' ELSE @@kind_of(e.size) END));
    RETURN;
  END IF;
  sec := @@section_of(x.rules, e.task);
  k := @@key_of(x.rules, e.key);
  hold := k <> '' AND @@is_fifo(x.rules) AND @@chain_first(x.q, k) IS DISTINCT FROM e.id;
  INSERT INTO @ready (queue, np, place, id, kind, section, key)
  VALUES (x.q, -e.priority, e.place, e.id, CASE WHEN hold THEN 'w' ELSE 'o' END, sec, k);
  IF NOT hold THEN PERFORM @@join_lane(x, sec, (-e.priority)::smallint, k, e.place); END IF;
END $f$;

CREATE FUNCTION @@lane_head(given integer, sec text, k text, level smallint, OUT place bigint, OUT id text)
LANGUAGE plpgsql AS $f$
BEGIN
  SELECT r.place, r.id INTO place, id FROM @ready r
  WHERE r.queue = given AND r.kind = 'o' AND r.section = sec AND r.key = k AND r.np = level AND r.section IS NOT NULL
  ORDER BY r.place LIMIT 1;
END $f$;

-- Takes a pending job out of its line.
CREATE FUNCTION @@unfile(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  sec text := @@section_of(x.rules, e.task);
  k text := @@key_of(x.rules, e.key);
BEGIN
  PERFORM @@tally('p', -1);
  IF NOT @@laned(x.rules, e.task, e.key) THEN
    DELETE FROM @ready WHERE queue = x.q AND np = -e.priority AND place = e.place AND section IS NULL;
  ELSE
    DELETE FROM @ready WHERE queue = x.q AND kind = 'o' AND section = sec AND key = k AND np = -e.priority AND place = e.place
      AND section IS NOT NULL;
    IF FOUND THEN
      IF (SELECT h.id FROM @@lane_head(x.q, sec, k, (-e.priority)::smallint) h) IS NULL THEN
        DELETE FROM @lane WHERE queue = x.q AND section = sec AND np = -e.priority AND key = k;
      END IF;
      RETURN;
    END IF;
    DELETE FROM @ready WHERE queue = x.q AND kind = 'w' AND section = sec AND key = k AND np = -e.priority AND place = e.place
      AND section IS NOT NULL;
  END IF;
  IF FOUND OR x.refile IS NULL THEN RETURN; END IF;
  -- New rules have not come to it yet.
  DELETE FROM @ready WHERE queue = x.q AND id = e.id AND section IS NULL;
  DELETE FROM @ready WHERE queue = x.q AND id = e.id AND section IS NOT NULL;
END $f$;

-- Opens the lanes of a key again. It has at most one for each level and section.
CREATE FUNCTION @@reopen(x @@context, k text) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  l record;
  at bigint;
BEGIN
  FOR l IN SELECT section, np FROM @lane WHERE queue::bigint = x.q AND key = k AND NOT open LOOP
    SELECT h.place INTO at FROM @@lane_head(x.q, l.section, k, l.np) h;
    IF at IS NULL THEN DELETE FROM @lane WHERE queue = x.q AND section = l.section AND np = l.np AND key = k;
    ELSE
      UPDATE @lane SET open = true, sort = CASE WHEN @@is_fair(x.rules) THEN nextval('@place') ELSE at END
      WHERE queue = x.q AND section = l.section AND np = l.np AND key = k;
      PERFORM @@moved();
    END IF;
  END LOOP;
END $f$;

-- The best lane of a section, at one level or at its highest. Lanes of which it turns out that they are empty, or that
-- their key may start nothing, are put right on the way, so each is met once.
CREATE FUNCTION @@best_lane(x @@context, sec text, level smallint) RETURNS @@pick LANGUAGE plpgsql AS $f$
DECLARE
  l record;
  h record;
  p @@pick;
BEGIN
  LOOP
    IF level IS NULL THEN
      SELECT np, sort, key INTO l FROM @lane WHERE queue = x.q AND section = sec AND open ORDER BY np, sort LIMIT 1;
    ELSE
      SELECT np, sort, key INTO l FROM @lane WHERE queue = x.q AND section = sec AND np = level AND open
      ORDER BY sort LIMIT 1;
    END IF;
    IF NOT FOUND THEN RETURN NULL; END IF;
    SELECT * INTO h FROM @@lane_head(x.q, sec, l.key, l.np);
    IF h.id IS NULL THEN
      DELETE FROM @lane WHERE queue = x.q AND section = sec AND np = l.np AND key = l.key;
    ELSIF l.key <> '' AND NOT (@@key_room(x, l.key) AND @@has_token(x, 'k:' || l.key, x.rules->'k'->'rate')) THEN
      UPDATE @lane SET open = false WHERE queue = x.q AND section = sec AND np = l.np AND key = l.key;
      IF @@key_room(x, l.key) THEN
        INSERT INTO @refill VALUES (x.q, l.key, @@opens_at(x.q, 'k:' || l.key, x.rules->'k'->'rate'))
        ON CONFLICT (queue, key) DO UPDATE SET at = excluded.at;
      END IF;
    ELSIF NOT @@is_fair(x.rules) AND h.place <> l.sort THEN
      UPDATE @lane SET sort = h.place WHERE queue = x.q AND section = sec AND np = l.np AND key = l.key;
    ELSE
      p := ROW(h.id, l.np, h.place, l.sort, sec, l.key);
      RETURN p;
    END IF;
  END LOOP;
END $f$;

CREATE FUNCTION @@sections(rules jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $f$
  SELECT '' UNION ALL SELECT jsonb_object_keys(coalesce(rules->'tasks', '{}'))
$f$;

CREATE FUNCTION @@is_before(x @@context, a @@pick, b @@pick) RETURNS boolean LANGUAGE plpgsql AS $f$
BEGIN
  IF @@is_fair(x.rules) AND a.section IS NOT NULL AND b.section IS NOT NULL THEN RETURN a.sort < b.sort; END IF;
  RETURN a.place < b.place;
END $f$;

-- The job that starts next, as far as limits of task and key go.
CREATE FUNCTION @@pick(x @@context) RETURNS @@pick LANGUAGE plpgsql AS $f$
DECLARE
  best @@pick;
  p @@pick;
  sec text;
BEGIN
  IF x.rules ? 'aging' THEN RETURN @@longest_waiting(x); END IF;
  IF x.ready_marks IS NULL THEN
    SELECT id, np, place, NULL, NULL, NULL INTO best FROM @ready WHERE queue = x.q AND section IS NULL
    ORDER BY np, place LIMIT 1;
  ELSE SELECT f.id, f.np, f.place, NULL, NULL, NULL INTO best FROM @@first_free(x.q, x.ready_marks, 1) f;
  END IF;
  IF x.rules IS NULL THEN RETURN best; END IF;
  FOR sec IN SELECT * FROM @@sections(x.rules) LOOP
    IF @@section_open(x, sec) THEN
      p := @@best_lane(x, sec, NULL);
      IF p.id IS NOT NULL AND (best.id IS NULL OR p.np < best.np OR (p.np = best.np AND @@is_before(x, p, best))) THEN
        best := p;
      END IF;
    END IF;
  END LOOP;
  RETURN best;
END $f$;

-- Compares what stands first in each level, by level and what its wait adds to that.
CREATE FUNCTION @@longest_waiting(x @@context) RETURNS @@pick LANGUAGE plpgsql AS $f$
DECLARE
  best @@pick;
  best_level bigint := -1;
  p @@pick;
  sec text;
  level integer;
  reached bigint;
  e @@entry;
BEGIN
  FOR sec IN SELECT NULL UNION ALL SELECT * FROM @@sections(x.rules) LOOP
    CONTINUE WHEN sec IS NOT NULL AND NOT @@section_open(x, sec);
    FOR level IN -20..0 LOOP
      p := NULL;
      IF sec IS NULL THEN
        SELECT id, np, place, NULL, NULL, NULL INTO p FROM @ready WHERE queue = x.q AND section IS NULL AND np = level
        ORDER BY place LIMIT 1;
      ELSE p := @@best_lane(x, sec, level::smallint);
      END IF;
      CONTINUE WHEN p.id IS NULL;
      e := @@load(x.q, p.id);
      reached := -level + floor(greatest(0, x.now - greatest(e.created, coalesce(e.run_at, 0)))
        / (x.rules->>'aging')::double precision);
      IF best.id IS NULL OR reached > best_level OR (reached = best_level AND @@is_before(x, p, best)) THEN
        best := p;
        best_level := reached;
      END IF;
    END LOOP;
  END LOOP;
  RETURN best;
END $f$;

-- Whether a job may be handed out before a slot is free: no limit counts it, and no lease of it ever ended by itself.
CREATE FUNCTION @@may_go_ahead(x @@context, e @@entry) RETURNS boolean LANGUAGE plpgsql AS $f$
BEGIN
  IF e.recoveries > 0 OR e.lapsed THEN RETURN false; END IF;
  IF x.rules IS NULL THEN RETURN true; END IF;
  IF x.rules ?| '{c,rate}' OR @@section_of(x.rules, e.task) <> '' THEN RETURN false; END IF;
  RETURN @@key_of(x.rules, e.key) = '' OR NOT x.rules->'k' ?| '{c,rate,fifo}';
END $f$;

CREATE FUNCTION @@count_lease(x @@context, e @@entry, p @@pick) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  sec text;
  k text;
BEGIN
  PERFORM @@tally('u', 1);
  IF x.rules IS NULL THEN RETURN; END IF;
  sec := @@section_of(x.rules, e.task);
  k := @@key_of(x.rules, e.key);
  IF sec <> '' THEN PERFORM @@count_gauge(x.q, 't:' || sec, 1); END IF;
  IF k <> '' THEN PERFORM @@count_gauge(x.q, 'k:' || k, 1); END IF;
  IF p.section IS NOT NULL AND @@is_fair(x.rules) THEN
    UPDATE @lane SET sort = nextval('@place') WHERE queue = x.q AND section = p.section AND np = p.np AND key = p.key;
  END IF;
END $f$;

CREATE FUNCTION @@uncount_lease(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  sec text;
  k text;
BEGIN
  PERFORM @@tally('u', -1);
  IF x.rules IS NULL THEN RETURN; END IF;
  sec := @@section_of(x.rules, e.task);
  k := @@key_of(x.rules, e.key);
  IF sec <> '' THEN PERFORM @@count_gauge(x.q, 't:' || sec, -1); END IF;
  IF k <> '' THEN
    PERFORM @@count_gauge(x.q, 'k:' || k, -1);
    PERFORM @@reopen(x, k);
  END IF;
  PERFORM @@moved();
END $f$;

CREATE FUNCTION @@count_start(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  sec text;
  k text;
BEGIN
  IF x.rules IS NULL THEN RETURN; END IF;
  PERFORM @@take_token(x, 'q', x.rules->'rate');
  sec := @@section_of(x.rules, e.task);
  k := @@key_of(x.rules, e.key);
  IF sec <> '' THEN PERFORM @@take_token(x, 't:' || sec, x.rules->'tasks'->sec->'rate'); END IF;
  IF k <> '' THEN PERFORM @@take_token(x, 'k:' || k, x.rules->'k'->'rate'); END IF;
END $f$;

-- Makes a keyed job known that is unfinished from now on.
CREATE FUNCTION @@enroll(x @@context, e @@entry) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF e.key IS NOT NULL THEN INSERT INTO @chain VALUES (x.q, e.key, nextval('@place'), e.id); END IF;
END $f$;

-- Forgets a job that is over and lets the next of its key go on, unless it failed and the rule is to be held by that.
CREATE FUNCTION @@withdraw(x @@context, e @@entry, failed boolean) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF e.key IS NULL OR (failed AND @@is_fifo(x.rules) AND x.rules->'k' ? 'hold') THEN RETURN; END IF;
  PERFORM @@unchain(x, e.id, e.key);
END $f$;

CREATE FUNCTION @@unchain(x @@context, i text, k text) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  first text;
  e @@entry;
  sec text;
BEGIN
  DELETE FROM @chain WHERE queue::bigint = x.q AND id = i;
  IF NOT FOUND OR NOT @@is_fifo(x.rules) THEN RETURN; END IF;
  first := @@chain_first(x.q, k);
  IF first IS NULL THEN RETURN; END IF;
  e := @@load(x.q, first);
  IF e.c <> 'p' THEN RETURN; END IF;
  sec := @@section_of(x.rules, e.task);
  UPDATE @ready SET kind = 'o'
  WHERE queue = x.q AND kind = 'w' AND section = sec AND key = k AND np = -e.priority AND place = e.place
    AND section IS NOT NULL;
  IF FOUND THEN
    PERFORM @@join_lane(x, sec, (-e.priority)::smallint, k, e.place);
    PERFORM @@moved();
  END IF;
END $f$;

-- The priority that a new job of a key must have.
CREATE FUNCTION @@required_priority(x @@context, k text) RETURNS smallint LANGUAGE plpgsql AS $f$
DECLARE
  first text;
BEGIN
  IF NOT @@is_fifo(x.rules) THEN RETURN NULL; END IF;
  first := @@chain_first(x.q, k);
  RETURN (SELECT priority FROM @job WHERE queue = x.q AND id = first);
END $f$;

-- Whether another unfinished job shares its key, and its order.
CREATE FUNCTION @@shares_order(x @@context, k text) RETURNS boolean LANGUAGE plpgsql AS $f$
BEGIN
  RETURN k IS NOT NULL AND @@is_fifo(x.rules)
    AND (SELECT count(*) FROM (SELECT FROM @chain WHERE queue = x.q AND key = k LIMIT 2) t) > 1;
END $f$;
`;
