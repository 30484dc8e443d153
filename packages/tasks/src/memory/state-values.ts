import { type JsonValue, TaskValidationError } from "@lexigram/contracts";

const MAX_DEPTH = 200;

/** Refuses a call's argument. */
export function refuse(path: string, message: string, subject = "a call of the state store"): never {
  throw new TaskValidationError({ subject, issues: [{ path, message }] });
}

/**
 * A frozen copy of a value, as JSON would keep it: members that are `undefined` are left out, `-0` is 0.
 *
 * @param path names the value in the error.
 * @throws TaskValidationError for what JSON cannot hold, and for nesting deeper than 200.
 */
export function frozenCopy(value: unknown, path: string): JsonValue {
  return copy(value, path, 0);
}

function copy(value: unknown, path: string, depth: number): JsonValue {
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) refuse(path, `${value} has no form in JSON`);
    return value === 0 ? 0 : value;
  }
  if (typeof value !== "object") refuse(path, `a value of type ${typeof value} has no form in JSON`);
  if (value === null) return null;
  if (depth >= MAX_DEPTH) refuse(path, `nested deeper than ${MAX_DEPTH}`);
  if (Array.isArray(value))
    return Object.freeze(Array.from(value, (item: unknown, i) => copy(item, `${path}.${i}`, depth + 1)));
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm have a prototype of their own whose prototype is null.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    refuse(path, "an instance of a class is not plain data");
  const result: Record<string, JsonValue> = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const kept = copy(member, `${path}.${name}`, depth + 1);
    if (name === "__proto__") Object.defineProperty(result, name, { value: kept, enumerable: true });
    else result[name] = kept;
  }
  return Object.freeze(result);
}
