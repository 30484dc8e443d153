import { createHash } from "node:crypto";
import { toOrderedText } from "../connection/ordered-text.ts";

const LONGEST_BYTES = 1_000;

/**
 * A text that stands for another in an index that holds several, which must be short: it is the text itself as it is
 * stored, unless that is long; then it is its hash.
 */
export function toShortText(text: string): string {
  const stored = toOrderedText(text);
  if (Buffer.byteLength(stored) <= LONGEST_BYTES) return stored;
  return `sha256:${createHash("sha256").update(stored).digest("hex")}`;
}
