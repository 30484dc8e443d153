import { FUNCTION_SETTINGS } from "../../connection/session-settings.ts";
import type { SchemaName } from "../../migrations/schema-name.ts";
import { WAITED_FOR_MS } from "./retention.ts";

/**
 * Writes names and constants into a text of SQL: `@name` is a table of the schema, `@@name` a function or type of the
 * queues, `#settings` the clauses of functions that are called from outside, `#lock`, `#trim` and `#open` the first
 * numbers of the locks of queues, of their trimming, and of transactions of callers (the second is the queue's).
 */
export function named(sql: string, schema: SchemaName): string {
  const lockOf = (about: string): string => String(BigInt.asIntN(32, BigInt(schema.lockNumber(about))));
  const constants: Readonly<Record<string, string>> = {
    lock: lockOf("queues"),
    trim: lockOf("trimming"),
    open: lockOf("transactions"),
    waited: String(WAITED_FOR_MS),
    settings: FUNCTION_SETTINGS,
  };
  const own = String(schema);
  return sql
    .replace(/@@([a-z_]+)/g, (_, name: string) => `${own}.queue_${name}`)
    .replace(/@([a-z_]+)/g, (_, name: string) => `${own}.${name}`)
    .replace(/#([a-z_]+)/g, (whole, name: string) => constants[name] ?? whole);
}
