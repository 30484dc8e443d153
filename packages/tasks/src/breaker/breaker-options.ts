import {
  countOption,
  type Duration,
  functionOption,
  refuseUnknownOptions,
  spanOption,
} from "@lexigram/contracts";

/** When to stop trying for a while. */
export interface CircuitBreakerOptions {
  /** Attempts that fail in a row, over all processes, before it opens. Default 3. */
  readonly failures?: number;
  /** How long it stays open. Default `"60s"`. */
  readonly resetTimeout?: Duration;
  /** Attempts that may run at once after that to find out, over all processes; as many successes close it. Default 1. */
  readonly halfOpenProbes?: number;
  /** Whether an error counts. Default: all but what a handler throws to steer its job (`RetryTask` and the like). */
  readonly isFailure?: (error: unknown) => boolean;
}

/** The same with its defaults. */
export interface BreakerRule {
  readonly failures: number;
  readonly resetMs: number;
  readonly probes: number;
  readonly isFailure: ((error: unknown) => boolean) | undefined;
}

const BREAKER_KEYS = ["failures", "resetTimeout", "halfOpenProbes", "isFailure"] as const;

/** @throws TaskConfigError naming the option of `owner` that is unknown or out of range. */
export function breakerRule(owner: string, path: string, options: CircuitBreakerOptions): BreakerRule {
  refuseUnknownOptions(`${path} of ${owner}`, options, BREAKER_KEYS);
  const { failures = 3, resetTimeout = 60_000, halfOpenProbes = 1, isFailure } = options;
  return {
    failures: countOption(owner, `${path}.failures`, failures, 1),
    resetMs: spanOption(owner, `${path}.resetTimeout`, resetTimeout, { above: 0 }),
    probes: countOption(owner, `${path}.halfOpenProbes`, halfOpenProbes, 1),
    isFailure: isFailure === undefined ? undefined : functionOption(owner, `${path}.isFailure`, isFailure),
  };
}
