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

/** What says which store an entry uses: given in a stronger source, it takes the place of all of these. */
const CHOICE = ["backend", "type"] as const;

function overlayEntry(below: NamedBackendOptions, above: NamedBackendOptions): NamedBackendOptions {
  const chosen = CHOICE.some((key) => above[key] !== undefined);
  const { backend: _backend, type: _type, ...rest } = below;
  return overlay(chosen ? rest : below, above) as NamedBackendOptions;
}

/** Entries of one name are one entry. Those of the stronger source come first, in its order. */
function overlayEntries(
  below: readonly NamedBackendOptions[],
  above: readonly NamedBackendOptions[],
): NamedBackendOptions[] {
  const find = (name: string): NamedBackendOptions | undefined => below.find((entry) => entry.name === name);
  const named = new Set(above.map(({ name }) => name));
  return [
    ...above.map((entry) => {
      const lower = find(entry.name);
      return lower === undefined ? entry : overlayEntry(lower, entry);
    }),
    ...below.filter(({ name }) => !named.has(name)),
  ];
}

/** Options of a weaker and a stronger source as one: field by field, and entries of `backends` by their name. */
export function layered(below: TaskConfigOptions, above: TaskConfigOptions): TaskConfigOptions {
  const merged = overlay(below, above) as TaskConfigOptions;
  const { maxRetries, maxAttempts } = above.retry ?? {};
  const counted = maxRetries !== undefined || maxAttempts !== undefined;
  return {
    ...merged,
    ...(below.backends === undefined || above.backends === undefined
      ? {}
      : { backends: overlayEntries(below.backends, above.backends) }),
    // Two names of one number: the stronger source's replaces both.
    ...(counted ? { retry: withCount(merged.retry ?? {}, maxRetries, maxAttempts) } : {}),
  };
}

function withCount(
  retry: NonNullable<TaskConfigOptions["retry"]>,
  maxRetries: number | undefined,
  maxAttempts: number | undefined,
): NonNullable<TaskConfigOptions["retry"]> {
  const { maxRetries: _retries, maxAttempts: _attempts, ...rest } = retry;
  return {
    ...rest,
    ...(maxRetries === undefined ? {} : { maxRetries }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
  };
}
