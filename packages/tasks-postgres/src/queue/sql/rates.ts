/** Token buckets: of the queue (q), of a task (t:) and of a key (k:). A full one is not stored. */
export const RATES: string = String.raw`
CREATE FUNCTION @@opens_at(given integer, bucket text, rate jsonb) RETURNS double precision LANGUAGE plpgsql AS $f$
DECLARE
  full_at double precision;
BEGIN
  SELECT b.full_at INTO full_at FROM @queue_bucket b WHERE b.queue = given AND b.name = bucket;
  IF full_at IS NULL THEN RETURN 0; END IF;
  RETURN full_at - ((rate->>'burst')::double precision - 1) * (rate->>'interval')::double precision;
END $f$;

-- Sums of intervals are rounded; a token that is there must not be missed by that.
CREATE FUNCTION @@has_token(x @@context, bucket text, rate jsonb) RETURNS boolean LANGUAGE plpgsql AS $f$
BEGIN
  RETURN rate IS NULL OR @@opens_at(x.q, bucket, rate) <= x.exact + 1e-3;
END $f$;

CREATE FUNCTION @@take_token(x @@context, bucket text, rate jsonb) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
  IF rate IS NULL THEN RETURN; END IF;
  INSERT INTO @queue_bucket AS b VALUES (x.q, bucket, x.exact + (rate->>'interval')::double precision)
  ON CONFLICT (queue, name) DO UPDATE
    SET full_at = greatest(b.full_at, x.exact) + (rate->>'interval')::double precision;
END $f$;

-- Opens keys that have a token again, and forgets buckets that are full.
CREATE FUNCTION @@refill(x @@context) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
  due record;
BEGIN
  IF x.rules IS NULL THEN RETURN; END IF;
  FOR due IN SELECT key FROM @refill WHERE queue::bigint = x.q AND at <= x.exact + 1e-3 ORDER BY at LIMIT 500 LOOP
    DELETE FROM @refill WHERE queue = x.q AND key = due.key;
    IF x.rules ? 'k' THEN PERFORM @@reopen(x, due.key); END IF;
  END LOOP;
END $f$;

-- When a token comes back that jobs wait for.
CREATE FUNCTION @@next_refill(x @@context) RETURNS double precision LANGUAGE plpgsql AS $f$
DECLARE
  at double precision;
  waits boolean;
  sec text;
  rule jsonb;
BEGIN
  IF x.rules IS NULL OR x.paused THEN RETURN NULL; END IF;
  SELECT r.at INTO at FROM @refill r WHERE r.queue::bigint = x.q ORDER BY r.at LIMIT 1;
  waits := EXISTS (SELECT FROM @ready WHERE queue = x.q AND section IS NULL);
  FOR sec IN SELECT * FROM @@sections(x.rules) LOOP
    CONTINUE WHEN (SELECT np FROM @lane WHERE queue = x.q AND section = sec AND open ORDER BY np, sort LIMIT 1) IS NULL;
    waits := true;
    rule := x.rules->'tasks'->sec;
    IF sec <> '' AND rule ? 'rate' AND NOT @@has_token(x, 't:' || sec, rule->'rate') AND NOT (rule ? 'c'
      AND coalesce((SELECT n FROM @gauge WHERE queue = x.q AND name = 't:' || sec), 0) >= (rule->>'c')::integer)
    THEN at := least(at, @@opens_at(x.q, 't:' || sec, rule->'rate'));
    END IF;
  END LOOP;
  IF waits AND x.rules ? 'rate' AND NOT @@has_token(x, 'q', x.rules->'rate') THEN
    at := least(at, @@opens_at(x.q, 'q', x.rules->'rate'));
  END IF;
  RETURN at;
END $f$;
`;
