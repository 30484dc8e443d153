import type { JsonValue, StateEntry } from "@lexigram/contracts";
import { fromOrderedText } from "./ordered-text.ts";

/** An entry as scripts answer it: the text that is stored, and the server's time in microseconds. */
export type EntryReply = readonly [text: string, now: number];

/**
 * Takes apart the text `<version> <deadline> <json>`; the deadline is in microseconds, 0 is never.
 *
 * @param key as the caller knows it.
 */
export function readEntry(key: string, [text, now]: EntryReply): StateEntry {
  const afterVersion = text.indexOf(" ");
  const afterDeadline = text.indexOf(" ", afterVersion + 1);
  const version = Number(text.slice(0, afterVersion));
  const deadline = Number(text.slice(afterVersion + 1, afterDeadline));
  const value = JSON.parse(text.slice(afterDeadline + 1)) as JsonValue;
  return deadline === 0
    ? { key, value, version }
    : { key, value, version, expiresInMs: (deadline - now) / 1_000 };
}

/** The entries of a flat listing of stored key and text in turn. */
export function readEntries(flat: readonly string[], now: number): StateEntry[] {
  const entries: StateEntry[] = [];
  for (let i = 0; i < flat.length; i += 2)
    entries.push(readEntry(fromOrderedText(flat[i] as string), [flat[i + 1] as string, now]));
  return entries;
}
