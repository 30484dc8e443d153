import type { SchemaName } from "./schema-name.ts";

/**
 * A text of SQL made of parts that nobody from outside has written: schemas that have been judged, numbers, other SQL.
 * Values of callers never stand in it; they go as parameters.
 */
export function sql(
  texts: TemplateStringsArray,
  ...parts: readonly (SchemaName | string | number)[]
): string {
  return texts.reduce((text, next, i) => text + String(parts[i - 1]) + next);
}
