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
 * Checks options and fills in defaults.
 *
 * @param path where the options stand, for messages.
 * @throws TaskConfigError naming the field that is out of range.
 */
export function backoffOf(
  options: BackoffOptions,
  path: string,
  defaults: Backoff = DEFAULT_BACKOFF,
): Backoff {
  const refuse = (field: string, rule: string): never => {
    throw new TaskConfigError(`${path}.${field} must be ${rule}`, { path: `${path}.${field}` });
  };
  const strategy = options.strategy ?? defaults.strategy;
  if (!["exponential", "linear", "fixed"].includes(strategy))
    refuse("strategy", 'one of "exponential", "linear", "fixed"');
  const factor = options.factor ?? defaults.factor;
  if (!(factor >= 1 && Number.isFinite(factor))) refuse("factor", "1 or more");
  const jitter =
    options.jitter === undefined
      ? defaults.jitter
      : typeof options.jitter === "boolean"
        ? options.jitter
          ? DEFAULT_JITTER
          : 0
        : options.jitter;
  if (!(jitter >= 0 && jitter <= 1)) refuse("jitter", "between 0 and 1");
  return {
    strategy,
    factor,
    jitter,
    baseDelayMs: options.baseDelay === undefined ? defaults.baseDelayMs : milliseconds(options.baseDelay),
    maxDelayMs: options.maxDelay === undefined ? defaults.maxDelayMs : milliseconds(options.maxDelay),
  };
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
