import { inspect, isDeepStrictEqual } from "node:util";

/** Where a value differs from what was expected, in words: `items.0.price: expected 5, found 7`. */
export type Difference = string;

interface Matcher {
  asymmetricMatch(value: unknown): boolean;
}

const isMatcher = (value: unknown): value is Matcher =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as Partial<Matcher>).asymmetricMatch === "function";

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const show = (value: unknown): string => inspect(value, { depth: 4, breakLength: Infinity });

/**
 * How a value differs from a part of one. Objects may have more than is expected, arrays may not; matchers of a test
 * runner (`expect.any(String)`) are asked.
 *
 * @returns nothing when it matches.
 */
export function differences(expected: unknown, found: unknown, path = ""): Difference[] {
  const differs = (): Difference[] => [
    `${path === "" ? "input" : path}: expected ${show(expected)}, found ${show(found)}`,
  ];
  if (isMatcher(expected)) return expected.asymmetricMatch(found) ? [] : differs();
  const at = (key: string | number): string => (path === "" ? String(key) : `${path}.${key}`);
  if (Array.isArray(expected) && Array.isArray(found) && expected.length === found.length)
    return expected.flatMap((item, i) => differences(item, found[i], at(i)));
  if (isPlain(expected) && isPlain(found))
    return Object.entries(expected).flatMap(([key, value]) => differences(value, found[key], at(key)));
  return isDeepStrictEqual(expected, found) ? [] : differs();
}
