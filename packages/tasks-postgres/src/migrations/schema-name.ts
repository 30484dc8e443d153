import { createHash } from "node:crypto";
import { TaskConfigError } from "@lexigram/contracts";

const NAME = /^[a-z_][a-z0-9_]{0,62}$/;

/** A schema that has been judged, ready to stand in SQL: sql`SELECT … FROM ${schema}.table`. */
export class SchemaName {
  readonly name: string;

  /** @throws TaskConfigError for a name outside the allow-list, and for schemas that are others'. */
  constructor(name: unknown) {
    if (typeof name !== "string" || !NAME.test(name))
      throw new TaskConfigError(
        `${JSON.stringify(name) ?? String(name)} is no schema`,
        { path: "schema" },
        { hint: "use 1 to 63 small letters, digits and underscores, a letter or underscore first" },
      );
    if (name.startsWith("pg_") || name === "information_schema" || name === "public")
      throw new TaskConfigError(
        `the schema "${name}" is not for tasks alone`,
        { path: "schema" },
        { hint: "give the tasks a schema of their own, such as lexigram" },
      );
    this.name = name;
  }

  toString(): string {
    return `"${this.name}"`;
  }

  /** A number for advisory locks about something in this schema, as text: locks are shared by the whole database. */
  lockNumber(about: string): string {
    const digest = createHash("sha256").update(`lexigram/${this.name}/${about}`).digest();
    return digest.readBigInt64BE().toString();
  }
}
