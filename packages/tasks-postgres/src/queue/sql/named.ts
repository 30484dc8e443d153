import { FUNCTION_SETTINGS } from "../../connection/session-settings.ts";
import type { SchemaName } from "../../migrations/schema-name.ts";
import { WAITED_FOR_MS } from "./retention.ts";

/** Bytes from which on a claim is not given out without a look at the size of its bodies. */
const LARGE_BODY = 4_000;

/** What tests set otherwise. */
export interface QueueConstants {
  /** Entries of an index before the first job from which on it pays to write down where its line begins. */
  readonly manyDead: number;
  /** Milliseconds between two looks for what only time brings. */
  readonly sweepMs: number;
}

export const QUEUE_CONSTANTS: QueueConstants = { manyDead: 2_000, sweepMs: 500 };

/**
 * Writes names and constants into a text of SQL: `@name` is a table of the schema, `@@name` a function or type of the
 * queues, `#settings` the clauses of functions that are called from outside, `#large` the size of a large body, `#many_dead` and `#sweep_ms` as in {@link QueueConstants}, `#lock`, `#claim`, `#trim` and
 * `#open` the first numbers of the locks of queues, of taking jobs from them, of their trimming, and of transactions of
 * callers (the second is the queue's).
 */
export function named(
  sql: string,
  schema: SchemaName,
  { manyDead, sweepMs }: QueueConstants = QUEUE_CONSTANTS,
): string {
  const lockOf = (about: string): string => String(BigInt.asIntN(32, BigInt(schema.lockNumber(about))));
  const constants: Readonly<Record<string, string>> = {
    lock: lockOf("queues"),
    claim: lockOf("claims"),
    trim: lockOf("trimming"),
    open: lockOf("transactions"),
    waited: String(WAITED_FOR_MS),
    large: String(LARGE_BODY),
    many_dead: String(manyDead),
    sweep_ms: String(sweepMs),
    settings: FUNCTION_SETTINGS,
  };
  const own = String(schema);
  return sql
    .replace(/@@([a-z_]+)/g, (_, name: string) => `${own}.queue_${name}`)
    .replace(/@([a-z_]+)/g, (_, name: string) => `${own}.${name}`)
    .replace(/#([a-z_]+)/g, (whole, name: string) => constants[name] ?? whole);
}
