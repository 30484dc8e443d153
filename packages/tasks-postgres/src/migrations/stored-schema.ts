import { type Clock, TaskConfigError } from "@lexigram/contracts";
import type { Database, RunOptions } from "../connection/database.ts";
import type { Row } from "../connection/pg-clients.ts";
import { isCode, unavailable } from "../connection/refusals.ts";
import { Statement } from "../connection/statement.ts";
import type { MigrationStep } from "./migration-step.ts";
import { MIGRATION_STEPS } from "./migration-steps.ts";
import { migrate, readLayout } from "./migrate.ts";
import type { SchemaName } from "./schema-name.ts";
import { sql } from "./sql.ts";

/** A process that runs for long sees within this time that another one has migrated what is stored. */
const CHECK_EVERY_MS = 60_000;

export interface StoredSchemaOptions {
  readonly database: Database;
  readonly schema: SchemaName;
  readonly clock: Clock;
  /** Default: all that this version of the package knows. */
  readonly steps?: readonly MigrationStep[];
}

/**
 * A schema whose layout this process knows. It is migrated at the first call, and looked at once a minute; queue and
 * state store call the functions in it through here.
 */
export class StoredSchema {
  readonly database: Database;
  readonly name: SchemaName;
  readonly #clock: Clock;
  readonly #steps: readonly MigrationStep[];
  #goodUntil = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | undefined;

  constructor({ database, schema, clock, steps = MIGRATION_STEPS }: StoredSchemaOptions) {
    this.database = database;
    this.name = schema;
    this.#clock = clock;
    this.#steps = steps;
  }

  /**
   * A call of one of its functions, to be made once and kept.
   *
   * @param parameters how many it takes.
   */
  call(name: string, parameters: number): Statement {
    const values = Array.from({ length: parameters }, (_, i) => `$${i + 1}`);
    return new Statement(sql`SELECT * FROM ${this.name}.${name}(${values.join(", ")})`);
  }

  /**
   * As {@link Database.run}, when the layout is known.
   *
   * @throws TaskConfigError besides, when the layout is newer than this process, or the role may not migrate it.
   */
  async run(statement: Statement, values: readonly unknown[], options: RunOptions): Promise<readonly Row[]> {
    const checking = this.ensure();
    if (checking !== undefined) await checking;
    try {
      return await this.database.run(statement, values, options);
    } catch (error) {
      // Somebody has dropped the schema, or restored an older one: the next call begins with a look.
      if (!isCode(error, "42P01", "3F000", "42883")) throw error;
      this.#goodUntil = Number.NEGATIVE_INFINITY;
      throw unavailable(options.subject, { accepted: "no", retryable: true }, error);
    }
  }

  /**
   * Looks at the layout and migrates it where it is older. Concurrent calls share a look; a call within a minute of the
   * last one does nothing.
   *
   * @returns what to wait for, if anything.
   */
  ensure(): Promise<void> | undefined {
    if (this.#clock.monotonic() < this.#goodUntil) return undefined;
    this.#checking ??= this.#check().finally(() => (this.#checking = undefined));
    return this.#checking;
  }

  async #check(): Promise<void> {
    const { database, name } = this;
    const known = this.#steps.at(-1)?.version ?? 0;
    let stored = await readLayout(database, name);
    if (stored.version < known) stored = await migrate(database, name, this.#steps);
    if (stored.oldest > known)
      throw new TaskConfigError(
        `the schema "${name.name}" is stored in layout ${stored.version}; this process knows layout ${known}`,
        { path: "schema" },
        { hint: "upgrade @lexigram/tasks-postgres in this process, or give it a schema of its own" },
      );
    this.#goodUntil = this.#clock.monotonic() + CHECK_EVERY_MS;
  }
}
