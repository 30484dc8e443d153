/**
 * What the store adds to a job's content: at its end, of fixed width, the priority in two decimal digits, the instant of
 * acceptance in eleven of base 16, and the place in twelve, so many that no queue runs out of them. Places take the order
 * of acceptance; 0 is none yet.
 */
export const TAIL_BYTES = 25;
const INSTANT_DIGITS = 11;
const PLACE_DIGITS = 12;

/** Take the parts of a tail out of the text `record`. */
export const PRIORITY_OF = "tonumber(string.sub(record, -25, -24))";
export const INSTANT_OF = "tonumber(string.sub(record, -23, -13), 16)";
export const PLACE_OF = "tonumber(string.sub(record, -12), 16)";
/** What stands before the place. */
export const BEFORE_PLACE = "string.sub(record, 1, -13)";

/** Formats of the instant and the place. */
export const INSTANT_FORMAT = `%0${INSTANT_DIGITS}x`;
export const PLACE_FORMAT = `%0${PLACE_DIGITS}x`;

/** What a tail says of its job. @param stored a record. */
export function tailOf(stored: string): { readonly priority: number; readonly createdAt: number } {
  const at = stored.length - TAIL_BYTES;
  return {
    priority: Number(stored.slice(at, at + 2)),
    createdAt: Number.parseInt(stored.slice(at + 2, at + 2 + INSTANT_DIGITS), 16),
  };
}
