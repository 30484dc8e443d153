import {
  type DeadLetterReason,
  TaskDeadlineError,
  TaskDiscardedError,
  TaskRejectedError,
} from "@lexigram/contracts";
import { DiscardTask, RejectTask, RetryTask } from "./control-flow.ts";
import type { RetryFacts } from "./retry-options.ts";
import type { RetryPolicy } from "./retry-policy.ts";

/** What is to become of a job whose attempt did not end well. */
export type FailureVerdict =
  | {
      readonly kind: "retry";
      readonly delayMs: number;
      readonly countAttempt: boolean;
      readonly error: unknown;
    }
  | { readonly kind: "fail"; readonly reason: DeadLetterReason; readonly error: unknown }
  | { readonly kind: "discard"; readonly reason: string; readonly error: unknown };

export interface FailureCase {
  readonly error: unknown;
  readonly facts: RetryFacts;
  readonly policy: RetryPolicy;
  /** How often the job was put off without counting an attempt. */
  readonly deferrals: number;
  readonly maxDeferrals: number;
  /** Milliseconds: the shortest wait of a job that was put back. */
  readonly requeueFloorMs: number;
  /** Milliseconds left until the job's deadline; `Infinity` without one. */
  readonly leftMs: number;
  /** Epoch milliseconds, for the message. */
  readonly deadline: number | undefined;
}

/**
 * The one place where policy decides over a failed attempt. A retry that could not start before the job's deadline
 * is not made.
 */
export function judgeFailure(given: FailureCase): FailureVerdict {
  const verdict = judge(given);
  if (verdict.kind !== "retry" || verdict.delayMs < given.leftMs) return verdict;
  return {
    kind: "fail",
    reason: "deadline",
    error: new TaskDeadlineError(
      { task: given.facts.taskName, jobId: given.facts.jobId, deadline: given.deadline ?? 0 },
      { cause: given.error },
    ),
  };
}

function judge(given: FailureCase): FailureVerdict {
  const { error, facts, policy } = given;
  const asked = judgeOwnKind(given);
  if (asked !== undefined) return asked;
  if (facts.attempt >= facts.maxAttempts || !policy.allowsRetry(error, facts))
    return { kind: "fail", reason: "failed", error };
  return { kind: "retry", delayMs: policy.delayAfter(facts.attempt), countAttempt: true, error };
}

/** The verdict on what says itself what is to become of the job; `undefined` for any other error. */
function judgeOwnKind(given: FailureCase): FailureVerdict | undefined {
  const { error, facts } = given;
  try {
    if (!(error instanceof Error)) return undefined;
  } catch {
    // A proxy that cannot be asked what it is: none of ours.
    return undefined;
  }
  if (error instanceof TaskDeadlineError) return { kind: "fail", reason: "deadline", error };
  if (error instanceof DiscardTask)
    return {
      kind: "discard",
      reason: error.reason,
      error: new TaskDiscardedError({ jobId: facts.jobId, reason: error.reason }, { cause: error.cause }),
    };
  if (error instanceof RetryTask) return judgeAskedRetry(error, given);
  return error instanceof RejectTask ? judgeRejection(error, given) : undefined;
}

function judgeAskedRetry(error: RetryTask, given: FailureCase): FailureVerdict {
  const { facts, policy, deferrals, maxDeferrals } = given;
  const spent = error.countAttempt ? facts.attempt >= facts.maxAttempts : deferrals >= maxDeferrals;
  if (spent) return { kind: "fail", reason: "failed", error };
  // The wait of a deferral grows with the deferrals, as its attempt stands still.
  const step = error.countAttempt ? facts.attempt : deferrals + 1;
  const delayMs = error.delayMs ?? policy.delayAfter(step);
  return { kind: "retry", delayMs, countAttempt: error.countAttempt, error };
}

function judgeRejection(error: RejectTask, given: FailureCase): FailureVerdict {
  const { facts, policy, requeueFloorMs } = given;
  if (!error.requeue || facts.attempt >= facts.maxAttempts)
    return {
      kind: "fail",
      reason: "rejected",
      error: new TaskRejectedError({ jobId: facts.jobId, reason: error.reason }, { cause: error.cause }),
    };
  const delayMs = Math.max(requeueFloorMs, error.delayMs ?? policy.delayAfter(facts.attempt));
  return { kind: "retry", delayMs, countAttempt: true, error };
}
