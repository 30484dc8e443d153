import { createHash } from "node:crypto";

/**
 * The channel on which something is told: of a fixed length below the 63 bytes that PostgreSQL has for a name, whatever
 * the parts are.
 *
 * @param parts such as the schema, what it is about, and its name.
 */
export function channelOf(...parts: readonly string[]): string {
  return `lexigram_${createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 40)}`;
}
