import { FUNCTION_SETTINGS } from "../../connection/session-settings.ts";
import type { SchemaName } from "../../migrations/schema-name.ts";
import { sql } from "../../migrations/sql.ts";

/**
 * Token buckets: how many tokens were missing at an instant, and how long each takes to come back. What is missing is a
 * small number, so nothing is lost in the digits of an instant. A full bucket need not be stored.
 *
 * A call locks all its buckets in one order, then reads the clock once.
 */
export const tokensSql = (schema: SchemaName): string => sql`
CREATE TABLE ${schema}.state_bucket (
  key text COLLATE "C" PRIMARY KEY,
  missing float8 NOT NULL,
  as_of timestamptz NOT NULL,
  micros float8 NOT NULL,
  full_at timestamptz NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX state_bucket_full_at ON ${schema}.state_bucket (full_at);

CREATE FUNCTION ${schema}.state_take_tokens(
  keys text[], micros float8[], bursts float8[], wanted bigint,
  OUT granted bigint, OUT retry_ms float8
) LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $$
DECLARE
  -- Less than any clock can tell, more than the rounding of its sums: a whole token must not be missed by rounding.
  rounding CONSTANT float8 := 1e-9;
  moment timestamptz;
  of_key text;
  bucket ${schema}.state_bucket;
  missing float8[] := '{}';
  behind boolean[] := '{}';
BEGIN
  FOR of_key IN SELECT k FROM unnest(keys) AS u(k) ORDER BY k COLLATE "C" LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(of_key, ${schema.lockNumber("state buckets")}));
  END LOOP;
  moment := clock_timestamp();
  granted := wanted;
  FOR i IN 1 .. cardinality(keys) LOOP
    missing[i] := 0;
    behind[i] := false;
    SELECT * INTO bucket FROM ${schema}.state_bucket b WHERE b.key = keys[i] FOR UPDATE;
    IF FOUND THEN
      -- A clock that was set back gives nothing back, and counts from where it stands now.
      behind[i] := bucket.as_of > moment;
      missing[i] := greatest(0, bucket.missing
        - greatest(0, extract(epoch FROM moment - bucket.as_of)::float8 * 1000000) / bucket.micros);
    END IF;
    granted := least(granted, greatest(0, floor(bursts[i] - missing[i] + rounding)))::bigint;
  END LOOP;
  retry_ms := 1;
  FOR i IN 1 .. cardinality(keys) LOOP
    missing[i] := missing[i] + granted;
    IF granted > 0 OR behind[i] THEN
      INSERT INTO ${schema}.state_bucket AS b (key, missing, as_of, micros, full_at)
        VALUES (keys[i], missing[i], moment, micros[i],
          ${schema}.state_deadline(moment, missing[i] * micros[i] / 1000))
        ON CONFLICT (key) DO UPDATE
          SET missing = excluded.missing, as_of = excluded.as_of, micros = excluded.micros, full_at = excluded.full_at;
    END IF;
    retry_ms := greatest(retry_ms, ceil((missing[i] - (bursts[i] - 1) - rounding) * micros[i] / 1000));
  END LOOP;
  DELETE FROM ${schema}.state_bucket WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ${schema}.state_bucket WHERE full_at <= moment ORDER BY full_at LIMIT 8 FOR UPDATE SKIP LOCKED));
END $$;
`;
