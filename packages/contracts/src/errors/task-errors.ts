import { LexigramError, type LexigramErrorOptions } from "./lexigram-error.ts";
import type { TaskErrorCode, TaskErrorFields } from "./task-error-fields.ts";

/** The base of all errors about tasks; `code` tells them apart and types `fields`. */
export abstract class TaskError<C extends TaskErrorCode = TaskErrorCode> extends LexigramError<
  C,
  TaskErrorFields[C]
> {
  constructor(
    message: string,
    fields: TaskErrorFields[C],
    options: LexigramErrorOptions & { readonly hint: string },
  ) {
    super(message, fields, options);
  }
}

/** The options of an error, whose hint is the given one unless the thrower knows better. */
export function hinted(
  hint: string,
  options: LexigramErrorOptions | undefined,
): LexigramErrorOptions & { readonly hint: string } {
  const own = options?.hint;
  return { ...options, hint: own === undefined || own === "" ? hint : own };
}

/** The queue holds as many unfinished jobs as its `maxSize` allows. Nothing was stored. */
export class QueueFullError extends TaskError<"LEX_ERR_TASK_QUEUE_FULL"> {
  readonly code = "LEX_ERR_TASK_QUEUE_FULL";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_QUEUE_FULL"], options?: LexigramErrorOptions) {
    super(
      `queue "${fields.queue}" is full: it holds ${fields.capacity} unfinished jobs`,
      fields,
      hinted("try again later, add workers, or raise maxSize of the queue", options),
    );
  }
}

/** The id, or the unique key, is held by another job. Nothing was stored. */
export class DuplicateTaskError extends TaskError<"LEX_ERR_TASK_DUPLICATE"> {
  readonly code = "LEX_ERR_TASK_DUPLICATE";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_DUPLICATE"], options?: LexigramErrorOptions) {
    const what = fields.key === undefined ? `the id "${fields.jobId}"` : `the unique key "${fields.key}"`;
    super(
      `${what} is held by job "${fields.existingId}" in queue "${fields.queue}"`,
      fields,
      hinted(
        fields.key === undefined
          ? "wait for that job, or choose another id"
          : 'wait for that job, choose another key, or pass onConflict: "existing"',
        options,
      ),
    );
  }
}

/** An input, an option or a payload is not what it must be. Nothing was stored, and no attempt was burnt. */
export class TaskValidationError extends TaskError<"LEX_ERR_TASK_VALIDATION"> {
  readonly code = "LEX_ERR_TASK_VALIDATION";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_VALIDATION"], options?: LexigramErrorOptions) {
    const issues = fields.issues.map((i) => (i.path === "" ? i.message : `${i.path}: ${i.message}`));
    super(`${fields.subject} is invalid: ${issues.join("; ")}`, fields, hinted(correction(fields), options));
  }
}

/** Paths that a hint names at most. */
const NAMED_PATHS = 5;

function correction({ subject, issues }: TaskErrorFields["LEX_ERR_TASK_VALIDATION"]): string {
  const paths = [...new Set(issues.map((issue) => issue.path))];
  if (paths.length === 0 || paths.includes("")) return `correct ${subject} as the message says`;
  const more = paths.length > NAMED_PATHS ? ` and ${paths.length - NAMED_PATHS} more` : "";
  return `correct ${paths.slice(0, NAMED_PATHS).join(", ")}${more} of ${subject}`;
}

/** The backend's manifest says that it cannot do this. */
export class UnsupportedError extends TaskError<"LEX_ERR_TASK_UNSUPPORTED"> {
  readonly code = "LEX_ERR_TASK_UNSUPPORTED";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_UNSUPPORTED"], options?: LexigramErrorOptions) {
    super(
      `${fields.subject} does not support ${fields.capability}`,
      fields,
      hinted("see its capability manifest; another backend may offer it", options),
    );
  }
}

/** The store did not answer, or not in time. `accepted` says whether an enqueue may have reached it. */
export class QueueUnavailableError extends TaskError<"LEX_ERR_TASK_QUEUE_UNAVAILABLE"> {
  readonly code = "LEX_ERR_TASK_QUEUE_UNAVAILABLE";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_QUEUE_UNAVAILABLE"], options?: LexigramErrorOptions) {
    const fate = fields.accepted === "unknown" ? `; ${unknownFate(fields.ids.length)}` : "";
    super(
      `the store of queue "${fields.queue}" is unavailable${fate}`,
      fields,
      hinted(
        "check that the server runs and can be reached; enqueue again with the same id to be safe",
        options,
      ),
    );
  }
}

/** @param jobs how many of them the call was about. */
function unknownFate(jobs: number): string {
  if (jobs === 0) return "what was asked of it may have been done";
  return `${jobs} ${jobs === 1 ? "job" : "jobs"} may have been accepted`;
}

/** The queue, store or worker was closed before the call. */
export class ClosedError extends TaskError<"LEX_ERR_TASK_CLOSED"> {
  readonly code = "LEX_ERR_TASK_CLOSED";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_CLOSED"], options?: LexigramErrorOptions) {
    super(
      `${fields.resource} is closed`,
      fields,
      hinted("use it before the application stops, or open a new one", options),
    );
  }
}

/** No queue of this application has that name. */
export class QueueNotFoundError extends TaskError<"LEX_ERR_TASK_QUEUE_NOT_FOUND"> {
  readonly code = "LEX_ERR_TASK_QUEUE_NOT_FOUND";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_QUEUE_NOT_FOUND"], options?: LexigramErrorOptions) {
    super(
      `there is no queue "${fields.queue}"`,
      fields,
      hinted(`queues of this application: ${fields.known.join(", ") || "none"}`, options),
    );
  }
}

/** The lease of this delivery ended, so another attempt may own the job; nothing was changed. */
export class LeaseLostError extends TaskError<"LEX_ERR_TASK_LEASE_LOST"> {
  readonly code = "LEX_ERR_TASK_LEASE_LOST";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_LEASE_LOST"], options?: LexigramErrorOptions) {
    super(
      `the lease on job "${fields.jobId}" of queue "${fields.queue}" is lost`,
      fields,
      hinted("another attempt owns the job now; stop working on it and let that attempt finish it", options),
    );
  }
}

/** No handler is registered under this task's name. */
export class TaskNotFoundError extends TaskError<"LEX_ERR_TASK_NOT_FOUND"> {
  readonly code = "LEX_ERR_TASK_NOT_FOUND";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_NOT_FOUND"], options?: LexigramErrorOptions) {
    super(
      `no handler is registered for task "${fields.task}"`,
      fields,
      hinted(
        `registered tasks: ${fields.known.join(", ") || "none"}; list the class or definition in TasksModule.scope(...)`,
        options,
      ),
    );
  }
}

/** The queue holds no record of this job: it never existed, was deleted, or its retention ended. */
export class JobNotFoundError extends TaskError<"LEX_ERR_TASK_JOB_NOT_FOUND"> {
  readonly code = "LEX_ERR_TASK_JOB_NOT_FOUND";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_JOB_NOT_FOUND"], options?: LexigramErrorOptions) {
    super(
      `queue "${fields.queue}" holds no job "${fields.jobId}"`,
      fields,
      hinted("check queue and id; keep records longer with keepCompleted, keepFailed or resultTtl", options),
    );
  }
}

/** The job's status does not allow the move, such as an update of a job that has started. */
export class TransitionNotAllowedError extends TaskError<"LEX_ERR_TASK_NOT_ALLOWED"> {
  readonly code = "LEX_ERR_TASK_NOT_ALLOWED";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_NOT_ALLOWED"], options?: LexigramErrorOptions) {
    super(
      `job "${fields.jobId}" cannot go from ${fields.from} to ${fields.to}`,
      fields,
      hinted(
        "look at the job's status first: only unstarted jobs can be updated, only dead letters retried",
        options,
      ),
    );
  }
}

/** An attempt ran longer than its timeout. Its late result is never accepted. */
export class TaskTimeoutError extends TaskError<"LEX_ERR_TASK_TIMEOUT"> {
  readonly code = "LEX_ERR_TASK_TIMEOUT";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_TIMEOUT"], options?: LexigramErrorOptions) {
    super(
      `task "${fields.task}" did not finish within ${fields.timeoutMs} ms`,
      fields,
      hinted("give the task a longer timeout, or let the handler stop on ctx.signal", options),
    );
  }
}

/** The job was not finished before its deadline, which counts the wait in the queue. */
export class TaskDeadlineError extends TaskError<"LEX_ERR_TASK_DEADLINE"> {
  readonly code = "LEX_ERR_TASK_DEADLINE";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_DEADLINE"], options?: LexigramErrorOptions) {
    super(
      `job "${fields.jobId}" of task "${fields.task}" missed its deadline`,
      fields,
      hinted("give it a later deadline, a higher priority, or more workers", options),
    );
  }
}

/** The job was cancelled; as the reason of `ctx.signal` it asks the handler to stop. */
export class TaskCancelledError extends TaskError<"LEX_ERR_TASK_CANCELLED"> {
  readonly code = "LEX_ERR_TASK_CANCELLED";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_CANCELLED"], options?: LexigramErrorOptions) {
    super(
      `job "${fields.jobId}" was cancelled: ${fields.reason}`,
      fields,
      hinted("nothing is wrong when it was meant; the reason says who asked", options),
    );
  }
}

/** The job was not started within its `expiresIn`. */
export class TaskExpiredError extends TaskError<"LEX_ERR_TASK_EXPIRED"> {
  readonly code = "LEX_ERR_TASK_EXPIRED";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_EXPIRED"], options?: LexigramErrorOptions) {
    super(
      `job "${fields.jobId}" expired before it was started`,
      fields,
      hinted("allow more time with expiresIn, or add workers", options),
    );
  }
}

/** The handler discarded the job: it ended without a result and without a dead letter. */
export class TaskDiscardedError extends TaskError<"LEX_ERR_TASK_DISCARDED"> {
  readonly code = "LEX_ERR_TASK_DISCARDED";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_DISCARDED"], options?: LexigramErrorOptions) {
    super(
      `job "${fields.jobId}" was discarded: ${fields.reason}`,
      fields,
      hinted("nothing is wrong when it was meant: the handler threw DiscardTask", options),
    );
  }
}

/** The handler rejected the job: it went to the dead letters without another attempt. */
export class TaskRejectedError extends TaskError<"LEX_ERR_TASK_REJECTED"> {
  readonly code = "LEX_ERR_TASK_REJECTED";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_REJECTED"], options?: LexigramErrorOptions) {
    super(
      `job "${fields.jobId}" was rejected: ${fields.reason}`,
      fields,
      hinted("look at the dead letter, mend the cause, and retry it", options),
    );
  }
}

/** Workers died while they ran this job, more often than `maxRecoveries` allows. */
export class PoisonJobError extends TaskError<"LEX_ERR_TASK_POISON"> {
  readonly code = "LEX_ERR_TASK_POISON";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_POISON"], options?: LexigramErrorOptions) {
    super(
      `job "${fields.jobId}" lost its worker ${fields.recoveries} times and was put aside`,
      fields,
      hinted("look for what ends or blocks the process: memory, process.exit, an endless loop", options),
    );
  }
}

/** A handler threw; what it threw is the cause. */
export class TaskExecutionError extends TaskError<"LEX_ERR_TASK_EXECUTION"> {
  readonly code = "LEX_ERR_TASK_EXECUTION";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_EXECUTION"], options?: LexigramErrorOptions) {
    super(
      `task "${fields.task}" failed`,
      fields,
      hinted("look at the cause, which is what the handler threw", options),
    );
  }
}

/** A task that was run here, with `apply`, failed as often as its policy allows; the last error is the cause. */
export class RetriesExhaustedError extends TaskError<"LEX_ERR_TASK_RETRIES_EXHAUSTED"> {
  readonly code = "LEX_ERR_TASK_RETRIES_EXHAUSTED";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_RETRIES_EXHAUSTED"], options?: LexigramErrorOptions) {
    super(
      `task "${fields.task}" failed in each of ${fields.attempts} attempts`,
      fields,
      hinted("look at the cause, which is the last error, or allow more retries with maxRetries", options),
    );
  }
}

/** The job failed where it ran; `fields.error` is what it left behind. */
export class RemoteTaskError extends TaskError<"LEX_ERR_TASK_REMOTE"> {
  readonly code = "LEX_ERR_TASK_REMOTE";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_REMOTE"], options?: LexigramErrorOptions) {
    super(
      `job "${fields.jobId}" failed: ${fields.error.name}: ${fields.error.message}`,
      fields,
      hinted("look at fields.error, and at the dead letter in its queue", options),
    );
  }
}

/** No result arrived in the time that the caller gave. The job goes on. */
export class ResultTimeoutError extends TaskError<"LEX_ERR_TASK_RESULT_TIMEOUT"> {
  readonly code = "LEX_ERR_TASK_RESULT_TIMEOUT";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_RESULT_TIMEOUT"], options?: LexigramErrorOptions) {
    super(
      `job "${fields.jobId}" had no result within ${fields.timeoutMs} ms`,
      fields,
      hinted("the job goes on; wait longer, or ask handle.status()", options),
    );
  }
}

/** The job is gone, and its result with it: it was deleted, or its retention ended before the wait began. */
export class ResultUnavailableError extends TaskError<"LEX_ERR_TASK_RESULT_UNAVAILABLE"> {
  readonly code = "LEX_ERR_TASK_RESULT_UNAVAILABLE";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_RESULT_UNAVAILABLE"], options?: LexigramErrorOptions) {
    super(
      `there is no record of job "${fields.jobId}", and so no result`,
      fields,
      hinted("give the task a resultTtl, or raise keepCompleted of its queue", options),
    );
  }
}

/** A task cannot be registered: its name is taken, or its class has no task method. */
export class TaskRegistrationError extends TaskError<"LEX_ERR_TASK_REGISTRATION"> {
  readonly code = "LEX_ERR_TASK_REGISTRATION";
  constructor(
    message: string,
    fields: TaskErrorFields["LEX_ERR_TASK_REGISTRATION"],
    options?: LexigramErrorOptions,
  ) {
    super(
      message,
      fields,
      hinted("give each task a name of its own, and put @task or @handles on its method", options),
    );
  }
}

/** A setting is unknown, out of range, or at odds with another. */
export class TaskConfigError extends TaskError<"LEX_ERR_TASK_CONFIG"> {
  readonly code = "LEX_ERR_TASK_CONFIG";
  constructor(
    message: string,
    fields: TaskErrorFields["LEX_ERR_TASK_CONFIG"],
    options?: LexigramErrorOptions,
  ) {
    super(message, fields, hinted(`correct ${fields.path === "" ? "the setting" : fields.path}`, options));
  }
}

/** A schedule, a cron expression or a time zone is not what it must be. */
export class ScheduleInvalidError extends TaskError<"LEX_ERR_TASK_SCHEDULE_INVALID"> {
  readonly code = "LEX_ERR_TASK_SCHEDULE_INVALID";
  constructor(
    message: string,
    fields: TaskErrorFields["LEX_ERR_TASK_SCHEDULE_INVALID"],
    options?: LexigramErrorOptions,
  ) {
    const near = fields.nearest === undefined ? "" : `did you mean ${fields.nearest}?`;
    super(message, fields, hinted(near === "" ? `correct ${fields.field}` : near, options));
  }
}

/** No backend of that type is registered. */
export class BackendUnknownError extends TaskError<"LEX_ERR_TASK_BACKEND_UNKNOWN"> {
  readonly code = "LEX_ERR_TASK_BACKEND_UNKNOWN";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_BACKEND_UNKNOWN"], options?: LexigramErrorOptions) {
    super(
      `there is no backend of type "${fields.type}"`,
      fields,
      hinted(`known types: ${fields.known.join(", ") || "none"}`, options),
    );
  }
}

/** The backend's package is not installed. */
export class BackendMissingError extends TaskError<"LEX_ERR_TASK_BACKEND_MISSING"> {
  readonly code = "LEX_ERR_TASK_BACKEND_MISSING";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_BACKEND_MISSING"], options?: LexigramErrorOptions) {
    super(
      `backend "${fields.type}" needs the package ${fields.package}, which is not installed`,
      fields,
      hinted(`npm install ${fields.package}`, options),
    );
  }
}
