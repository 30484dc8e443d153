import type { JsonValue, StateEntry } from "@lexigram/contracts";
import type { Row } from "../connection/pg-clients.ts";

/**
 * An entry as functions answer it: `value` in JSON, `version`, and `left_ms` until it ends, NULL for never.
 *
 * @param key as the caller knows it.
 */
export function readEntry(key: string, row: Row): StateEntry {
  const value = JSON.parse(String(row["value"])) as JsonValue;
  const version = Number(row["version"]);
  const left = row["left_ms"] as number | null;
  return left === null ? { key, value, version } : { key, value, version, expiresInMs: left };
}
