import { InvalidDurationError } from "./errors/lexigram-error.ts";

type D = `${bigint}d`;
type H = `${bigint}h`;
type M = `${bigint}m`;
type S = `${bigint}s`;
type Ms = `${bigint}ms`;

/**
 * A span of time: a number of milliseconds, or a literal such as `"250ms"`, `"30s"`, `"5m"`, `"1h30m"`, `"7d"`.
 * Units go from the largest to the smallest, at most three of them, without spaces, signs or decimals.
 */
export type Duration =
  | number
  | D
  | H
  | M
  | S
  | Ms
  | `${D}${H}`
  | `${H}${M}`
  | `${M}${S}`
  | `${S}${Ms}`
  | `${D}${H}${M}`
  | `${H}${M}${S}`;

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
const PATTERN = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;

/**
 * The one parser of durations, for code, configuration files and the environment.
 *
 * @param value milliseconds, or text in the form of {@link Duration}; digits alone (`"1500"`, as an environment variable gives them) are milliseconds.
 * @returns milliseconds, zero or more.
 * @throws InvalidDurationError when the value is negative, not finite, or not of that form.
 */
export function milliseconds(value: Duration | (string & {})): number {
  if (typeof value === "number") {
    if (Number.isFinite(value) && value >= 0) return value;
    throw new InvalidDurationError({ value });
  }
  if (typeof value !== "string") throw new InvalidDurationError({ value });
  if (/^\d+$/.test(value)) return Number(value);
  const match = value === "" ? null : PATTERN.exec(value);
  if (match === null) throw new InvalidDurationError({ value });
  const [, d, h, m, s, ms] = match;
  const total =
    Number(d ?? 0) * UNITS.d +
    Number(h ?? 0) * UNITS.h +
    Number(m ?? 0) * UNITS.m +
    Number(s ?? 0) * UNITS.s +
    Number(ms ?? 0);
  if (!Number.isSafeInteger(total)) throw new InvalidDurationError({ value });
  return total;
}

/** A span in words of {@link Duration}, for messages: `formatDuration(5_400_000)` is `"1h30m"`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return String(ms);
  let rest = Math.round(ms);
  let text = "";
  for (const [unit, size] of Object.entries(UNITS)) {
    const n = Math.floor(rest / size);
    if (n > 0) text += `${n}${unit}`;
    rest -= n * size;
  }
  return text === "" ? "0ms" : text;
}
