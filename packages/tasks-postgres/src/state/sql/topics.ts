import { FUNCTION_SETTINGS } from "../../connection/session-settings.ts";
import type { SchemaName } from "../../migrations/schema-name.ts";
import { sql } from "../../migrations/sql.ts";

/**
 * Topics. A message is the text of a notification. What is too long for one is stored, and the notification tells where.
 * Behind a pooler nobody can listen: those who poll say so, and while any does, every message is stored, for a minute.
 *
 * Messages of one topic are stored one after the other, so that a poll that has seen one has seen all before it. Nothing
 * here outlives a crash of the server for sure: a message is a hint, so its commit does not wait for the disk.
 */
export const topicsSql = (schema: SchemaName): string => sql`
CREATE TABLE ${schema}.state_message (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text COLLATE "C" NOT NULL,
  body text NOT NULL,
  ends timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX state_message_topic ON ${schema}.state_message (topic, id);
CREATE INDEX state_message_ends ON ${schema}.state_message (ends);

CREATE TABLE ${schema}.state_poller (
  poller text COLLATE "C" PRIMARY KEY,
  ends timestamptz NOT NULL
);
CREATE INDEX state_poller_ends ON ${schema}.state_poller (ends);

CREATE FUNCTION ${schema}.state_publish(of_topic text, channel text, message text) RETURNS void
LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $$
DECLARE
  moment timestamptz := clock_timestamp();
  long boolean := octet_length(message) > 7900;
  place bigint;
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  IF long OR EXISTS (SELECT FROM ${schema}.state_poller p WHERE p.ends > moment) THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(of_topic, ${schema.lockNumber("state topics")}));
    INSERT INTO ${schema}.state_message AS m (topic, body, ends)
      VALUES (of_topic, message, moment + interval '1 minute') RETURNING m.id INTO place;
    DELETE FROM ${schema}.state_message WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM ${schema}.state_message WHERE ends <= moment ORDER BY ends LIMIT 8 FOR UPDATE SKIP LOCKED));
  END IF;
  -- No JSON begins with this sign.
  PERFORM pg_notify(channel, CASE WHEN long THEN '#' || place ELSE message END);
END $$;

CREATE FUNCTION ${schema}.state_message_body(place bigint, OUT body text)
LANGUAGE plpgsql STABLE ${FUNCTION_SETTINGS} AS $$
BEGIN
  SELECT m.body INTO body FROM ${schema}.state_message m WHERE m.id = place;
END $$;

CREATE FUNCTION ${schema}.state_announce_poller(of_poller text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  moment timestamptz := clock_timestamp();
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);
  INSERT INTO ${schema}.state_poller AS p (poller, ends) VALUES (of_poller, moment + interval '30 seconds')
    ON CONFLICT (poller) DO UPDATE SET ends = excluded.ends WHERE p.ends < moment + interval '15 seconds';
  DELETE FROM ${schema}.state_poller WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ${schema}.state_poller WHERE ends <= moment ORDER BY ends LIMIT 8 FOR UPDATE SKIP LOCKED));
END $$;

-- Says that somebody polls. Answers the last message of a topic, from which on it polls.
CREATE FUNCTION ${schema}.state_begin_poll(of_poller text, of_topic text, OUT last bigint)
LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $$
BEGIN
  PERFORM ${schema}.state_announce_poller(of_poller);
  SELECT coalesce(max(m.id), 0) INTO last FROM ${schema}.state_message m WHERE m.topic = of_topic;
END $$;

-- What each topic was told since, up to so many messages.
CREATE FUNCTION ${schema}.state_poll(of_poller text, topics text[], after bigint[], most integer)
RETURNS TABLE (topic text, id bigint, body text) LANGUAGE plpgsql ${FUNCTION_SETTINGS} AS $$
BEGIN
  PERFORM ${schema}.state_announce_poller(of_poller);
  RETURN QUERY SELECT t.topic, m.id, m.body FROM unnest(topics, after) AS t(topic, last)
    CROSS JOIN LATERAL (SELECT s.id, s.body FROM ${schema}.state_message s
      WHERE s.topic = t.topic AND s.id > t.last ORDER BY s.id LIMIT most) m;
END $$;
`;
