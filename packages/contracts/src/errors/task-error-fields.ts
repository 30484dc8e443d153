import type { JobId } from "../job/job.ts";
import type { JobStatus } from "../job/job-status.ts";
import type { SerializedError } from "./serialized-error.ts";

/** What is wrong with an input, an option or a payload, and where. */
export interface ValidationIssue {
  /** Dotted path inside the value, such as `to` or `items.0.price`; empty for the value itself. */
  readonly path: string;
  readonly message: string;
}

/**
 * Every error code of background tasks with the fields that it always carries. Open to merging, so that a backend
 * or a plug-in can add its own.
 */
export interface TaskErrorFields {
  LEX_ERR_TASK_QUEUE_FULL: { readonly queue: string; readonly capacity: number };
  LEX_ERR_TASK_DUPLICATE: {
    readonly queue: string;
    readonly jobId: JobId;
    /** The job that holds the id or the unique key. */
    readonly existingId: JobId;
    /** The unique key, when it was not the id that collided. */
    readonly key?: string;
  };
  LEX_ERR_TASK_VALIDATION: { readonly subject: string; readonly issues: readonly ValidationIssue[] };
  LEX_ERR_TASK_UNSUPPORTED: { readonly subject: string; readonly capability: string };
  LEX_ERR_TASK_QUEUE_UNAVAILABLE: {
    readonly queue: string;
    /** Whether the same call may succeed when it is sent again. */
    readonly retryable: boolean;
    /** For an enqueue: `"no"` when nothing was stored, `"unknown"` when the store may have taken it. */
    readonly accepted: "no" | "unknown";
    /** The jobs whose fate is unknown. */
    readonly ids: readonly JobId[];
  };
  LEX_ERR_TASK_CLOSED: { readonly resource: string };
  LEX_ERR_TASK_QUEUE_NOT_FOUND: { readonly queue: string; readonly known: readonly string[] };
  LEX_ERR_TASK_LEASE_LOST: { readonly queue: string; readonly jobId: JobId };
  LEX_ERR_TASK_NOT_FOUND: { readonly task: string; readonly known: readonly string[] };
  LEX_ERR_TASK_JOB_NOT_FOUND: { readonly queue: string; readonly jobId: JobId };
  LEX_ERR_TASK_NOT_ALLOWED: { readonly jobId: JobId; readonly from: JobStatus; readonly to: JobStatus };
  LEX_ERR_TASK_TIMEOUT: { readonly task: string; readonly jobId: JobId; readonly timeoutMs: number };
  LEX_ERR_TASK_DEADLINE: { readonly task: string; readonly jobId: JobId; readonly deadline: number };
  LEX_ERR_TASK_CANCELLED: { readonly jobId: JobId; readonly reason: string };
  LEX_ERR_TASK_EXPIRED: { readonly jobId: JobId };
  LEX_ERR_TASK_DISCARDED: { readonly jobId: JobId; readonly reason: string };
  LEX_ERR_TASK_REJECTED: { readonly jobId: JobId; readonly reason: string };
  LEX_ERR_TASK_POISON: { readonly jobId: JobId; readonly recoveries: number };
  LEX_ERR_TASK_EXECUTION: { readonly task: string; readonly jobId: JobId };
  LEX_ERR_TASK_RETRIES_EXHAUSTED: { readonly task: string; readonly attempts: number };
  LEX_ERR_TASK_REMOTE: { readonly jobId: JobId; readonly error: SerializedError };
  LEX_ERR_TASK_RESULT_TIMEOUT: { readonly jobId: JobId; readonly timeoutMs: number };
  LEX_ERR_TASK_RESULT_UNAVAILABLE: { readonly jobId: JobId };
  LEX_ERR_TASK_LOCK_TIMEOUT: { readonly key: string; readonly waitedMs: number };
  LEX_ERR_TASK_LOCK_LOST: { readonly key: string; readonly fencing: number };
  LEX_ERR_TASK_REGISTRATION: { readonly task: string };
  LEX_ERR_TASK_CONFIG: { readonly path: string };
  LEX_ERR_TASK_SCHEDULE_INVALID: {
    /** The schedule as it was written. */
    readonly rule: string;
    /** Its part that is wrong, such as `minute` or `timezone`. */
    readonly field: string;
    /** The value nearest to the wrong one that is not. */
    readonly nearest?: string;
  };
  LEX_ERR_TASK_DEPENDENCY_CYCLE: {
    /** The jobs of the circle, each of which depends on the next; the first stands at the end again. */
    readonly cycle: readonly JobId[];
  };
  LEX_ERR_TASK_WORKFLOW: {
    readonly workflowId: string;
    /** The step that it is about; absent: the workflow as a whole. */
    readonly step?: string;
  };
  LEX_ERR_TASK_BACKEND_UNKNOWN: { readonly type: string; readonly known: readonly string[] };
  LEX_ERR_TASK_BACKEND_MISSING: { readonly type: string; readonly package: string };
}

export type TaskErrorCode = keyof TaskErrorFields;
