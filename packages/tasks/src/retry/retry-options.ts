import type { Duration } from "@lexigram/contracts";

/** What a retry rule is told of the attempt that ended. */
export interface RetryFacts {
  readonly taskName: string;
  readonly jobId: string;
  /** The attempt that ended, from 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
}

/** A class of errors: an instance of it, also as a `cause`, is matched. */
export type ErrorClass = abstract new (...args: never[]) => unknown;

/**
 * The wait before the next attempt. Retry n waits `baseDelay` (fixed), n × `baseDelay` (linear) or `baseDelay` ×
 * `factor` to the power n-1 (exponential), at most `maxDelay`, then jittered.
 *
 * Each field is taken from the first of call, task, queue, the module's `retryPolicy` and configuration that names it;
 * the defaults are those of fields that none names.
 */
export interface BackoffOptions {
  /** Default `"exponential"`. */
  readonly strategy?: "exponential" | "linear" | "fixed";
  /** Default `"1s"`. */
  readonly baseDelay?: Duration;
  /** Default 2. */
  readonly factor?: number;
  /** Default `"60s"`. */
  readonly maxDelay?: Duration;
  /** The share of the wait that chance may add or take: 0 to 1. `true` is 0.25 (the default), `false` is 0. */
  readonly jitter?: number | boolean;
}

/** When and whether a failed attempt is repeated. `abortOn` and `abortIf` win over the rest. */
export interface RetryOptions extends BackoffOptions {
  /** Only these are repeated. Default: everything thrown. */
  readonly retryOn?: readonly ErrorClass[];
  /** These never are. */
  readonly abortOn?: readonly ErrorClass[];
  readonly retryIf?: (error: unknown, facts: RetryFacts) => boolean;
  readonly abortIf?: (error: unknown, facts: RetryFacts) => boolean;
  /** Repeats an attempt that returned normally, when this says so of its result. */
  readonly retryOnResult?: (result: unknown, facts: RetryFacts) => boolean;
  /** Called before a retry is stored. What it throws is logged and changes nothing. */
  readonly onRetry?: (
    error: unknown,
    facts: RetryFacts & { readonly delayMs: number },
  ) => void | Promise<void>;
  /** Repeat inside the slot, without storing, when the wait is at most this long. The slot stays taken. Default: never. */
  readonly inPlaceUpTo?: Duration;
}
