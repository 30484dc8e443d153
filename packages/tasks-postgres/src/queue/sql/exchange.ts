/** Settlements, starts and claims. */
export const EXCHANGE: string = String.raw`
-- Applies what became of an attempt; false, and nothing has changed, when the delivery is no longer held. Kinds: c
-- complete (a, b: encoding and data of the result), r retry (delay and whether it counts; error), f fail (reason, error),
-- x cancel (b: error), l release (a: delay).
CREATE FUNCTION @@settle(x @@context, kind text, num bigint, i text, a text, b text, late boolean)
RETURNS boolean LANGUAGE plpgsql AS $f$
DECLARE
  e @@entry;
BEGIN
  -- One that a transaction of a caller's settles is no longer anybody else's.
  PERFORM FROM @lease WHERE queue = x.q AND id = i AND number = num AND (late OR until > x.now) FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN false; END IF;
  e := @@load(x.q, i);
  IF e.id IS NULL THEN RETURN false; END IF;
  IF kind <> 'l' AND kind <> 'x' AND e.lease_started IS NULL THEN e := @@start(x, e); END IF;
  IF kind = 'c' THEN
    e := @@land(e);
    e.attempt := e.attempt + 1;
    e.error := NULL;
    e.why := NULL;
    IF a IS NOT NULL THEN
      e.result_encoding := a;
      e.result := b;
    END IF;
    PERFORM @@finish(x, e, 'c');
  ELSIF e.cancel OR kind = 'x' THEN
    IF e.lease_started IS NOT NULL AND kind <> 'l' THEN e.attempt := e.attempt + 1; END IF;
    e := @@land(e);
    e.error := b;
    e.why := CASE WHEN b IS NULL THEN 'stopped' END;
    PERFORM @@finish(x, e, 'x');
  ELSIF kind = 'f' THEN
    e := @@land(e);
    e.attempt := e.attempt + 1;
    e.error := b;
    e.why := NULL;
    e.reason := a;
    PERFORM @@finish(x, e, 'f');
  ELSIF kind = 'r' THEN
    e := @@land(e);
    e.error := b;
    e.why := NULL;
    IF split_part(a, ':', 2) = '1' THEN e.attempt := e.attempt + 1;
    ELSE e.deferrals := e.deferrals + 1;
    END IF;
    IF e.key IS NULL OR NOT @@is_fifo(x.rules) THEN e.place := 0; END IF;
    PERFORM @@put_back(x, e, split_part(a, ':', 1)::bigint);
  ELSE
    IF e.lease_started IS NOT NULL AND NOT e.lease_began THEN e.started := e.lease_started; END IF;
    PERFORM @@put_back(x, e, a::bigint);
  END IF;
  RETURN true;
END $f$;

-- Takes back what was not settled before its lease ended.
CREATE FUNCTION @@reap(x @@context, budget integer) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  r record;
  e @@entry;
BEGIN
  FOR r IN SELECT id FROM @lease WHERE queue::bigint = x.q AND until >= x.lease_mark AND until <= x.now
    ORDER BY until LIMIT budget FOR UPDATE SKIP LOCKED LOOP
    e := @@load(x.q, r.id);
    IF e.id IS NULL THEN
      DELETE FROM @lease WHERE queue = x.q AND id = r.id;
      CONTINUE;
    END IF;
    e := @@land(e);
    IF e.cancel THEN
      e.error := NULL;
      e.why := 'stopped';
      PERFORM @@finish(x, e, 'x');
    ELSIF e.lease_started IS NULL THEN
      -- It may have begun.
      e.lapsed := true;
      PERFORM @@make_pending(x, e);
    ELSE
      e.recoveries := e.recoveries + 1;
      IF e.recoveries <= coalesce(e.max_recoveries, 3) THEN PERFORM @@make_pending(x, e);
      ELSE
        e.reason := 'poison';
        e.error := NULL;
        e.why := 'poison';
        PERFORM @@finish(x, e, 'f');
      END IF;
    END IF;
  END LOOP;
END $f$;

-- Gives out jobs one by one, as all rules say. Answers which.
CREATE FUNCTION @@claim(x @@context, holder integer, num bigint, slots integer, ahead integer, lease_ms bigint,
  max_bytes bigint, budget integer) RETURNS text[] LANGUAGE plpgsql AS $f$
DECLARE
  p @@pick;
  e @@entry;
  got integer := 0;
  ids text[] := '{}';
  bytes bigint := 0;
  late integer := 0;
  begins boolean;
  -- Where one had to be looked at, the next one is likely to.
  is_run boolean := x.rules IS NULL;
  run record;
BEGIN
  WHILE got < slots + ahead AND @@queue_open(x) LOOP
    IF is_run THEN
      run := @@claim_run(x, holder, num, got, slots, slots + ahead, lease_ms, max_bytes, bytes);
      bytes := run.bytes;
      ids := ids || run.ids;
      got := cardinality(ids);
      IF run.is_full OR got = slots + ahead THEN RETURN ids; END IF;
    END IF;
    p := @@pick(x);
    IF p.id IS NULL THEN RETURN ids; END IF;
    e := @@load(x.q, p.id);
    IF e.expires <= x.now AND NOT e.begun THEN
      PERFORM @@finish(x, e, 'e');
      late := late + 1;
      IF late > budget THEN RETURN ids; END IF;
      CONTINUE;
    END IF;
    begins := got < slots;
    IF NOT begins AND NOT @@may_go_ahead(x, e) THEN RETURN ids; END IF;
    bytes := bytes + e.size;
    IF got > 0 AND bytes > max_bytes THEN RETURN ids; END IF;
    PERFORM @@unfile(x, e);
    e.c := 'R';
    INSERT INTO @lease (queue, id, number, ordinal, until, began, special, session)
    VALUES (x.q, e.id, num, got, x.up + lease_ms, false, e.special OR e.has_state, holder);
    PERFORM @@count_lease(x, e, p);
    IF begins THEN PERFORM @@start(x, e); END IF;
    ids := ids || e.id;
    got := got + 1;
    is_run := x.rules IS NULL AND NOT e.has_state AND (e.noted OR NOT e.special);
  END LOOP;
  RETURN ids;
END $f$;

CREATE TYPE @@delivery AS (
  head json, id text, task text, data text, encoding text, headers text, priority smallint, key text, created bigint,
  expires bigint, attempt integer, recoveries integer, deferrals integer, started boolean, left_ms bigint
);

-- The deliveries of a call that are still held.
CREATE FUNCTION @@deliveries(x @@context, num bigint, ids text[]) RETURNS SETOF @@delivery LANGUAGE plpgsql AS $f$
BEGIN
  RETURN QUERY
  SELECT NULL::json, j.id, j.task, j.data, j.encoding, j.headers, j.priority, j.key, j.created, j.expires,
    coalesce(s.attempt, 0) + 1, coalesce(s.recoveries, 0), coalesce(s.deferrals, 0), l.started IS NOT NULL, l.until - x.up
  FROM unnest(ids) WITH ORDINALITY t (id, ordinal)
  CROSS JOIN LATERAL (SELECT * FROM @lease h WHERE h.queue = x.q AND h.id = t.id LIMIT 1) l
  CROSS JOIN LATERAL (SELECT * FROM @job h WHERE h.queue = x.q AND h.id = t.id LIMIT 1) j
  LEFT JOIN LATERAL (SELECT * FROM @job_state h WHERE h.queue = x.q AND h.id = t.id LIMIT 1) s ON true
  WHERE l.number = num AND l.until > x.up
  ORDER BY t.ordinal;
END $f$;

-- What an exchange answers beside its deliveries.
CREATE FUNCTION @@reply(x @@context, holder integer, num bigint, lost text[], news text) RETURNS json LANGUAGE plpgsql AS $f$
BEGIN
  RETURN json_build_object('lost', lost, 'paused', x.paused, 'due', @@due_in(x), 'number', num::text, 'news', news,
    'cancelled', (SELECT coalesce(json_agg(l.number || '.' || n.id), '[]') FROM @notice n
      CROSS JOIN LATERAL (SELECT number FROM @lease WHERE queue = x.q AND id = n.id LIMIT 1) l
      WHERE n.queue = x.q AND n.session = holder));
END $f$;

-- settles: k kind, n number, i id, a and b; starts: n number, i id.
CREATE FUNCTION @@exchange(given integer, name text, num bigint, remember bigint, settles json, starts json, slots integer,
  ahead integer, lease_ms bigint, max_bytes bigint) RETURNS SETOF @@delivery LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context := @@context(given, true);
  last @call := @@recall(given, name);
  lost text[] := '{}';
  t record;
  e @@entry;
  budget integer;
  claimed bigint;
  done text[];
  ids text[];
  answer @@delivery;
BEGIN
  IF last.until > x.now AND num <= last.seq THEN
    IF num < last.seq THEN
      answer.head := json_build_object('stale', last.seq);
      RETURN NEXT answer;
      RETURN;
    END IF;
    answer.head := @@reply(x, last.no, last.number, last.answer::text[], NULL);
    RETURN NEXT answer;
    RETURN QUERY SELECT * FROM @@deliveries(x, last.number, ARRAY(
      SELECT l.id FROM @lease l WHERE l.queue = given AND l.number = last.number ORDER BY l.ordinal));
    RETURN;
  END IF;
  budget := greatest(500, 2 * (coalesce(json_array_length(settles), 0) + slots + ahead));
  PERFORM @@begin(x, budget);
  FOR t IN SELECT * FROM json_to_recordset(starts) o (n bigint, i text) LOOP
    e := @@load(given, t.i);
    IF e.c IS DISTINCT FROM 'R' OR e.number <> t.n OR e.until <= x.now THEN lost := lost || (t.n || '.' || t.i);
    ELSIF e.lease_started IS NULL THEN
      PERFORM FROM @lease WHERE queue = given AND id = t.i FOR UPDATE SKIP LOCKED;
      IF FOUND THEN PERFORM @@start(x, e); END IF;
    END IF;
  END LOOP;
  done := @@complete_run(x, settles);
  FOR t IN SELECT * FROM json_to_recordset(settles) o (k text, n bigint, i text, a text, b text) LOOP
    CONTINUE WHEN t.i = ANY (done);
    IF NOT @@settle(x, t.k, t.n, t.i, t.a, t.b, false) THEN lost := lost || (t.n || '.' || t.i); END IF;
  END LOOP;
  PERFORM @@reap(x, budget), @@carry_on(x, 200);
  x.refile := @@refile_on(x);
  IF slots + ahead > 0 AND NOT x.paused AND x.refile IS NULL THEN
    claimed := nextval('@call_number');
    x := @@allow_leases(x, lease_ms);
    ids := @@claim(x, last.no, claimed, slots, ahead, lease_ms, max_bytes, budget);
  END IF;
  UPDATE @call SET seq = num, until = greatest(until, x.up + greatest(lease_ms, remember)),
    seen_until = greatest(seen_until, x.up + lease_ms), number = claimed, answer = lost::text
  WHERE queue = given AND session = name;
  PERFORM @@close(x, greatest(budget, 2500));
  answer.head := @@reply(x, last.no, claimed, lost, @@news());
  RETURN NEXT answer;
  RETURN QUERY SELECT * FROM @@deliveries(x, claimed, ids);
END $f$;

-- Renews leases that are still held. Answers { lost, cancelled, news }.
CREATE FUNCTION @@extend(given integer, receipts json, lease_ms bigint) RETURNS json LANGUAGE plpgsql #settings AS $f$
DECLARE
  x @@context;
  lost text[] := '{}';
  cancelled text[] := '{}';
  t record;
  l record;
BEGIN
  PERFORM @@catch_up(given);
  IF date_part('epoch', clock_timestamp()) * 1000 + lease_ms < (SELECT lease_mark FROM @queue WHERE queue = given) THEN
    x := @@allow_leases(@@context(given, true), lease_ms);
  ELSE
    x := @@context(given, false);
    IF x.up + lease_ms < x.lease_mark THEN PERFORM @@overtaken(); END IF;
  END IF;
  FOR t IN SELECT * FROM json_to_recordset(receipts) o (n bigint, i text) ORDER BY i LOOP
    SELECT number, until INTO l FROM @lease WHERE queue = given AND id = t.i;
    IF l.number IS DISTINCT FROM t.n OR l.until <= x.now THEN
      lost := lost || (t.n || '.' || t.i);
      CONTINUE;
    END IF;
    UPDATE @lease SET until = x.up + lease_ms WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM @lease WHERE queue = given AND id = t.i AND number = t.n FOR UPDATE SKIP LOCKED));
    IF (SELECT cancel FROM @job_state WHERE queue = given AND id = t.i) THEN
      cancelled := cancelled || (t.n || '.' || t.i);
    END IF;
  END LOOP;
  RETURN json_build_object('lost', lost, 'cancelled', cancelled);
END $f$;
`;
