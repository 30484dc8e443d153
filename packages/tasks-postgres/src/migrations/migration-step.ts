import type { SchemaName } from "./schema-name.ts";

/**
 * One change of what is stored. Steps are applied in the order of their versions, each in a transaction of its own.
 *
 * A step that has been released never changes: what comes after it is another step. Versions of the code run side by
 * side, so a step leaves in place what older code calls. A function that takes or answers something else gets another
 * name; one that keeps both may be replaced, and older code then runs the newer body.
 */
export interface MigrationStep {
  /** Whole numbers from 1, without gaps. */
  readonly version: number;
  /** The oldest version that a process must know to use what is stored after this step. */
  readonly oldest: number;
  /** Any number of statements, that name every table and function with `schema`; see {@link sql}. */
  sql(schema: SchemaName): string;
}
