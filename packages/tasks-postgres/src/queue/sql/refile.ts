/**
 * Files the jobs that are there by new rules, in bounded steps, while nothing is given out: lanes are taken apart, then
 * every free job is looked at and those that a rule concerns go to their lane. Where it stands is in `refile`: `lanes`,
 * then the level and the place of the last free job that was looked at; nothing when it is done.
 */
export const REFILE: string = String.raw`
CREATE FUNCTION @@refile_some(x @@context, budget integer) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  rows tid[];
  r record;
  j record;
  k text;
  sec text;
  hold boolean;
  n integer := 0;
  last text;
BEGIN
  IF x.refile = 'lanes' THEN
    rows := ARRAY(
      (SELECT ctid FROM @ready WHERE queue = x.q AND kind = 'w' AND section IS NOT NULL LIMIT budget) UNION ALL
      (SELECT ctid FROM @ready WHERE queue = x.q AND kind = 'o' AND section IS NOT NULL LIMIT budget) LIMIT budget);
    UPDATE @ready SET section = NULL, key = NULL, kind = @@kind_at(x.ready_marks, np, place, 's') WHERE ctid = ANY (rows);
    IF cardinality(rows) = budget THEN RETURN 'lanes'; END IF;
    RETURN CASE WHEN x.rules ?| '{tasks,k}' THEN '-100:0' END;
  END IF;
  FOR r IN SELECT ctid, np, place, id FROM @ready WHERE queue = x.q AND section IS NULL
    AND (np, place) > (split_part(x.refile, ':', 1)::smallint, split_part(x.refile, ':', 2)::bigint)
    ORDER BY np, place LIMIT budget LOOP
    n := n + 1;
    last := r.np || ':' || r.place;
    SELECT task, key INTO j FROM @job WHERE queue = x.q AND id = r.id;
    CONTINUE WHEN NOT @@laned(x.rules, j.task, j.key);
    sec := @@section_of(x.rules, j.task);
    k := @@key_of(x.rules, j.key);
    hold := k <> '' AND @@is_fifo(x.rules) AND @@chain_first(x.q, k) IS DISTINCT FROM r.id;
    UPDATE @ready SET section = sec, key = k, kind = CASE WHEN hold THEN 'w' ELSE 'o' END WHERE ctid = r.ctid;
    IF NOT hold THEN PERFORM @@join_lane(x, sec, r.np, k, r.place); END IF;
  END LOOP;
  RETURN CASE WHEN n = budget THEN last END;
END $f$;

-- Goes on with the filing and ends the step. Answers refiling, or news for those who wait.
CREATE FUNCTION @@refiled(x @@context) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  news text;
BEGIN
  x.refile := @@refile_on(x);
  news := @@leave(x);
  RETURN CASE WHEN x.refile IS NULL THEN news ELSE 'refiling' END;
END $f$;

-- Files a bounded number of jobs, where that is to be done. Answers where it stands.
CREATE FUNCTION @@refile_on(x @@context) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
  stands text;
BEGIN
  IF x.refile IS NULL THEN RETURN NULL; END IF;
  stands := @@refile_some(x, 1000);
  UPDATE @queue SET refile = stands WHERE queue = x.q;
  PERFORM @@moved();
  RETURN stands;
END $f$;

CREATE FUNCTION @@refile(given integer) RETURNS text LANGUAGE plpgsql #settings AS $f$
BEGIN
  RETURN @@refiled(@@enter(given));
END $f$;
`;
