import { milliseconds, type Random, TaskConfigError } from "@lexigram/contracts";
import type { BackoffOptions } from "./retry-options.ts";

/** A checked backoff, in milliseconds. */
export interface Backoff {
  readonly strategy: "exponential" | "linear" | "fixed";
  readonly baseDelayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  /** 0 to 1. */
  readonly jitter: number;
}

const DEFAULT_JITTER = 0.25;

export const DEFAULT_BACKOFF: Backoff = {
  strategy: "exponential",
  baseDelayMs: 1_000,
  factor: 2,
  maxDelayMs: 60_000,
  jitter: DEFAULT_JITTER,
};

/** Five quick attempts, for work that fails for a moment: 0.1 s growing by half up to 2 s. */
export const AGGRESSIVE_RETRY = { maxRetries: 4, baseDelay: 100, factor: 1.5, maxDelay: 2_000 } as const;
/** Three patient attempts, for work that others depend on: 2 s doubling up to 30 s. */
export const CONSERVATIVE_RETRY = { maxRetries: 2, baseDelay: 2_000, factor: 2, maxDelay: 30_000 } as const;

/**
 * Checks options and keeps the fields that were given, so that what is left out can come from elsewhere.
 *
 * @param path where the options stand, for messages.
 * @throws TaskConfigError naming the field that is out of range; InvalidDurationError for a delay that is none.
 */
export function backoffFields(options: BackoffOptions, path: string): Partial<Backoff> {
  const { strategy, baseDelay, factor, maxDelay, jitter } = options;
  const refuse = (field: string, rule: string): never => {
    throw new TaskConfigError(`${path}.${field} must be ${rule}`, { path: `${path}.${field}` });
  };
  const given: { -readonly [F in keyof Backoff]?: Backoff[F] } = {};
  if (strategy !== undefined) {
    if (!["exponential", "linear", "fixed"].includes(strategy))
      refuse("strategy", 'one of "exponential", "linear", "fixed"');
    given.strategy = strategy;
  }
  if (factor !== undefined) {
    if (!(factor >= 1 && Number.isFinite(factor))) refuse("factor", "1 or more");
    given.factor = factor;
  }
  if (jitter !== undefined) {
    const share = typeof jitter === "boolean" ? (jitter ? DEFAULT_JITTER : 0) : jitter;
    if (!(share >= 0 && share <= 1)) refuse("jitter", "between 0 and 1");
    given.jitter = share;
  }
  if (baseDelay !== undefined) given.baseDelayMs = milliseconds(baseDelay);
  if (maxDelay !== undefined) given.maxDelayMs = milliseconds(maxDelay);
  return given;
}

/** Checks options and fills in defaults. Parameters and errors as {@link backoffFields}. */
export function backoffOf(
  options: BackoffOptions,
  path: string,
  defaults: Backoff = DEFAULT_BACKOFF,
): Backoff {
  return { ...defaults, ...backoffFields(options, path) };
}

/**
 * The wait before a retry, in whole milliseconds: never negative, and never above the cap plus its jitter.
 *
 * @param attempt the attempt that failed, from 1.
 */
export function backoffDelay(backoff: Backoff, attempt: number, random: Random): number {
  // Growth without end times nothing would be no number.
  if (backoff.baseDelayMs === 0) return 0;
  const n = Math.max(1, attempt);
  const grown =
    backoff.strategy === "fixed"
      ? backoff.baseDelayMs
      : backoff.strategy === "linear"
        ? backoff.baseDelayMs * n
        : backoff.baseDelayMs * backoff.factor ** (n - 1);
  const capped = Math.min(grown, backoff.maxDelayMs);
  const jittered = capped + capped * backoff.jitter * (2 * random() - 1);
  return Math.max(0, Math.round(jittered));
}
