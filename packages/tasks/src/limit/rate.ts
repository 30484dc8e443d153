import {
  type Bucket,
  type Duration,
  refuseUnknownOptions,
  shown,
  spanOption,
  TaskConfigError,
} from "@lexigram/contracts";

/** Starts per time: a token bucket. */
export interface RateOptions {
  /** Starts per `per`; above 0. */
  readonly rate: number;
  /** Default `"1s"`. */
  readonly per?: Duration;
  /** The most that may start at once. Default: `rate`, but at least 1. */
  readonly burst?: number;
}

const RATE_KEYS = ["rate", "per", "burst"] as const;

/** A rate as the store takes it, without a check. */
export function bucketOf(options: RateOptions, perMs: number): Bucket {
  return { rate: options.rate, perMs, burst: options.burst ?? Math.max(1, options.rate) };
}

const isFrom = (value: unknown, holds: (n: number) => boolean): boolean =>
  typeof value === "number" && Number.isFinite(value) && holds(value);

/**
 * Checks a rate and fills in its defaults.
 *
 * @param owner for messages, such as `GlobalRateLimiter`.
 * @param path of the rate in the owner's options; empty for the options themselves.
 * @throws TaskConfigError naming the field that is unknown or out of range.
 */
export function checkedRate(
  owner: string,
  path: string,
  options: RateOptions,
  more: readonly string[] = [],
): Bucket {
  refuseUnknownOptions(path === "" ? owner : `${path} of ${owner}`, options, [...RATE_KEYS, ...more]);
  const at = (field: string): string => (path === "" ? field : `${path}.${field}`);
  const refuse = (field: string, rule: string, hint: string): never => {
    const value: unknown = options[field as "rate"];
    throw new TaskConfigError(
      `${at(field)} of ${owner} must be ${rule}, not ${shown(value)}`,
      { path: at(field) },
      { hint },
    );
  };
  const { rate, per, burst } = options;
  if (!isFrom(rate, (n) => n > 0))
    refuse("rate", "a number above 0", "how many may start in the time that per names");
  if (burst !== undefined && !isFrom(burst, (n) => n >= 1))
    refuse("burst", "a number of 1 or more", "how many may start at once; by default as many as rate says");
  return bucketOf(options, per === undefined ? 1_000 : spanOption(owner, at("per"), per, { above: 0 }));
}
