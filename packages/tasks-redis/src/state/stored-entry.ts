import type { JsonValue, StateEntry } from "@lexigram/contracts";
import { fromOrderedText } from "./ordered-text.ts";

/** An entry as scripts answer it: version, microseconds left (-1: for ever), value. */
export type EntryReply = readonly [version: number, left: number, json: string];

/** @param key as the caller knows it. */
export function readEntry(key: string, [version, left, json]: EntryReply): StateEntry {
  const value = JSON.parse(json) as JsonValue;
  return left < 0 ? { key, value, version } : { key, value, version, expiresInMs: left / 1_000 };
}

/** The entries of a flat listing of stored key, version, microseconds left and value in turn. */
export function readEntries(flat: readonly (string | number)[]): StateEntry[] {
  const entries: StateEntry[] = [];
  for (let i = 0; i < flat.length; i += 4) {
    const [key, ...reply] = flat.slice(i, i + 4) as [string, ...EntryReply];
    entries.push(readEntry(fromOrderedText(key), reply));
  }
  return entries;
}
