import { QueueUnavailableError, TaskConfigError } from "@lexigram/contracts";
import type { Database, Session } from "../connection/database.ts";
import { isCode } from "../connection/refusals.ts";
import { LONGEST_IDLE_IN_TRANSACTION_MS } from "../connection/session-settings.ts";
import { Statement } from "../connection/statement.ts";
import type { MigrationStep } from "./migration-step.ts";
import type { SchemaName } from "./schema-name.ts";
import { sql } from "./sql.ts";

/** What is stored: the version of its layout, and the oldest that a process must know to use it. */
export interface StoredLayout {
  readonly version: number;
  readonly oldest: number;
}

const NOTHING: StoredLayout = { version: 0, oldest: 0 };
const SUBJECT = "migrations";

/** Others wait this long for who migrates. */
const LONGEST_STEP_MS = 60_000;

const LOCK = new Statement("SELECT pg_advisory_xact_lock($1::bigint) IS NULL AS locked");
const HAS_SCHEMA = new Statement("SELECT to_regnamespace($1::text) IS NOT NULL AS there");
const HAS_LAYOUT = new Statement("SELECT to_regclass($1::text) IS NOT NULL AS there");

function readingOf(schema: SchemaName): Statement {
  return new Statement(sql`SELECT version, oldest FROM ${schema}.layout`);
}

/**
 * Reads what is stored.
 *
 * @throws TaskConfigError when the role may not see it, or the table of that name is another's.
 */
export async function readLayout(database: Database, schema: SchemaName): Promise<StoredLayout> {
  try {
    const [row] = await database.run(readingOf(schema), [], { subject: SUBJECT });
    return (row as StoredLayout | undefined) ?? NOTHING;
  } catch (error) {
    // No such table, no such schema.
    if (isCode(error, "42P01", "3F000")) return NOTHING;
    throw explained(error, schema);
  }
}

/**
 * Brings what is stored up to the last step, and creates the schema where there is none. Any number of processes may do
 * so at once: one of them does each step, the others wait for it.
 *
 * @throws TaskConfigError when the role may not create what is needed.
 */
export async function migrate(
  database: Database,
  schema: SchemaName,
  steps: readonly MigrationStep[],
): Promise<StoredLayout> {
  const options = { subject: SUBJECT, timeoutMs: LONGEST_STEP_MS + 5_000 };
  try {
    for (;;) {
      const [stored, more] = await database.transaction(options, (session) =>
        nextStep(session, schema, steps),
      );
      if (!more) return stored;
    }
  } catch (error) {
    throw explained(error, schema);
  }
}

/** @returns what is stored then, and whether there may be another step. */
async function nextStep(
  session: Session,
  schema: SchemaName,
  steps: readonly MigrationStep[],
): Promise<readonly [StoredLayout, more: boolean]> {
  await session.execute(
    `SET LOCAL statement_timeout = ${LONGEST_STEP_MS};
     SET LOCAL idle_in_transaction_session_timeout = ${LONGEST_IDLE_IN_TRANSACTION_MS};
     SET LOCAL client_min_messages = warning`,
  );
  await session.run(LOCK, [schema.lockNumber("migrations")]);
  // CREATE SCHEMA IF NOT EXISTS asks for the right to create one also where it exists.
  if (!(await there(session, HAS_SCHEMA, String(schema))))
    await session.execute(sql`CREATE SCHEMA ${schema}`);
  if (!(await there(session, HAS_LAYOUT, sql`${schema}.layout`)))
    await session.execute(sql`CREATE TABLE ${schema}.layout (
      one boolean PRIMARY KEY DEFAULT true CHECK (one),
      version integer NOT NULL,
      oldest integer NOT NULL,
      changed_at timestamptz NOT NULL DEFAULT now()
    )`);
  const [row] = await session.run(readingOf(schema), []);
  const stored = (row as StoredLayout | undefined) ?? NOTHING;
  const step = steps.find(({ version }) => version > stored.version);
  if (step === undefined) return [stored, false];
  const { version, oldest } = step;
  await session.execute(step.sql(schema));
  await session.execute(
    sql`INSERT INTO ${schema}.layout (version, oldest) VALUES (${version}, ${oldest})
     ON CONFLICT (one) DO UPDATE SET version = excluded.version, oldest = excluded.oldest, changed_at = now()`,
  );
  return [{ version, oldest }, step !== steps.at(-1)];
}

async function there(session: Session, statement: Statement, name: string): Promise<boolean> {
  const [row] = await session.run(statement, [name]);
  return row?.["there"] === true;
}

/** A role that lacks a right is told which. */
function explained(error: unknown, schema: SchemaName): unknown {
  const cause = error instanceof QueueUnavailableError ? error.cause : error;
  if (isCode(cause, "42501"))
    return new TaskConfigError(
      `the role may not create or use what tasks need: ${(cause as Error).message}`,
      { path: "schema" },
      {
        hint:
          `run migratePostgres as a role that may, then GRANT USAGE ON SCHEMA ${schema.name} and all on its tables and ` +
          `sequences; or CREATE SCHEMA ${schema.name} AUTHORIZATION this role`,
        cause,
      },
    );
  if (isCode(cause, "42703", "42P07", "42710"))
    return new TaskConfigError(
      `the schema "${schema.name}" holds something of another program: ${(cause as Error).message}`,
      { path: "schema" },
      { hint: "give the tasks a schema of their own", cause },
    );
  return error;
}
