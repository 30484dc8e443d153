import { systemClock } from "@lexigram/contracts";
import { openDatabase } from "./connection/open-database.ts";
import { migrate } from "./migrations/migrate.ts";
import { MIGRATION_STEPS } from "./migrations/migration-steps.ts";
import { StoredSchema } from "./migrations/stored-schema.ts";
import { connectionOptions, type PostgresBackendOptions, schemaOf } from "./postgres-backend-options.ts";

/**
 * Creates the schema, and brings what is stored in it up to this version of the package. Backends do the same when they
 * are first used; call it where their role may not, as a role that may, before they start. May run any number of times,
 * and in many processes at once.
 *
 * @param options as those of {@link postgresBackend}.
 * @returns the version of the layout that is stored now.
 * @throws TaskConfigError for options as those of a backend, when the role may not, and when a newer version of the
 *   package has left a layout that this one does not know; QueueUnavailableError when the server cannot be reached.
 */
export async function migratePostgres(options: PostgresBackendOptions): Promise<number> {
  const checked = connectionOptions("migratePostgres", options, { others: ["schema"] });
  const schema = schemaOf(options.schema);
  const database = openDatabase(checked);
  try {
    await new StoredSchema({ database, schema, clock: options.clock ?? systemClock }).ensure();
    return (await migrate(database, schema, MIGRATION_STEPS)).version;
  } finally {
    await database.close();
  }
}
