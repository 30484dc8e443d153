import { types } from "node:util";
import type { ValidationIssue } from "@lexigram/contracts";

/**
 * Whether a value is made of what JSON can hold, as far as a quick look can tell. `undefined` passes: JSON leaves the
 * field out. False means "look closely", with {@link dataIssue}.
 *
 * @param depth how many levels of arrays and objects are allowed.
 */
export function looksLikeData(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return true;
    case "number":
      return value - value === 0;
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth === 0) return false;
  if (Array.isArray(value)) {
    for (const item of value) if (!looksLikeData(item, depth - 1)) return false;
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value)
    if (!looksLikeData((value as Record<string, unknown>)[key], depth - 1)) return false;
  return true;
}

export const TOO_DEEP = "it is nested too deep";
export const NEST_LESS = "nest less deeply, or raise maxDepth";

/** Objects that JSON writes as `{}`, or not at all, so that what is in them would vanish. */
const OPAQUE = [
  Map,
  Set,
  WeakMap,
  WeakSet,
  WeakRef,
  Promise,
  RegExp,
  Error,
  ArrayBuffer,
  SharedArrayBuffer,
  DataView,
] as const;

/**
 * What keeps a value from being written as JSON with at most `levels` of arrays and objects, and where; `undefined`
 * when nothing does. Dates and whatever else has
 * a `toJSON` count as what that returns; other class instances as their own fields.
 */
export function dataIssue(value: unknown, levels: number): ValidationIssue | undefined {
  return issueIn(value, levels, [], new Set());
}

function issueIn(
  value: unknown,
  levels: number,
  path: string[],
  above: Set<object>,
): ValidationIssue | undefined {
  const issue = (message: string): ValidationIssue => ({ path: path.join("."), message });
  const own = value !== null && value !== undefined ? (value as { toJSON?: unknown }).toJSON : undefined;
  if (typeof own === "function") {
    if (types.isDate(value) && Number.isNaN(value.getTime())) return issue("an invalid Date is no data");
    const written: unknown = own.call(value, path.at(-1) ?? "");
    if (written !== value) return issueIn(written, levels, path, above);
  }
  switch (typeof value) {
    case "function":
      return issue("a function is no data");
    case "symbol":
      return issue("a symbol is no data");
    case "bigint":
      return issue("JSON cannot hold a bigint; pass it as text");
    case "number":
      return Number.isFinite(value) ? undefined : issue(`JSON cannot hold ${value}`);
    case "object":
      break;
    default:
      return undefined;
  }
  if (value === null) return undefined;
  if (above.has(value)) return issue("it contains itself");
  if (path.length >= levels) return issue(TOO_DEEP);
  const opaque = OPAQUE.find((type) => value instanceof type);
  if (opaque !== undefined || ArrayBuffer.isView(value))
    return issue(`JSON cannot hold a ${value.constructor.name}; pass its contents as plain data`);
  above.add(value);
  const entries: Iterable<[number | string, unknown]> = Array.isArray(value)
    ? value.entries()
    : Object.entries(value);
  for (const [key, item] of entries) {
    path.push(String(key));
    const found = issueIn(item, levels, path, above);
    if (found !== undefined) return found;
    path.pop();
  }
  above.delete(value);
  return undefined;
}

/** Whether arrays and objects are nested deeper than `depth` levels. Only for values without cycles. */
export function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depth === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isDeeperThan(item, depth - 1));
  for (const key in value) if (isDeeperThan((value as Record<string, unknown>)[key], depth - 1)) return true;
  return false;
}

/** Removes every `__proto__` key: as an own field it is harmless until somebody copies it with an assignment. */
export function dropPrototypeKeys(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  if (Object.hasOwn(value, "__proto__")) Reflect.deleteProperty(value, "__proto__");
  for (const item of Object.values(value)) dropPrototypeKeys(item);
}
