import type { TaskSpec } from "../define/registered-task.ts";
import { optionsOfTask } from "../dispatch/options-of-task.ts";
import { checkEnqueueOptions, policyOf, withOptions } from "../dispatch/new-job.ts";
import type { StepJobOptions } from "./task-step.ts";
import { asJson, type TaskNode } from "./plan.ts";

const NO_BODY = { data: "", encoding: "json" };

/** A step that is a task, as data, with what its task says: a process that carries the workflow on may not have the task. */
export function taskNode(
  name: string,
  spec: TaskSpec,
  job: StepJobOptions,
  input: { readonly value: unknown } | undefined,
  handling: TaskSpec | undefined,
): TaskNode {
  // Refused where it is written, not where a worker reads it.
  checkEnqueueOptions(job);
  policyOf(job, () => 0);
  withOptions({ id: "", task: spec.name, body: NO_BODY, headers: {}, priority: 5 }, job, () => 0);
  const { queue, ...options } = { ...optionsOfTask(spec), ...job };
  return {
    kind: "task",
    name,
    task: spec.name,
    queue,
    options: asJson(options) as TaskNode["options"],
    ...(input === undefined
      ? {}
      : { input: input.value === undefined ? {} : { value: asJson(input.value) } }),
    ...(handling === undefined
      ? {}
      : { onError: taskNode(`${name}.onError`, handling, {}, undefined, undefined) }),
  };
}
