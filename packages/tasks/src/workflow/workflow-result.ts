import type { SerializedError } from "@lexigram/contracts";

/** How far a workflow is; the last four are ends. */
export type WorkflowStatus =
  | "pending"
  | "running"
  | "completed"
  | "failed"
  | "partially_completed"
  | "cancelled";

const ENDS: ReadonlySet<WorkflowStatus> = new Set([
  "completed",
  "failed",
  "partially_completed",
  "cancelled",
]);

/** Whether nothing will happen to a workflow any more. */
export function isEnded(status: WorkflowStatus): boolean {
  return ENDS.has(status);
}

/** How one step ended. */
export interface StepResult {
  readonly stepName: string;
  readonly success: boolean;
  /** What it gave; of a failed step what its `onError` gave. Absent: `undefined`. */
  readonly data?: unknown;
  readonly error?: SerializedError;
  /** Milliseconds; of a step on a queue from its enqueue until the workflow learnt of its end. */
  readonly durationMs: number;
}

/** How a workflow ended. */
export interface WorkflowResult<O = unknown> {
  readonly workflowId: string;
  readonly status: WorkflowStatus;
  /** Of the steps that ended, in their order. */
  readonly steps: readonly StepResult[];
  /** `undefined` unless the workflow completed; of a chain that stopped, what the last `onError` gave. */
  readonly finalResult: O | undefined;
  readonly totalDurationMs: number;
  /** Why it did not complete. */
  readonly error?: SerializedError;
}

/** How a part of a workflow ended: a step, or a workflow inside another. */
export interface PartOutcome {
  readonly status: WorkflowStatus;
  readonly data?: unknown;
  readonly error?: SerializedError;
  readonly steps: readonly StepResult[];
}

export const ALL_FAILED: SerializedError = { name: "WorkflowError", message: "All steps failed" };
export const CANCELLED: SerializedError = {
  name: "TaskCancelledError",
  message: "the workflow was cancelled",
};

/** Why a group, or what follows it, did not complete. */
export function someFailed(failed: readonly string[], of: number): SerializedError {
  const named = failed.slice(0, 5).join(", ");
  const more = failed.length > 5 ? ` and ${failed.length - 5} more` : "";
  return { name: "WorkflowError", message: `${failed.length} of ${of} steps failed: ${named}${more}` };
}
