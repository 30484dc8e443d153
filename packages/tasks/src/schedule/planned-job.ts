import { nearest, TaskValidationError, told } from "@lexigram/contracts";
import type { TaskSpec } from "../define/registered-task.ts";
import { specOf, type TaskRef } from "../define/task-definition.ts";
import { TaskSignature } from "../define/task-signature.ts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";
import { checkEnqueueOptions } from "../dispatch/new-job.ts";
import { optionsOfTask } from "../dispatch/options-of-task.ts";
import type { Enqueueable } from "../dispatch/task-dispatcher.ts";
import { JobTemplate } from "../job/job-template.ts";
import type { PlannedJob } from "./schedule-plan.ts";

/** What can be scheduled: a task without input, a description of a job, a template, or a task's name. */
export type Schedulable = Enqueueable | JobTemplate;

/** What jobs of a schedule may say themselves; the rest is the schedule's own business. */
const OPTIONS: readonly (keyof EnqueueOptions)[] = [
  "queue",
  "priority",
  "maxRetries",
  "timeout",
  "headers",
  "labels",
  "expiresIn",
  "retry",
  "key",
  "resultTtl",
  "maxRecoveries",
];

/**
 * A job to be enqueued at each occurrence. What its task says of queue and priority is noted with it, so that a process
 * that only schedules enqueues as one that has the task.
 *
 * @param lookup finds a task by its name.
 * @throws TaskValidationError for what is no task, and for options that cannot be those of many jobs.
 */
export function plannedJob(
  job: Schedulable,
  declared: boolean,
  lookup: (name: string) => TaskSpec | undefined,
): PlannedJob {
  const { name, target, input, options, spec } = described(job, lookup);
  checkEnqueueOptions(options);
  for (const key of Object.keys(options))
    if (!OPTIONS.includes(key as keyof EnqueueOptions)) {
      const near = nearest(key, OPTIONS);
      throw new TaskValidationError(
        {
          subject: `the schedule of task "${name}"`,
          issues: [{ path: key, message: "cannot be an option of its jobs" }],
        },
        { hint: near === undefined ? `there are ${OPTIONS.join(", ")}` : `did you mean "${near}"?` },
      );
    }
  return {
    task: name,
    target,
    input,
    declared,
    options: { ...(spec === undefined ? {} : optionsOfTask(spec)), ...options },
  };
}

interface Described {
  readonly name: string;
  readonly target: Enqueueable;
  readonly input: unknown;
  readonly options: EnqueueOptions;
  readonly spec: TaskSpec | undefined;
}

function described(job: unknown, lookup: (name: string) => TaskSpec | undefined): Described {
  if (typeof job === "string")
    return { name: job, target: job, input: undefined, options: {}, spec: lookup(job) };
  const spec = specOf(job);
  if (spec !== undefined)
    return { name: spec.name, target: job as TaskRef<unknown, unknown>, input: undefined, options: {}, spec };
  const description = job instanceof JobTemplate ? job.createJob() : job;
  const { task, input, options = {} } = (description ?? {}) as Partial<TaskSignature>;
  if (typeof task !== "string")
    throw new TaskValidationError(
      {
        subject: "a schedule",
        issues: [{ path: "job", message: `must be a task or a job, not ${told(job)}` }],
      },
      { hint: "pass a definition, what its signature(input) returns, a JobTemplate, or a task's name" },
    );
  const own = description instanceof TaskSignature ? TaskSignature.specOf(description) : lookup(task);
  return { name: task, target: task, input, options, spec: own };
}
