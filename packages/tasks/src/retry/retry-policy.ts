import { type Logger, type Random, serializeError } from "@lexigram/contracts";
import { type Backoff, backoffDelay, backoffOf } from "./backoff.ts";
import type { ErrorClass, RetryFacts, RetryOptions } from "./retry-options.ts";

/** Causes looked at behind an error, so that a cycle of causes ends. */
const MAX_CAUSES = 16;

/**
 * The rules of one task: whether what ended an attempt is worth another, and how long to wait. Immutable and shared
 * by all attempts. A rule that throws is logged and counts as not matching.
 */
export class RetryPolicy {
  readonly backoff: Backoff;
  readonly #rules: RetryOptions;
  readonly #random: Random;
  readonly #logger: Logger;

  /** @param services `backoff`: what the rules leave open. Default `DEFAULT_BACKOFF`. */
  constructor(
    rules: RetryOptions | undefined,
    services: { readonly random: Random; readonly logger: Logger; readonly backoff?: Backoff },
  ) {
    this.#rules = rules ?? {};
    this.#random = services.random;
    this.#logger = services.logger;
    this.backoff = backoffOf(this.#rules, "retry", services.backoff);
  }

  /** Whether anything is asked of results. */
  get judgesResults(): boolean {
    return this.#rules.retryOnResult !== undefined;
  }

  /** The same rules with another backoff. */
  withBackoff(backoff: Backoff): RetryPolicy {
    const { strategy: _s, baseDelay: _b, factor: _f, maxDelay: _m, jitter: _j, ...rules } = this.#rules;
    return new RetryPolicy(rules, { random: this.#random, logger: this.#logger, backoff });
  }

  /** Whether an attempt that ended with this error may be repeated. The number of attempts is not judged here. */
  allowsRetry(error: unknown, facts: RetryFacts): boolean {
    const { abortOn, abortIf, retryOn, retryIf } = this.#rules;
    if (abortOn !== undefined && this.#matches("abortOn", error, abortOn, facts)) return false;
    if (abortIf !== undefined && this.#asked("abortIf", () => abortIf(error, facts), facts)) return false;
    if (retryOn === undefined && retryIf === undefined) return true;
    if (retryOn !== undefined && this.#matches("retryOn", error, retryOn, facts)) return true;
    return retryIf !== undefined && this.#asked("retryIf", () => retryIf(error, facts), facts);
  }

  /** Whether a returned value asks for another attempt. */
  refusesResult(result: unknown, facts: RetryFacts): boolean {
    const { retryOnResult } = this.#rules;
    return (
      retryOnResult !== undefined && this.#asked("retryOnResult", () => retryOnResult(result, facts), facts)
    );
  }

  /** The wait before the attempt after this one, in milliseconds. */
  delayAfter(attempt: number): number {
    return backoffDelay(this.backoff, attempt, this.#random);
  }

  /** Tells `onRetry`; nothing it does reaches the job, and nothing waits for it. */
  announce(error: unknown, facts: RetryFacts, delayMs: number): void {
    const { onRetry } = this.#rules;
    if (onRetry === undefined) return;
    try {
      const told = onRetry(error, { ...facts, delayMs });
      if (told instanceof Promise) told.catch((thrown: unknown) => this.#broken("onRetry", thrown, facts));
    } catch (thrown) {
      this.#broken("onRetry", thrown, facts);
    }
  }

  #asked(rule: string, ask: () => boolean, facts: RetryFacts): boolean {
    try {
      return ask() === true;
    } catch (thrown) {
      this.#broken(rule, thrown, facts);
      return false;
    }
  }

  /** Whether a thrown value, or one of its causes, is an instance of one of the classes. What cannot be asked is none. */
  #matches(rule: string, error: unknown, classes: readonly ErrorClass[], facts: RetryFacts): boolean {
    let current = error;
    for (let depth = 0; depth < MAX_CAUSES && current !== undefined && current !== null; depth++) {
      for (const wanted of classes)
        try {
          if (current instanceof wanted) return true;
        } catch (thrown) {
          this.#broken(rule, thrown, facts);
        }
      try {
        current = current instanceof Error ? current.cause : undefined;
      } catch (thrown) {
        this.#broken(rule, thrown, facts);
        return false;
      }
    }
    return false;
  }

  #broken(rule: string, thrown: unknown, facts: RetryFacts): void {
    this.#logger.error("a retry rule failed", {
      rule,
      task: facts.taskName,
      job: facts.jobId,
      error: serializeError(thrown),
    });
  }
}
