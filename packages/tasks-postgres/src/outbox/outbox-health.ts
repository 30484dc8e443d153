import type { Database } from "../connection/database.ts";
import { Statement } from "../connection/statement.ts";
import type { SchemaName } from "../migrations/schema-name.ts";
import { sql } from "../migrations/sql.ts";

/** Where the outboxes of a schema stand. */
export interface OutboxHealth {
  /** Jobs that are not delivered, 10,000 at most. */
  readonly waiting: number;
  /** How long the oldest of them has waited. */
  readonly oldestMs: number;
  /** Jobs that nobody took. */
  readonly refused: number;
}

const LONG_WAIT_MS = 60_000;
const statements = new WeakMap<SchemaName, Statement>();

function statementOf(schema: SchemaName): Statement {
  let statement = statements.get(schema);
  if (statement === undefined) {
    const text = sql`SELECT
      (SELECT count(*) FROM (SELECT FROM ${schema}.outbox LIMIT 10000) o)::integer AS waiting,
      (SELECT coalesce(max(date_part('epoch', clock_timestamp()) * 1000 - o.added), 0) FROM ${schema}.outbox_route r
        CROSS JOIN LATERAL (SELECT added FROM ${schema}.outbox WHERE route = r.route ORDER BY n LIMIT 1) o)::float8 AS oldest,
      (SELECT count(*) FROM ${schema}.outbox_refused)::integer AS refused
      WHERE EXISTS (SELECT FROM ${schema}.outbox_route)`;
    statements.set(schema, (statement = new Statement(text)));
  }
  return statement;
}

/** @returns nothing where the schema has no outbox. @throws as {@link Database.run}. */
export async function outboxHealth(
  database: Database,
  schema: SchemaName,
): Promise<OutboxHealth | undefined> {
  const [row] = await database.run(statementOf(schema), [], { subject: "health" });
  if (row === undefined) return undefined;
  return {
    waiting: Number(row["waiting"]),
    oldestMs: Math.max(0, Math.round(Number(row["oldest"]))),
    refused: Number(row["refused"]),
  };
}

/** What of it is too much, in words. */
export function outboxWarnings({ oldestMs, refused }: OutboxHealth): readonly string[] {
  const warnings: string[] = [];
  if (oldestMs > LONG_WAIT_MS)
    warnings.push(
      `jobs of an outbox have waited for ${Math.round(oldestMs / 1_000)} s: its queue is full or away, or no application runs that names both`,
    );
  if (refused > 0)
    warnings.push(`${refused} jobs of outboxes were taken by nobody: see the table outbox_refused`);
  return warnings;
}
