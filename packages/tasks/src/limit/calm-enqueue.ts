import { type Duration, refuseUnknownOptions, spanOption, type Unique } from "@lexigram/contracts";

/** What a burst of calls comes to. */
export interface DebounceOptions<Key = string> {
  /** How long to wait for another call with the same key, which takes this one's place and waits anew. */
  readonly wait: Duration;
  /** Which calls belong together. Default: all of the task. */
  readonly key?: Key;
}

export interface ThrottleOptions<Key = string> {
  /** After a job was accepted, further calls with its key are answered with it for this long. */
  readonly per: Duration;
  /** Which calls belong together. Default: all of the task. */
  readonly key?: Key;
}

/** A job's rule against bursts, without its key. */
export interface CalmRule {
  readonly unique: Pick<Unique, "until" | "onConflict">;
  /** Milliseconds before it may start. */
  readonly delayMs?: number;
}

/** The key of all jobs of a task. */
export const WHOLE_TASK = "*";

/** @throws TaskConfigError naming the option of `owner` that is unknown or out of range. */
export function debounceRule(owner: string, options: DebounceOptions<unknown>): CalmRule {
  refuseUnknownOptions(`debounce of ${owner}`, options, ["wait", "key"]);
  const delayMs = spanOption(owner, "debounce.wait", options.wait, { above: 0 });
  // Once it has started, the next call begins a burst of its own.
  return { unique: { until: "started", onConflict: "replace" }, delayMs };
}

/** @throws TaskConfigError naming the option of `owner` that is unknown or out of range. */
export function throttleRule(owner: string, options: ThrottleOptions<unknown>): CalmRule {
  refuseUnknownOptions(`throttle of ${owner}`, options, ["per", "key"]);
  const ttlMs = spanOption(owner, "throttle.per", options.per, { above: 0 });
  return { unique: { until: { ttlMs }, onConflict: "existing" } };
}
