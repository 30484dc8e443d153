/**
 * The tables of the queues. `@name` is a table or a sequence of the schema; see `named.ts`.
 *
 * A job's row is written once. Where it stands is a row in one of the narrow tables: `ready`, `lease`, `delayed`; what
 * differs from a job that never ran is in `job_state`, which plain jobs have only once they ended. Instants are epoch
 * milliseconds of the server's clock. Columns stand by their width, so that none is padded.
 *
 * Of two indexes that begin with the queue, the planner takes any while the table is empty, and keeps it. So the second
 * one has the queue as a bigint: a condition fits one of them only.
 *
 * What flows through is vacuumed by its count rather than by the size of a table, and without pauses.
 */
export const TABLES: string = String.raw`
CREATE SEQUENCE @place;
CREATE SEQUENCE @call_number;
CREATE SEQUENCE @stamp;

CREATE TABLE @queue (
  queue integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  policy text NOT NULL DEFAULT '{}',
  rules jsonb,
  concerns text NOT NULL DEFAULT '',
  refile text,
  paused boolean NOT NULL DEFAULT false,
  max_size integer,
  keep_age bigint NOT NULL DEFAULT 3600000,
  keep_count integer NOT NULL DEFAULT 1000,
  keep_failed_age bigint NOT NULL DEFAULT 604800000,
  keep_failed_count integer NOT NULL DEFAULT 10000,
  watched_until bigint NOT NULL DEFAULT 0,
  swept bigint NOT NULL DEFAULT 0,
  tidied bigint NOT NULL DEFAULT 0,
  lease_mark bigint NOT NULL DEFAULT 0,
  kept_mark bigint NOT NULL DEFAULT 0,
  ready_marks bigint[]
) WITH (fillfactor = 50);

-- Slots, so that calls of several connections do not wait for each other's commit; what is true is the sum.
CREATE TABLE @tally (
  queue integer NOT NULL,
  slot smallint NOT NULL,
  w bigint NOT NULL DEFAULT 0,
  s bigint NOT NULL DEFAULT 0,
  r bigint NOT NULL DEFAULT 0,
  p bigint NOT NULL DEFAULT 0,
  u bigint NOT NULL DEFAULT 0,
  c bigint NOT NULL DEFAULT 0,
  f bigint NOT NULL DEFAULT 0,
  x bigint NOT NULL DEFAULT 0,
  e bigint NOT NULL DEFAULT 0,
  kd bigint NOT NULL DEFAULT 0,
  kf bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (queue, slot)
) WITH (fillfactor = 20);

CREATE TABLE @job (
  seq bigint NOT NULL,
  created bigint NOT NULL,
  queue integer NOT NULL,
  priority smallint NOT NULL,
  id text COLLATE "C" NOT NULL,
  task text COLLATE "C" NOT NULL,
  encoding text NOT NULL,
  data text NOT NULL,
  headers text,
  due bigint,
  expires bigint,
  unique_ttl bigint,
  result_ttl bigint,
  barrier integer,
  max_recoveries integer,
  key text COLLATE "C",
  unique_key text COLLATE "C",
  unique_until text,
  notifies text COLLATE "C",
  depends text[],
  PRIMARY KEY (queue, id) WITH (fillfactor = 100)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE @job_state (
  stamp bigint,
  finished bigint,
  started bigint,
  keep_until bigint,
  run_at bigint,
  place bigint,
  queue integer NOT NULL,
  attempt integer NOT NULL DEFAULT 0,
  recoveries integer NOT NULL DEFAULT 0,
  deferrals integer NOT NULL DEFAULT 0,
  redrives integer NOT NULL DEFAULT 0,
  unmet integer NOT NULL DEFAULT 0,
  barrier_left integer NOT NULL DEFAULT 0,
  pins integer NOT NULL DEFAULT 0,
  c "char",
  kept boolean NOT NULL DEFAULT false,
  begun boolean NOT NULL DEFAULT false,
  cancel boolean NOT NULL DEFAULT false,
  counted boolean NOT NULL DEFAULT false,
  linked boolean NOT NULL DEFAULT false,
  lapsed boolean NOT NULL DEFAULT false,
  ttl_over boolean NOT NULL DEFAULT false,
  id text COLLATE "C" NOT NULL,
  result_encoding text,
  result text,
  error text,
  why text,
  reason text,
  replay text,
  PRIMARY KEY (queue, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX job_state_line ON @job_state (queue, c, kept, stamp) WHERE c IS NOT NULL;
CREATE INDEX job_state_until ON @job_state (queue, keep_until) WHERE keep_until IS NOT NULL;

-- Pending jobs, in few and narrow columns, as there may be millions. Those that a rule concerns have a section. Kinds:
-- p plain, l plain with a large body, n plain until its end, s has to be looked at (P, L, N and S below a mark); within
-- sections o open, w waits for an earlier one of its key.
CREATE TABLE @ready (
  place bigint NOT NULL,
  queue integer NOT NULL,
  np smallint NOT NULL,
  kind "char" NOT NULL,
  id text COLLATE "C" NOT NULL,
  section text COLLATE "C",
  key text COLLATE "C"
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX ready_free ON @ready (queue, np, place) WITH (fillfactor = 100) WHERE section IS NULL;
CREATE UNIQUE INDEX ready_below ON @ready ((queue::bigint), np, place) WHERE section IS NULL AND kind IN ('P', 'L', 'N', 'S');
CREATE UNIQUE INDEX ready_lane ON @ready (queue, kind, section, key, np, place) WHERE section IS NOT NULL;

-- A delivery is number and id: no job is given out twice in one call.
CREATE TABLE @lease (
  number bigint NOT NULL,
  until bigint NOT NULL,
  started bigint,
  queue integer NOT NULL,
  session integer NOT NULL,
  ordinal integer NOT NULL,
  began boolean NOT NULL,
  special boolean NOT NULL,
  id text COLLATE "C" NOT NULL,
  PRIMARY KEY (queue, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX lease_until ON @lease ((queue::bigint), until);

CREATE TABLE @delayed (
  queue integer NOT NULL,
  id text COLLATE "C" NOT NULL,
  due bigint NOT NULL,
  retry boolean NOT NULL,
  special boolean NOT NULL,
  PRIMARY KEY (queue, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX delayed_due ON @delayed ((queue::bigint), due);

CREATE TABLE @expiry (
  queue integer NOT NULL,
  at bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  PRIMARY KEY (queue, at, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);

-- The last call of each session: what came of it, and until when it is remembered. Pending jobs that it has stored and
-- that no counter knows of; none where the queue is bounded.
CREATE TABLE @call (
  queue integer NOT NULL,
  session text COLLATE "C" NOT NULL,
  no integer GENERATED ALWAYS AS IDENTITY,
  seq bigint NOT NULL DEFAULT -1,
  until bigint NOT NULL DEFAULT 0,
  seen_until bigint NOT NULL DEFAULT 0,
  stored bigint NOT NULL DEFAULT 0,
  number bigint,
  answer text,
  PRIMARY KEY (queue, session)
) WITH (fillfactor = 50);

CREATE TABLE @notice (
  queue integer NOT NULL,
  session integer NOT NULL,
  id text COLLATE "C" NOT NULL,
  PRIMARY KEY (queue, session, id)
);

CREATE TABLE @unique_key (
  queue integer NOT NULL,
  key text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  until text NOT NULL,
  ends bigint,
  PRIMARY KEY (queue, key)
);
CREATE INDEX unique_key_ends ON @unique_key (queue, ends) WHERE ends IS NOT NULL;

-- The unfinished jobs of each key, by acceptance.
CREATE TABLE @chain (
  queue integer NOT NULL,
  key text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  PRIMARY KEY (queue, key, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX chain_id ON @chain ((queue::bigint), id);

-- The lines of sections, levels and keys; one whose key may start nothing is not open.
CREATE TABLE @lane (
  queue integer NOT NULL,
  section text COLLATE "C" NOT NULL,
  np smallint NOT NULL,
  key text COLLATE "C" NOT NULL,
  open boolean NOT NULL,
  sort bigint NOT NULL,
  PRIMARY KEY (queue, section, np, key)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX lane_open ON @lane (queue, section, np, sort) WHERE open;
CREATE INDEX lane_shut ON @lane ((queue::bigint), key) WHERE NOT open;

-- Valid leases of limited tasks (t:) and keys (k:).
CREATE TABLE @gauge (
  queue integer NOT NULL,
  name text COLLATE "C" NOT NULL,
  n integer NOT NULL,
  PRIMARY KEY (queue, name)
);
-- A bucket is the instant at which it is full again.
CREATE TABLE @queue_bucket (
  queue integer NOT NULL,
  name text COLLATE "C" NOT NULL,
  full_at double precision NOT NULL,
  PRIMARY KEY (queue, name)
);
CREATE TABLE @refill (
  queue integer NOT NULL,
  key text COLLATE "C" NOT NULL,
  at double precision NOT NULL,
  PRIMARY KEY (queue, key)
);
CREATE INDEX refill_at ON @refill ((queue::bigint), at);

-- Who depends on whom, whose records are kept for whom, and what is still to be carried on.
CREATE TABLE @edge (
  queue integer NOT NULL,
  on_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  PRIMARY KEY (queue, on_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
CREATE TABLE @pin (
  queue integer NOT NULL,
  owner text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  PRIMARY KEY (queue, owner, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);
CREATE TABLE @release (
  queue integer NOT NULL,
  n bigint GENERATED ALWAYS AS IDENTITY,
  kind "char" NOT NULL,
  id text COLLATE "C" NOT NULL,
  PRIMARY KEY (queue, n)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE @letter_count (
  queue integer NOT NULL,
  task text COLLATE "C" NOT NULL,
  n bigint NOT NULL,
  PRIMARY KEY (queue, task)
);

-- What transactions of callers brought, applied by the first call that sees it.
CREATE TABLE @note (
  queue integer NOT NULL,
  n bigint GENERATED ALWAYS AS IDENTITY,
  kind "char" NOT NULL,
  id text COLLATE "C" NOT NULL,
  number bigint,
  settlement json,
  PRIMARY KEY (queue, n)
);
`;
