import { FUNCTION_SETTINGS } from "../../connection/session-settings.ts";
import type { SchemaName } from "../../migrations/schema-name.ts";
import { sql } from "../../migrations/sql.ts";

/** Leased permits: how many of a set each holder has. What has ended counts for nothing, whether it is swept or not. */
export const permitsSql = (schema: SchemaName): string => sql`
CREATE TABLE ${schema}.state_permit (
  set text COLLATE "C",
  holder text COLLATE "C",
  permits bigint NOT NULL,
  ends timestamptz NOT NULL,
  PRIMARY KEY (set, holder)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX state_permit_ends ON ${schema}.state_permit (ends);

CREATE FUNCTION ${schema}.state_sweep_permits(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM ${schema}.state_permit WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ${schema}.state_permit WHERE ends <= moment ORDER BY ends LIMIT 8 FOR UPDATE SKIP LOCKED));
END $$;

CREATE FUNCTION ${schema}.state_lock_permits(of_set text) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtextextended(of_set, ${schema.lockNumber("state permits")}))
$$;

CREATE FUNCTION ${schema}.state_acquire(
  of_set text, of_holder text, most bigint, wanted bigint, ttl_ms float8, OUT permits bigint
) LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $$
DECLARE
  moment timestamptz;
  mine bigint;
  others bigint;
BEGIN
  PERFORM ${schema}.state_lock_permits(of_set);
  moment := clock_timestamp();
  SELECT coalesce(sum(p.permits) FILTER (WHERE p.holder = of_holder), 0),
    coalesce(sum(p.permits) FILTER (WHERE p.holder <> of_holder), 0)
    INTO mine, others FROM ${schema}.state_permit p WHERE p.set = of_set AND p.ends > moment;
  permits := greatest(mine, least(wanted, most - others), 0);
  IF permits > 0 THEN
    INSERT INTO ${schema}.state_permit AS p (set, holder, permits, ends)
      VALUES (of_set, of_holder, state_acquire.permits, ${schema}.state_deadline(moment, ttl_ms))
      ON CONFLICT (set, holder) DO UPDATE SET permits = excluded.permits, ends = excluded.ends;
  END IF;
  PERFORM ${schema}.state_sweep_permits(moment);
END $$;

CREATE FUNCTION ${schema}.state_release(of_set text, of_holder text, given bigint, OUT permits bigint)
LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $$
DECLARE
  moment timestamptz;
BEGIN
  PERFORM ${schema}.state_lock_permits(of_set);
  moment := clock_timestamp();
  SELECT p.permits INTO permits FROM ${schema}.state_permit p
    WHERE p.set = of_set AND p.holder = of_holder AND p.ends > moment FOR UPDATE;
  permits := greatest(coalesce(permits - coalesce(given, permits), 0), 0);
  IF permits = 0 THEN
    DELETE FROM ${schema}.state_permit p WHERE p.set = of_set AND p.holder = of_holder;
  ELSE
    UPDATE ${schema}.state_permit p SET permits = state_release.permits
      WHERE p.set = of_set AND p.holder = of_holder;
  END IF;
  PERFORM ${schema}.state_sweep_permits(moment);
END $$;
`;
