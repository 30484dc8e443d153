import { isPlain } from "../redacted.ts";

/** Whether two keys name one field: `worker_count`, `worker-count` and `workerCount` do. */
export const sameKey = (a: string, b: string): boolean => fold(a) === fold(b);

const fold = (key: string): string => key.replaceAll(/[_-]/g, "").toLowerCase();

/** `worker_count` and `WORKER_COUNT` as `workerCount`. */
export function camelCase(key: string): string {
  return key
    .toLowerCase()
    .replaceAll(/^_+|_+$/g, "")
    .replaceAll(/[_-]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The own key of an object that names the same field: the key itself, else one written in another way. */
export function ownKey(object: object, key: string): string | undefined {
  return Object.hasOwn(object, key) ? key : Object.keys(object).find((other) => sameKey(other, key));
}

/** What a tree holds at a path, keys compared by `sameKey`. */
export function lookUp(tree: unknown, path: readonly string[]): unknown {
  let at = tree;
  for (const segment of path) {
    if (typeof at !== "object" || at === null) return undefined;
    const key = ownKey(at, segment);
    if (key === undefined) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}

/**
 * Lays trees over each other, later ones on top. Plain objects are merged key by key; everything else, arrays as
 * well, is taken whole. Objects and arrays of the result are fresh; instances of classes are passed on.
 */
export function merge(layers: readonly unknown[]): unknown {
  let result: unknown;
  for (const layer of layers) {
    if (layer === undefined) continue;
    if (!isPlain(layer)) {
      result = Array.isArray(layer) ? layer.map((item) => merge([item])) : layer;
      continue;
    }
    const entries = new Map(Object.entries(isPlain(result) ? result : {}));
    const before = Object.fromEntries(entries);
    for (const [key, value] of Object.entries(layer)) {
      const existing = ownKey(before, key) ?? key;
      entries.set(existing, merge([entries.get(existing), value]));
    }
    result = Object.fromEntries(entries);
  }
  return result;
}
