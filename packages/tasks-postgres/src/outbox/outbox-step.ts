import { FUNCTION_SETTINGS } from "../connection/session-settings.ts";
import type { MigrationStep } from "../migrations/migration-step.ts";
import type { SchemaName } from "../migrations/schema-name.ts";
import { sql } from "../migrations/sql.ts";

/**
 * Jobs for queues of other stores: `outbox_*`. A route is such a queue. Its batch is numbers of jobs in its row, so that
 * whoever takes it after another finds it as it was, under the same name. Numbers of batches are instants of the clock
 * where they can be: a database that was restored gives none that it gave before.
 *
 * Whoever changes a route locks its row first, then rows of its jobs; who adds jobs locks nothing.
 */
const outboxSql = (schema: SchemaName): string => sql`
CREATE TABLE ${schema}.outbox_route (
  route integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  source uuid NOT NULL DEFAULT gen_random_uuid(),
  seq bigint NOT NULL DEFAULT 0,
  named bigint NOT NULL DEFAULT 0,
  batch bigint[],
  holder text COLLATE "C" NOT NULL DEFAULT '',
  until bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE ${schema}.outbox (
  route integer NOT NULL,
  n bigint GENERATED ALWAYS AS IDENTITY,
  added bigint NOT NULL,
  job text NOT NULL,
  PRIMARY KEY (route, n)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);

-- Jobs that the queue refuses, and that not even its dead letters take.
CREATE TABLE ${schema}.outbox_refused (
  route integer NOT NULL,
  n bigint NOT NULL,
  added bigint NOT NULL,
  refused bigint NOT NULL,
  job text NOT NULL,
  error text NOT NULL,
  PRIMARY KEY (route, n)
);

CREATE FUNCTION ${schema}.outbox_open(given text) RETURNS integer LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $f$
DECLARE
  known integer;
BEGIN
  SELECT route INTO known FROM ${schema}.outbox_route WHERE name = given;
  IF FOUND THEN RETURN known; END IF;
  INSERT INTO ${schema}.outbox_route (name) VALUES (given) ON CONFLICT DO NOTHING;
  RETURN (SELECT route FROM ${schema}.outbox_route WHERE name = given);
END $f$;

CREATE FUNCTION ${schema}.outbox_add(given integer, jobs json, wake text) RETURNS void
LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $f$
DECLARE
  now bigint := floor(date_part('epoch', clock_timestamp()) * 1000)::bigint;
  one json;
BEGIN
  FOR one IN SELECT * FROM json_array_elements(jobs) LOOP
    INSERT INTO ${schema}.outbox (route, added, job) VALUES (given, now, one::text);
  END LOOP;
  PERFORM pg_notify(wake, '');
END $f$;

-- Reports the batch of number done, and takes the next one for who. Answers h held, for so many milliseconds; e empty; or
-- b the batch: its session, number, and for each job how long it has waited and itself.
CREATE FUNCTION ${schema}.outbox_take(given integer, who text, lease bigint, most integer, most_bytes bigint, done bigint,
  again integer[], refused json, OUT state text, OUT number bigint, OUT session text, OUT jobs text)
LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $f$
DECLARE
  r ${schema}.outbox_route;
  now bigint := floor(date_part('epoch', clock_timestamp()) * 1000)::bigint;
  kept bigint[];
BEGIN
  state := 'e';
  SELECT * INTO r FROM ${schema}.outbox_route WHERE route = given;
  IF r.holder = who THEN
    -- Who looks in vain leaves no trace, until half of the lease is over.
    IF done IS NULL AND r.batch IS NULL AND r.until - now > lease / 2
      AND NOT EXISTS (SELECT FROM ${schema}.outbox WHERE route = given) THEN RETURN; END IF;
  ELSIF r.until > now THEN
    state := 'h';
    number := r.until - now;
    RETURN;
  END IF;
  SELECT * INTO r FROM ${schema}.outbox_route WHERE route = given FOR UPDATE;
  now := floor(date_part('epoch', clock_timestamp()) * 1000)::bigint;
  IF r.holder <> who AND r.until > now THEN
    state := 'h';
    number := r.until - now;
    RETURN;
  END IF;
  IF r.batch IS NOT NULL AND r.seq = done THEN
    SELECT coalesce(array_agg(r.batch[t.at + 1]), '{}') INTO kept FROM unnest(again) t (at);
    INSERT INTO ${schema}.outbox_refused (route, n, added, refused, job, error)
    SELECT given, o.n, o.added, now, o.job, t.error::text FROM json_to_recordset(refused) t (at integer, error json)
    CROSS JOIN LATERAL (SELECT * FROM ${schema}.outbox WHERE route = given AND n = r.batch[t.at + 1] LIMIT 1) o;
    DELETE FROM ${schema}.outbox WHERE ctid = ANY (ARRAY(
      SELECT o.ctid FROM unnest(r.batch) b (n)
      CROSS JOIN LATERAL (SELECT ctid FROM ${schema}.outbox WHERE route = given AND n = b.n LIMIT 1) o
      WHERE b.n <> ALL (kept)));
    r.batch := NULL;
  END IF;
  -- One that somebody took a job out of is no repetition any more.
  IF r.batch IS NOT NULL AND cardinality(r.batch) > (SELECT count(*) FROM unnest(r.batch) b (n)
    CROSS JOIN LATERAL (SELECT FROM ${schema}.outbox WHERE route = given AND n = b.n LIMIT 1) o) THEN r.batch := NULL; END IF;
  IF r.batch IS NULL THEN
    SELECT array_agg(t.n ORDER BY t.n) INTO r.batch FROM (
      SELECT o.n, sum(octet_length(o.job)) OVER (ORDER BY o.n) - octet_length(o.job) AS before
      FROM (SELECT n, job FROM ${schema}.outbox WHERE route = given ORDER BY n LIMIT most) o) t
    WHERE t.before < most_bytes;
    IF r.batch IS NOT NULL THEN
      r.seq := greatest(r.seq + 1, now);
      r.named := now;
    END IF;
  END IF;
  UPDATE ${schema}.outbox_route SET holder = who, until = now + lease, seq = r.seq, named = r.named, batch = r.batch
  WHERE route = given;
  IF r.batch IS NULL THEN RETURN; END IF;
  state := 'b';
  number := r.seq;
  session := 'outbox:' || r.source;
  SELECT '[' || string_agg('[' || greatest(0, r.named - o.added) || ',' || o.job || ']', ',' ORDER BY b.at) || ']'
  INTO jobs FROM unnest(r.batch) WITH ORDINALITY b (n, at)
  CROSS JOIN LATERAL (SELECT added, job FROM ${schema}.outbox WHERE route = given AND n = b.n LIMIT 1) o;
END $f$;

CREATE FUNCTION ${schema}.outbox_rename(given integer, who text, was bigint) RETURNS void
LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $f$
BEGIN
  UPDATE ${schema}.outbox_route SET source = gen_random_uuid()
  WHERE route = given AND holder = who AND seq = was AND batch IS NOT NULL
    AND until > date_part('epoch', clock_timestamp()) * 1000;
END $f$;

CREATE FUNCTION ${schema}.outbox_release(given integer, who text) RETURNS void
LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $f$
BEGIN
  UPDATE ${schema}.outbox_route SET until = 0 WHERE route = given AND holder = who;
END $f$;
`;

export const outboxStep: MigrationStep = { version: 3, oldest: 2, sql: outboxSql };
