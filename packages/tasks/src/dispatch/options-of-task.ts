import type { TaskSpec } from "../define/registered-task.ts";
import type { EnqueueOptions } from "./enqueue-options.ts";

/** What a task says of its jobs, as options that can be stored: a process that lacks the task enqueues as one that has it. */
export function optionsOfTask(spec: TaskSpec): EnqueueOptions & { readonly queue: string } {
  const { queue, priority, expiresInMs, resultTtlMs, maxRecoveries } = spec.policy;
  return {
    queue,
    ...(priority === undefined ? {} : { priority }),
    ...(expiresInMs === undefined ? {} : { expiresIn: expiresInMs }),
    ...(resultTtlMs === undefined ? {} : { resultTtl: resultTtlMs }),
    ...(maxRecoveries === undefined ? {} : { maxRecoveries }),
  };
}
