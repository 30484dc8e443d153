import { createHash } from "node:crypto";

const DIGEST = 32;

/** JSON of a value with the members of each object in one order, so that equal values give equal texts. */
function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_name, member: unknown) => {
      if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
      return Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
    }) ?? "undefined"
  );
}

/** A short name of a value: equal values have the same, others have another one, unless 128 bits agree. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, DIGEST);
}
