import type { JobId, JsonValue } from "@lexigram/contracts";
import type { TaskSpec } from "../define/registered-task.ts";
import { makeSpec } from "../define/task-methods.ts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";
import { childPath, type Given } from "./plan-place.ts";
import type { FrameEnd } from "./frame.ts";

/** The task that carries workflows on; every worker has it. */
export const WORKFLOW_TASK = "lexigram.workflow";

/** Workflows go on before new work begins. */
const PRIORITY = 10;
/** A workflow whose job was given up on would stand still, so a store may be away for a day. */
const MAX_RETRIES = 3_000;
const MAX_RECOVERIES = 1_000;
/**
 * For so long the name of a job is held, whatever became of its record: a process that stood still between looking and
 * enqueueing runs nothing twice.
 */
const NAMED_FOR = "1h";

export const WORKFLOW_SPEC: TaskSpec = {
  ...makeSpec(
    {
      maxRetries: MAX_RETRIES,
      timeout: null,
      maxRecoveries: MAX_RECOVERIES,
      priority: PRIORITY,
      retry: { strategy: "exponential", baseDelay: "100ms", maxDelay: "30s" },
    },
    WORKFLOW_TASK,
  ),
  takesInput: true,
};

/** What a job of {@link WORKFLOW_TASK} is to do. */
export type WorkflowJob =
  /** Look at a frame whose children have ended; with tick 0, begin it. */
  | {
      readonly op: "tick";
      readonly run: string;
      readonly path: string;
      readonly tick: number;
      /** Which of the queues that hold the children. */
      readonly k: number;
      readonly input?: Given;
      /** Of a workflow inside another: whom its end is told. */
      readonly notifies?: JobId;
    }
  /** Stands for a workflow inside another that has ended: its result is how. */
  | { readonly op: "end"; readonly run: string; readonly end: FrameEnd }
  /** Stands for a job that its queue refused. */
  | { readonly op: "refused"; readonly run: string; readonly reason: string }
  | { readonly op: "cancel"; readonly run: string };

/** Ids of workflows have no such sign. */
const SIGN = "~";

/**
 * Names one time that a workflow is carried out. Its records and jobs are called by it, so an id that was deleted may be
 * used again, and what is still under way of the old one is not taken for the new one's.
 */
export function runName(workflowId: string, mark: string): string {
  return workflowId + SIGN + mark;
}

export function workflowIdOf(run: string): string {
  return run.slice(0, run.lastIndexOf(SIGN));
}

export function asPayload(job: WorkflowJob): JsonValue {
  return job as unknown as JsonValue;
}

/** The job that looks at a frame. @param run as {@link runName} has it, here and below. */
export function tickId(run: string, path: string, tick: number, k: number): JobId {
  return `${run}/${path}#${tick}.${k}`;
}

/** The job of a step. */
export function stepId(run: string, path: string, at: string): JobId {
  return `${run}/${childPath(path, at)}`;
}

/** The job whose end stands for that of a workflow inside another. */
export function endId(run: string, path: string): JobId {
  return `${run}/${path}$`;
}

/** Options that make an enqueue of that job the only one. */
export function once(id: JobId, queue: string, more: EnqueueOptions = {}): EnqueueOptions {
  return {
    ...more,
    queue,
    id,
    unique: { key: id, until: { ttl: NAMED_FOR }, onConflict: "existing" },
  };
}
