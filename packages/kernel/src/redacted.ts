import { isSecretName, redact, serializeError } from "@lexigram/contracts";

const HIDDEN = "***";
const MAX_DEPTH = 8;
const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/**
 * A copy that may be shown: plain data, without values whose name says that they are secret, and without credentials
 * inside texts. Takes anything, also what refers to itself; nesting is cut at 8.
 */
export function redacted(value: unknown): unknown {
  return copy(value, []);
}

function copy(value: unknown, above: readonly object[]): unknown {
  if (typeof value === "string") return redact(value);
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  if (typeof value === "function") return `[function ${value.name}]`;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return serializeError(value);
  if (above.includes(value)) return "[circular]";
  if (above.length >= MAX_DEPTH) return "[…]";
  const path = [...above, value];
  const { toJSON } = value as { readonly toJSON?: unknown };
  // A plain object's own toJSON is the one that shield put there, and would lead back here.
  if (typeof toJSON === "function" && !isPlain(value)) return copy(toJSON.call(value), path);
  if (Array.isArray(value)) return value.map((item) => copy(item, path));
  if (value instanceof Map)
    return copy(Object.fromEntries([...value].map(([key, item]) => [String(key), item])), path);
  if (value instanceof Set) return [...value].map((item) => copy(item, path));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, isSecret(key, item) ? HIDDEN : copy(item, path)]),
  );
}

const isSecret = (key: string, value: unknown): boolean =>
  isSecretName(key) && value !== undefined && value !== null && typeof value !== "boolean";

/**
 * Makes plain objects show themselves without secrets to `JSON.stringify` and `console.log`; reading their fields
 * still gives the values. Changes the objects given and returns them; objects of classes are left alone.
 */
export function shield<T>(value: T): T {
  if (Array.isArray(value)) for (const item of value) shield(item);
  if (!isPlain(value)) return value;
  for (const item of Object.values(value)) shield(item);
  const show = (): unknown => redacted(value);
  for (const key of ["toJSON", INSPECT])
    if (!Object.hasOwn(value, key) && Object.isExtensible(value))
      Object.defineProperty(value, key, { value: show, enumerable: false, configurable: true });
  return value;
}

/** Whether a value is an object literal, as opposed to an array or an instance of a class. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
