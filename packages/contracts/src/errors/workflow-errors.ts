import type { LexigramErrorOptions } from "./lexigram-error.ts";
import type { TaskErrorFields } from "./task-error-fields.ts";
import { hinted, TaskError } from "./task-errors.ts";

/** Jobs that are enqueued together wait for each other in a circle. Nothing was stored. */
export class TaskDependencyCycleError extends TaskError<"LEX_ERR_TASK_DEPENDENCY_CYCLE"> {
  readonly code = "LEX_ERR_TASK_DEPENDENCY_CYCLE";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_DEPENDENCY_CYCLE"], options?: LexigramErrorOptions) {
    super(
      `jobs depend on each other in a circle: ${fields.cycle.join(" -> ")}`,
      fields,
      hinted("take one of these ids out of dependsOn", options),
    );
  }
}

/** A workflow could not be carried out. A step that fails is no such error: the workflow's result tells of it. */
export class WorkflowError extends TaskError<"LEX_ERR_TASK_WORKFLOW"> {
  readonly code = "LEX_ERR_TASK_WORKFLOW";
  constructor(
    message: string,
    fields: TaskErrorFields["LEX_ERR_TASK_WORKFLOW"],
    options?: LexigramErrorOptions,
  ) {
    super(message, fields, hinted("see the cause, and the state of the workflow", options));
  }
}
