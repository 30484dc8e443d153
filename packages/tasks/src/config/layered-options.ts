import type { NamedBackendOptions, TaskConfigOptions } from "./task-config-options.ts";

type Plain = Readonly<Record<string, unknown>>;

function isPlain(value: unknown): value is Plain {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function overlay(below: unknown, above: unknown): unknown {
  if (above === undefined) return below;
  if (!isPlain(below) || !isPlain(above)) return above;
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) merged[key] = overlay(merged[key], value);
  return merged;
}

/** What says which store an entry uses: given in a stronger source, it takes the place of both. */
const CHOICE = ["backend", "type"] as const;
/** What only a store of the chosen type understands. */
const SETTINGS = ["redisUrl", "amqpUrl", "postgresDsn", "extra"] as const;
const TIMEOUTS = ["defaultTimeout", "maxTimeout", "enforceTimeout"] as const;

function without<T extends object>(options: T, keys: readonly string[]): T {
  return Object.fromEntries(Object.entries(options).filter(([key]) => !keys.includes(key))) as T;
}

const isOtherType = (below: string | undefined, above: string | undefined): boolean =>
  above !== undefined && above !== (below ?? "memory");

function overlayEntry(below: NamedBackendOptions, above: NamedBackendOptions): NamedBackendOptions {
  if (CHOICE.every((key) => above[key] === undefined)) return overlay(below, above) as NamedBackendOptions;
  const isOther = isOtherType(below.backend?.type ?? below.type, above.backend?.type ?? above.type);
  return overlay(without(below, [...CHOICE, ...(isOther ? SETTINGS : [])]), above) as NamedBackendOptions;
}

/**
 * Entries of one name are one entry. Those of the weaker source keep their order, so that the primary is not another
 * one because a source adds a queue; it is when that source says so.
 */
function overlayEntries(
  below: readonly NamedBackendOptions[],
  above: readonly NamedBackendOptions[],
): NamedBackendOptions[] {
  const known = new Set(below.map(({ name }) => name));
  const moves = above.some(({ primary }) => primary === true);
  return [
    ...below.map((entry) => {
      const kept = moves && entry.primary === true ? without(entry, ["primary"]) : entry;
      const stronger = above.find(({ name }) => name === entry.name);
      return stronger === undefined ? kept : overlayEntry(kept, stronger);
    }),
    ...above.filter(({ name }) => !known.has(name)),
  ];
}

/** Options of a weaker and a stronger source as one: field by field, and entries of `backends` by their name. */
export function layered(below: TaskConfigOptions, above: TaskConfigOptions): TaskConfigOptions {
  const merged = overlay(withoutOtherNames(below, above), above) as TaskConfigOptions;
  if (below.backends === undefined || above.backends === undefined) return merged;
  return { ...merged, backends: overlayEntries(below.backends, above.backends) };
}

/** Where two keys are names of one thing, either of the stronger source takes the place of both. */
function withoutOtherNames(below: TaskConfigOptions, above: TaskConfigOptions): TaskConfigOptions {
  const { maxRetries, maxAttempts } = above.retry ?? {};
  const counted = maxRetries !== undefined || maxAttempts !== undefined;
  const timed = TIMEOUTS.filter((key) => above.worker?.[key] !== undefined);
  return {
    ...below,
    ...(counted && below.retry !== undefined
      ? { retry: without(below.retry, ["maxRetries", "maxAttempts"]) }
      : {}),
    ...(below.timeout === undefined ? {} : { timeout: without(below.timeout, timed) }),
    ...(below.backend !== undefined && isOtherType(below.backend.type, above.backend?.type)
      ? { backend: without(below.backend, SETTINGS) }
      : {}),
  };
}
