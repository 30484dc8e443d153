/**
 * Where lines begin. What is over leaves an entry in an index behind until vacuum clears it away, which an old snapshot
 * forbids, and who looks for the first of a line passes over all of them. So once a second the call that has the queue
 * alone writes down below which place nothing stands, and those that look begin there.
 *
 * Records come in the order of their line, as they get their stamp under the lock of the queue. A lease that would end
 * below the mark lowers it first, which needs the queue alone; so does who lets go of a record that was kept for a job. A job may get its place before the lock, or come back to the
 * one it had: what is filed below a mark is marked itself (`P`, `L`, `N`, `S` for the kinds `p`, `l`, `n`, `s`) and stands in an index
 * of its own as well. As two places cost more to look at than one, there are marks of jobs only while many dead entries lie
 * before the first.
 */
export const MARKS: string = String.raw`
-- The kind of a job filed at this place.
CREATE FUNCTION @@kind_at(marks bigint[], level integer, at bigint, kind "char") RETURNS "char" LANGUAGE sql IMMUTABLE AS $f$
  SELECT CASE WHEN at < marks[level + 21] THEN
    CASE kind WHEN 'p' THEN 'P'::"char" WHEN 'l' THEN 'L'::"char" WHEN 'n' THEN 'N'::"char" ELSE 'S'::"char" END ELSE kind END
$f$;

-- The free jobs that stand first, where there are marks. Who calls it is the only one who takes.
CREATE FUNCTION @@first_free(given integer, marks bigint[], most integer)
RETURNS TABLE (at tid, id text, kind "char", np smallint, place bigint) LANGUAGE sql STABLE AS $f$
  SELECT t.* FROM (
    SELECT f.* FROM unnest(marks) WITH ORDINALITY m (first, n)
    CROSS JOIN LATERAL (SELECT r.ctid, r.id, r.kind, r.np, r.place FROM @ready r
      WHERE r.queue = given AND r.section IS NULL AND r.np = (m.n - 21)::smallint AND r.place >= m.first
      ORDER BY r.place LIMIT most) f
    UNION ALL
    (SELECT r.ctid, r.id, r.kind, r.np, r.place FROM @ready r
      WHERE r.queue::bigint = given AND r.section IS NULL AND r.kind IN ('P', 'L', 'N', 'S') ORDER BY r.np, r.place LIMIT most)
    ) t
  ORDER BY t.np, t.place LIMIT most
$f$;

-- Entries that this transaction has read to find free jobs.
CREATE FUNCTION @@entries_read() RETURNS bigint LANGUAGE sql VOLATILE AS $f$
  SELECT pg_stat_get_xact_tuples_returned('@ready_free'::regclass)
$f$;

-- Where the line of each level begins, or nothing where no marks are needed. The queue is locked alone.
CREATE FUNCTION @@ready_marks(x @@context, anew boolean) RETURNS bigint[] LANGUAGE plpgsql AS $f$
DECLARE
  before bigint := @@entries_read();
  marks bigint[] := CASE WHEN anew THEN NULL ELSE x.ready_marks END;
  last bigint;
BEGIN
  IF x.ready_marks IS NULL AND before < #many_dead THEN RETURN NULL; END IF;
  SELECT last_value INTO last FROM @place;
  marks := ARRAY(
    SELECT coalesce((SELECT r.place FROM @ready r WHERE r.queue = x.q AND r.section IS NULL AND r.np = l::smallint
      AND r.place >= coalesce(marks[l + 21], 0) AND r.kind IN ('p', 'l', 'n', 's') ORDER BY r.place LIMIT 1), last)
    FROM generate_series(-20, 0) l ORDER BY l);
  RETURN CASE WHEN x.ready_marks IS NULL OR NOT anew OR @@entries_read() - before >= #many_dead THEN marks END;
END $f$;

-- Has leases of a length found. The queue is locked alone.
CREATE FUNCTION @@allow_leases(x @@context, lease_ms bigint) RETURNS @@context LANGUAGE plpgsql AS $f$
BEGIN
  IF x.up + lease_ms < x.lease_mark THEN
    x.lease_mark := x.up + lease_ms;
    UPDATE @queue SET lease_mark = x.lease_mark WHERE queue = x.q;
  END IF;
  RETURN x;
END $f$;

-- Once a second, and twice a minute anew. The queue is locked alone.
CREATE FUNCTION @@raise_marks(x @@context, anew boolean) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  lease bigint;
  kept bigint;
  last bigint;
BEGIN
  SELECT until INTO lease FROM @lease WHERE queue::bigint = x.q AND until >= CASE WHEN anew THEN 0 ELSE x.lease_mark END
  ORDER BY until LIMIT 1;
  SELECT last_value INTO last FROM @stamp;
  SELECT stamp INTO kept FROM @job_state WHERE queue = x.q AND c = 'c' AND job_state.kept
    AND stamp >= CASE WHEN anew THEN 0 ELSE (SELECT kept_mark FROM @queue WHERE queue = x.q) END ORDER BY stamp LIMIT 1;
  UPDATE @queue SET swept = x.now, tidied = CASE WHEN anew THEN x.now ELSE tidied END, lease_mark = coalesce(lease, greatest(x.lease_mark, x.now)),
    kept_mark = coalesce(kept, last), ready_marks = @@ready_marks(x, anew)
  WHERE queue = x.q;
END $f$;
`;
