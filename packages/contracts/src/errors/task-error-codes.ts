import type { TaskErrorCode } from "./task-error-fields.ts";

/** What a code says, and what to do about it. */
export interface ErrorCodeDescription {
  readonly meaning: string;
  readonly whatToDo: string;
}

/** The closed list of codes about tasks, as `docs/errors.md` shows it. */
export const TASK_ERROR_CODES: Readonly<Record<TaskErrorCode, ErrorCodeDescription>> = {
  LEX_ERR_TASK_QUEUE_FULL: {
    meaning: "The queue holds as many unfinished jobs as its `maxSize` allows; nothing was stored.",
    whatToDo: "Enqueue later, add workers, or raise `maxSize`.",
  },
  LEX_ERR_TASK_DUPLICATE: {
    meaning: "Another job holds the id or the unique key; `existingId` names it. Nothing was stored.",
    whatToDo: 'Wait for that job, choose another id or key, or enqueue with `onConflict: "existing"`.',
  },
  LEX_ERR_TASK_VALIDATION: {
    meaning: "An input, option, payload or stored value is not what it must be; `issues` names each place.",
    whatToDo: "Correct the value at the given paths. No attempt was used up.",
  },
  LEX_ERR_TASK_UNSUPPORTED: {
    meaning: "The capability manifest of this backend says that it cannot do what was asked.",
    whatToDo: "Ask for something else, or bind the queue to a backend that can.",
  },
  LEX_ERR_TASK_QUEUE_UNAVAILABLE: {
    meaning: "The store did not answer in time; `accepted` tells whether an enqueue may have reached it.",
    whatToDo: "Check that the server can be reached; enqueue again with the same id to be safe.",
  },
  LEX_ERR_TASK_CLOSED: {
    meaning: "The queue, store or worker was closed before the call.",
    whatToDo: "Use it before the application stops, or open a new one.",
  },
  LEX_ERR_TASK_QUEUE_NOT_FOUND: {
    meaning: "No queue of this application has that name; `known` lists those that exist.",
    whatToDo: "Add an entry to `backends`, or correct the name.",
  },
  LEX_ERR_TASK_LEASE_LOST: {
    meaning: "The lease of this delivery ended, so another attempt may own the job; nothing was changed.",
    whatToDo: "Stop working on it. If it happens often, look for handlers that block the event loop.",
  },
  LEX_ERR_TASK_NOT_FOUND: {
    meaning: "No handler is registered under the task's name.",
    whatToDo:
      "List its class or definition in `TasksModule.scope(...)` of a process that works on the queue.",
  },
  LEX_ERR_TASK_JOB_NOT_FOUND: {
    meaning: "The queue holds no record of the job: it never existed, was deleted, or its retention ended.",
    whatToDo: "Check queue and id; keep records longer with `keepCompleted`, `keepFailed` or `resultTtl`.",
  },
  LEX_ERR_TASK_NOT_ALLOWED: {
    meaning: "The job's status does not allow the move from `from` to `to`.",
    whatToDo:
      "Look at the job's status first; only unstarted jobs can be updated, only dead letters retried.",
  },
  LEX_ERR_TASK_TIMEOUT: {
    meaning: "An attempt ran longer than its timeout; its late result is not accepted.",
    whatToDo: "Give the task a longer `timeout`, or let the handler stop on `ctx.signal`.",
  },
  LEX_ERR_TASK_DEADLINE: {
    meaning: "The job was not finished before its deadline, which counts the wait in the queue.",
    whatToDo: "Give it a later `deadline`, a higher priority, or more workers.",
  },
  LEX_ERR_TASK_CANCELLED: {
    meaning: "The job was cancelled.",
    whatToDo: "Nothing, when it was meant; `reason` says who asked.",
  },
  LEX_ERR_TASK_EXPIRED: {
    meaning: "The job was not started within its `expiresIn`.",
    whatToDo: "Allow more time, or add workers.",
  },
  LEX_ERR_TASK_DISCARDED: {
    meaning: "The handler threw `DiscardTask`: the job ended without a result and without a dead letter.",
    whatToDo: "Nothing, when it was meant.",
  },
  LEX_ERR_TASK_REJECTED: {
    meaning: "The handler threw `RejectTask`: the job went to the dead letters without another attempt.",
    whatToDo: "Look at the dead letter, mend the cause, retry it.",
  },
  LEX_ERR_TASK_POISON: {
    meaning:
      "Workers died while they ran this job, more often than `maxRecoveries` allows; it is a dead letter.",
    whatToDo: "Look for what ends or blocks the process: memory, `process.exit`, an endless loop.",
  },
  LEX_ERR_TASK_EXECUTION: {
    meaning: "A handler threw; what it threw is the cause.",
    whatToDo: "Look at the cause.",
  },
  LEX_ERR_TASK_RETRIES_EXHAUSTED: {
    meaning:
      "A task that was run with `apply` failed as often as its policy allows; the last error is the cause.",
    whatToDo: "Look at the cause, or allow more retries.",
  },
  LEX_ERR_TASK_REMOTE: {
    meaning: "The job failed where it ran; `error` is what it left behind.",
    whatToDo: "Look at the error and the dead letter.",
  },
  LEX_ERR_TASK_RESULT_TIMEOUT: {
    meaning: "No result arrived in the time that the caller gave. The job goes on.",
    whatToDo: "Wait longer, or ask `handle.status()`.",
  },
  LEX_ERR_TASK_RESULT_UNAVAILABLE: {
    meaning: "The job is gone and its result with it.",
    whatToDo: "Give the task a `resultTtl`, or raise `keepCompleted` of its queue.",
  },
  LEX_ERR_TASK_LOCK_TIMEOUT: {
    meaning: "A lock was not to be had within the `waitTimeout` that the caller gave.",
    whatToDo: "Wait longer, hold the lock for less work, or choose a finer key.",
  },
  LEX_ERR_TASK_LOCK_LOST: {
    meaning: "A lock ended before its holder gave it back; somebody else may hold it, with a higher number.",
    whatToDo:
      "Stop on `lock.signal`, send the fencing number with what you write, and look for what blocks the event loop.",
  },
  LEX_ERR_TASK_REGISTRATION: {
    meaning:
      "A task cannot be registered: its name is taken, it has no handler, or its class has no task method.",
    whatToDo: "Rename it, or put `@task` or `@handles` on the method.",
  },
  LEX_ERR_TASK_CONFIG: {
    meaning: "A setting is unknown, out of range, or at odds with another; `path` names it.",
    whatToDo: "Correct the setting; the hint names the nearest valid one.",
  },
  LEX_ERR_TASK_SCHEDULE_INVALID: {
    meaning:
      "A schedule cannot be what it says: `field` names the part that is wrong, `nearest` a value that is not.",
    whatToDo: "Correct that part; `preview` shows when a schedule is due.",
  },
  LEX_ERR_TASK_DEPENDENCY_CYCLE: {
    meaning: "Jobs that are enqueued together depend on each other in a circle; nothing was stored.",
    whatToDo: "Take one of the ids that `cycle` names out of `dependsOn`.",
  },
  LEX_ERR_TASK_WORKFLOW: {
    meaning:
      "A workflow could not be carried out: a condition threw, its id is taken, or its state cannot be read.",
    whatToDo: "Look at the cause; `step` names the step, where it is about one.",
  },
  LEX_ERR_TASK_BACKEND_UNKNOWN: {
    meaning: "No backend of that type is registered; `known` lists the types.",
    whatToDo: "Correct `type`, or register the backend with `TaskBackendRegistry`.",
  },
  LEX_ERR_TASK_BACKEND_MISSING: {
    meaning: "The package of a first-party backend is not installed.",
    whatToDo: "Install the package that `package` names.",
  },
};
