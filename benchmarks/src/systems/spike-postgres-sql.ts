/**
 * A body that is written once, narrow rows for what is ready and what is leased; the receipt is the number of the lease.
 */
export const LAYOUT = `
CREATE SCHEMA spike;
CREATE SEQUENCE spike.place;
CREATE SEQUENCE spike.receipt;
CREATE TABLE spike.job (
  queue integer NOT NULL, id text NOT NULL, name text NOT NULL, np smallint NOT NULL, payload json,
  created timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (queue, id));
CREATE TABLE spike.ready (
  queue integer NOT NULL, np smallint NOT NULL, place bigint NOT NULL DEFAULT nextval('spike.place'), id text NOT NULL,
  attempt integer NOT NULL);
CREATE UNIQUE INDEX ready_line ON spike.ready (queue, np, place);
CREATE TABLE spike.lease (
  receipt bigint PRIMARY KEY DEFAULT nextval('spike.receipt'), queue integer NOT NULL, id text NOT NULL,
  np smallint NOT NULL, place bigint NOT NULL, attempt integer NOT NULL, until timestamptz NOT NULL);
CREATE INDEX lease_until ON spike.lease (until);
${["job", "ready", "lease"]
  .map(
    (table) => `ALTER TABLE spike.${table} SET (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000);`,
  )
  .join("\n")}`;

/** Plans that hold whatever the statistics say, which for queues are always of another moment. */
export const SESSION = [
  "jit=off",
  ...["seqscan", "hashjoin", "mergejoin", "material", "bitmapscan", "sort"].map((way) => `enable_${way}=off`),
  "plan_cache_mode=force_generic_plan",
]
  .map((setting) => `-c ${setting}`)
  .join(" ");

/** `$1`: the queue; `$2`: JSON of `[{ i, p, n, d }]`. Answers the ids that were not there yet. */
export const ENQUEUE = `
WITH bodies AS (
  INSERT INTO spike.job (queue, id, name, payload, np)
  SELECT $1, i, n, d, -p FROM json_to_recordset($2::json) AS given (i text, p smallint, n text, d json)
  ON CONFLICT DO NOTHING RETURNING id, np),
lines AS (INSERT INTO spike.ready (queue, np, id, attempt) SELECT $1, np, id, 0 FROM bodies)
SELECT id FROM bodies`;

/** `$1`: the queue; `$2`: receipts of what is completed; `$3`: jobs wanted. The last row says how many were completed. */
export const EXCHANGE = `
WITH done AS (DELETE FROM spike.lease WHERE receipt = ANY ($2::bigint[]) RETURNING id),
bodies AS (DELETE FROM spike.job WHERE ctid = ANY (ARRAY(
  SELECT found.ctid FROM done CROSS JOIN LATERAL (
    SELECT ctid FROM spike.job WHERE queue = $1 AND id = done.id LIMIT 1) AS found))),
taken AS (DELETE FROM spike.ready WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM spike.ready WHERE queue = $1 ORDER BY np, place LIMIT $3 FOR UPDATE SKIP LOCKED))
  RETURNING np, place, id, attempt),
leases AS (INSERT INTO spike.lease (id, place, queue, np, attempt, until)
  SELECT id, place, $1, np, attempt + 1, now() + interval '30 s' FROM taken RETURNING receipt, id)
SELECT leases.receipt::text, found.payload::text, NULL::integer AS settled
FROM leases CROSS JOIN LATERAL (SELECT payload FROM spike.job WHERE queue = $1 AND id = leases.id LIMIT 1) AS found
UNION ALL SELECT NULL, NULL, count(*)::integer FROM done`;
