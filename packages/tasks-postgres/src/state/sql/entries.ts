import { FUNCTION_SETTINGS } from "../../connection/session-settings.ts";
import type { SchemaName } from "../../migrations/schema-name.ts";
import { sql } from "../../migrations/sql.ts";

/**
 * Entries. Every write of a key takes a lock of that key first, so that it sees what the one before it left, and then
 * reads the clock once. What a call sweeps besides its key it sweeps at its end and without waiting, so no two calls ever
 * wait for each other.
 *
 * A version is the server's time in microseconds when no version was given for a second, and one more than the last
 * otherwise. The sequence holds when the clock is set back; the time holds when the sequence is behind, after a failover
 * to a standby that had not received its last numbers. So nothing has to be remembered of a key that is gone.
 */
export const entriesSql = (schema: SchemaName): string => sql`
CREATE TABLE ${schema}.state_entry (
  key text COLLATE "C" PRIMARY KEY,
  value text NOT NULL,
  version bigint NOT NULL,
  ends timestamptz
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX state_entry_ends ON ${schema}.state_entry (ends) WHERE ends IS NOT NULL;
CREATE SEQUENCE ${schema}.state_version AS bigint;

CREATE FUNCTION ${schema}.state_next_version() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  version bigint := nextval('${schema}.state_version');
  micros bigint := extract(epoch FROM clock_timestamp()) * 1000000;
BEGIN
  IF version > micros - 1000000 THEN RETURN version; END IF;
  PERFORM pg_advisory_xact_lock(${schema.lockNumber("state versions")});
  SELECT last_value INTO version FROM ${schema}.state_version;
  IF version > micros - 1000000 THEN RETURN nextval('${schema}.state_version'); END IF;
  RETURN setval('${schema}.state_version', micros);
END $$;

-- Rounded up, so that nothing ends early; what would end in thousands of years ends then.
CREATE FUNCTION ${schema}.state_deadline(moment timestamptz, ttl_ms float8) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT moment + ceil(least(ttl_ms, 1e14) * 1000) * interval '1 microsecond'
$$;

CREATE FUNCTION ${schema}.state_left_ms(moment timestamptz, ends timestamptz) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT (extract(epoch FROM ends - moment) * 1000)::float8
$$;

CREATE FUNCTION ${schema}.state_sweep_entries(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM ${schema}.state_entry WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ${schema}.state_entry WHERE ends <= moment ORDER BY ends LIMIT 8 FOR UPDATE SKIP LOCKED));
END $$;

CREATE FUNCTION ${schema}.state_lock_entry(of_key text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtextextended(of_key, ${schema.lockNumber("state entries")}))
$$;

CREATE FUNCTION ${schema}.state_get(of_key text)
RETURNS TABLE (value text, version bigint, left_ms float8) LANGUAGE plpgsql STABLE ${FUNCTION_SETTINGS} AS $$
DECLARE
  moment timestamptz := clock_timestamp();
BEGIN
  RETURN QUERY SELECT e.value, e.version, ${schema}.state_left_ms(moment, e.ends)
    FROM ${schema}.state_entry e WHERE e.key = of_key AND (e.ends IS NULL OR e.ends > moment);
END $$;

CREATE FUNCTION ${schema}.state_put(
  of_key text, new_value text, ttl_ms float8, if_absent boolean, if_version float8,
  OUT stored boolean, OUT version bigint, OUT value text, OUT left_ms float8
) LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $$
DECLARE
  moment timestamptz;
  before ${schema}.state_entry;
BEGIN
  PERFORM ${schema}.state_lock_entry(of_key);
  moment := clock_timestamp();
  IF if_absent OR if_version IS NOT NULL THEN
    SELECT * INTO before FROM ${schema}.state_entry e
      WHERE e.key = of_key AND (e.ends IS NULL OR e.ends > moment) FOR UPDATE;
    IF (if_absent AND before.key IS NOT NULL) OR before.version IS DISTINCT FROM coalesce(if_version, before.version) THEN
      stored := false;
      version := before.version;
      value := before.value;
      left_ms := ${schema}.state_left_ms(moment, before.ends);
      RETURN;
    END IF;
  END IF;
  stored := true;
  version := ${schema}.state_next_version();
  INSERT INTO ${schema}.state_entry AS e (key, value, version, ends)
    VALUES (of_key, new_value, state_put.version, ${schema}.state_deadline(moment, ttl_ms))
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, ends = excluded.ends;
  PERFORM ${schema}.state_sweep_entries(moment);
END $$;

CREATE FUNCTION ${schema}.state_touch(of_key text, ttl_ms float8, if_version float8, OUT done boolean)
LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $$
DECLARE
  moment timestamptz;
BEGIN
  PERFORM ${schema}.state_lock_entry(of_key);
  moment := clock_timestamp();
  UPDATE ${schema}.state_entry e SET ends = ${schema}.state_deadline(moment, ttl_ms)
    WHERE e.key = of_key AND (e.ends IS NULL OR e.ends > moment) AND (if_version IS NULL OR e.version = if_version);
  done := FOUND;
  PERFORM ${schema}.state_sweep_entries(moment);
END $$;

CREATE FUNCTION ${schema}.state_delete(of_key text, if_version float8, OUT done boolean)
LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $$
DECLARE
  moment timestamptz;
BEGIN
  PERFORM ${schema}.state_lock_entry(of_key);
  moment := clock_timestamp();
  DELETE FROM ${schema}.state_entry e
    WHERE e.key = of_key AND (e.ends IS NULL OR e.ends > moment) AND (if_version IS NULL OR e.version = if_version);
  done := FOUND;
  PERFORM ${schema}.state_sweep_entries(moment);
END $$;

-- Live entries from a key on, or after it. Ended ones are passed over, a thousand at most: a last row without a value
-- then tells how far it looked.
CREATE FUNCTION ${schema}.state_list(prefix text, after text, wanted integer)
RETURNS TABLE (key text, value text, version bigint, left_ms float8) LANGUAGE plpgsql STABLE ${FUNCTION_SETTINGS} AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  beyond text := prefix || chr(1114111);
  seen integer := 0;
  live integer := 0;
  entry ${schema}.state_entry;
BEGIN
  FOR entry IN SELECT * FROM ${schema}.state_entry e
    WHERE e.key >= prefix AND e.key < beyond AND (after IS NULL OR e.key > after) ORDER BY e.key LIMIT wanted + 1000
  LOOP
    seen := seen + 1;
    key := entry.key;
    IF entry.ends IS NULL OR entry.ends > moment THEN
      live := live + 1;
      value := entry.value;
      version := entry.version;
      left_ms := ${schema}.state_left_ms(moment, entry.ends);
      RETURN NEXT;
      EXIT WHEN live = wanted;
    END IF;
  END LOOP;
  IF live < wanted AND seen = wanted + 1000 THEN
    value := NULL;
    RETURN NEXT;
  END IF;
END $$;

-- Answers the sum as JSON writes it, or 'type' where the value is no number, or 'range' where the sum is none.
CREATE FUNCTION ${schema}.state_increment(of_key text, summand float8, ttl_ms float8, OUT sum text)
LANGUAGE plpgsql SET extra_float_digits = 1 ${FUNCTION_SETTINGS} AS $$
DECLARE
  moment timestamptz;
  before ${schema}.state_entry;
BEGIN
  PERFORM ${schema}.state_lock_entry(of_key);
  moment := clock_timestamp();
  SELECT * INTO before FROM ${schema}.state_entry e
    WHERE e.key = of_key AND (e.ends IS NULL OR e.ends > moment) FOR UPDATE;
  -- By their first sign numbers differ from all else that JSON has.
  IF before.value !~ '^[-0-9]' THEN
    sum := 'type';
    RETURN;
  END IF;
  BEGIN
    -- Adding 0 makes 0 of -0.
    sum := (coalesce(before.value, '0')::float8 + summand + 0)::text;
  EXCEPTION WHEN numeric_value_out_of_range THEN
    sum := 'range';
    RETURN;
  END;
  INSERT INTO ${schema}.state_entry AS e (key, value, version, ends)
    VALUES (of_key, sum, ${schema}.state_next_version(),
      CASE WHEN before.key IS NULL THEN ${schema}.state_deadline(moment, ttl_ms) ELSE before.ends END)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, ends = excluded.ends;
  PERFORM ${schema}.state_sweep_entries(moment);
END $$;
`;
