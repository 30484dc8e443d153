import type { Recurrence } from "./recurrence.ts";
import type { Misfire } from "./schedule-plan.ts";

/** What is due of a schedule at a moment. Epoch milliseconds. */
export interface DueOccurrences {
  /** To be fired, the oldest first. */
  readonly fire: readonly number[];
  /** The last one that is due; absent when none is. */
  readonly latest: number | undefined;
}

/**
 * The occurrences after the last one that was dealt with, by the policy for late ones. Costs as much as there are to be
 * fired, however many were missed.
 *
 * @param thresholdMs how late the latest may be to be in time.
 */
export function dueOccurrences(
  recurrence: Recurrence,
  lastPlanned: number,
  now: number,
  misfire: Misfire,
  thresholdMs: number,
): DueOccurrences {
  const latest = recurrence.previous(now + 1);
  if (latest === undefined || latest <= lastPlanned) return { fire: [], latest: undefined };
  const { run, upTo, withinMs } = misfire;
  const least = run === "skip" ? now - Math.min(thresholdMs, withinMs) : now - withinMs;
  const most = run === "all" ? upTo : 1;
  const fire: number[] = [];
  for (
    let at: number | undefined = latest;
    at !== undefined && at > lastPlanned && at >= least && fire.length < most;
    at = recurrence.previous(at)
  )
    fire.unshift(at);
  return { fire, latest };
}
