import { ALL_FAILED, type PartOutcome, someFailed, type StepResult } from "./workflow-result.ts";

/** What steps beside each other amount to: a list of what they gave, when all of them did. */
export function groupOutcome(steps: readonly StepResult[]): PartOutcome {
  const failed = steps.filter(({ success }) => !success).map(({ stepName }) => stepName);
  if (failed.length === 0) return { status: "completed", data: valuesOf(steps), steps };
  if (failed.length === steps.length) return { status: "failed", error: ALL_FAILED, steps };
  return { status: "partially_completed", error: someFailed(failed, steps.length), steps };
}

/** What steps gave, in their order; `null` for one that failed and whose `onError` gave nothing. */
export function valuesOf(steps: readonly StepResult[]): unknown[] {
  return steps.map(({ data, success }) => (data === undefined && !success ? null : data));
}
