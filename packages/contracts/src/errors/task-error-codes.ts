import type { TaskErrorCode } from "./task-errors.ts";

/** What a code says, and what to do about it. */
export interface ErrorCodeEntry {
  readonly meaning: string;
  readonly remedy: string;
}

/** The closed list of codes about tasks, as `docs/errors.md` shows it. */
export const TASK_ERROR_CODES: Readonly<Record<TaskErrorCode, ErrorCodeEntry>> = {
  LEX_ERR_TASK_QUEUE_FULL: {
    meaning: "The queue holds as many unfinished jobs as its `maxSize` allows; nothing was stored.",
    remedy: "Enqueue later, add workers, or raise `maxSize`.",
  },
  LEX_ERR_TASK_DUPLICATE: {
    meaning: "Another job holds the id or the unique key; `existingId` names it. Nothing was stored.",
    remedy: 'Wait for that job, choose another id or key, or enqueue with `onConflict: "existing"`.',
  },
  LEX_ERR_TASK_VALIDATION: {
    meaning: "An input, option, payload or stored value is not what it must be; `issues` names each place.",
    remedy: "Correct the value at the given paths. No attempt was used up.",
  },
  LEX_ERR_TASK_UNSUPPORTED: {
    meaning: "The capability manifest of this backend says that it cannot do what was asked.",
    remedy: "Ask for something else, or bind the queue to a backend that can.",
  },
  LEX_ERR_TASK_QUEUE_UNAVAILABLE: {
    meaning: "The store did not answer in time; `accepted` tells whether an enqueue may have reached it.",
    remedy: "Check that the server can be reached; enqueue again with the same id to be safe.",
  },
  LEX_ERR_TASK_CLOSED: {
    meaning: "The queue, store or worker was closed before the call.",
    remedy: "Use it before the application stops, or open a new one.",
  },
  LEX_ERR_TASK_QUEUE_NOT_FOUND: {
    meaning: "No queue of this application has that name; `known` lists those that exist.",
    remedy: "Add an entry to `backends`, or correct the name.",
  },
  LEX_ERR_TASK_LEASE_LOST: {
    meaning: "The lease of this delivery ended, so another attempt may own the job; nothing was changed.",
    remedy: "Stop working on it. If it happens often, look for handlers that block the event loop.",
  },
  LEX_ERR_TASK_NOT_FOUND: {
    meaning: "No handler is registered under the task's name.",
    remedy: "List its class or definition in `TasksModule.scope(...)` of a process that works on the queue.",
  },
  LEX_ERR_TASK_JOB_NOT_FOUND: {
    meaning: "The queue holds no record of the job: it never existed, was deleted, or its retention ended.",
    remedy: "Check queue and id; keep records longer with `keepCompleted`, `keepFailed` or `resultTtl`.",
  },
  LEX_ERR_TASK_NOT_ALLOWED: {
    meaning: "The job's status does not allow the move from `from` to `to`.",
    remedy: "Look at the job's status first; only unstarted jobs can be updated, only dead letters retried.",
  },
  LEX_ERR_TASK_TIMEOUT: {
    meaning: "An attempt ran longer than its timeout; its late result is not accepted.",
    remedy: "Give the task a longer `timeout`, or let the handler stop on `ctx.signal`.",
  },
  LEX_ERR_TASK_DEADLINE: {
    meaning: "The job was not finished before its deadline, which counts the wait in the queue.",
    remedy: "Give it a later `deadline`, a higher priority, or more workers.",
  },
  LEX_ERR_TASK_CANCELLED: {
    meaning: "The job was cancelled.",
    remedy: "Nothing, when it was meant; `reason` says who asked.",
  },
  LEX_ERR_TASK_EXPIRED: {
    meaning: "The job was not started within its `expiresIn`.",
    remedy: "Allow more time, or add workers.",
  },
  LEX_ERR_TASK_DISCARDED: {
    meaning: "The handler threw `DiscardTask`: the job ended without a result and without a dead letter.",
    remedy: "Nothing, when it was meant.",
  },
  LEX_ERR_TASK_REJECTED: {
    meaning: "The handler threw `RejectTask`: the job went to the dead letters without another attempt.",
    remedy: "Look at the dead letter, mend the cause, retry it.",
  },
  LEX_ERR_TASK_POISON: {
    meaning:
      "Workers died while they ran this job, more often than `maxRecoveries` allows; it is a dead letter.",
    remedy: "Look for what ends or blocks the process: memory, `process.exit`, an endless loop.",
  },
  LEX_ERR_TASK_EXECUTION: {
    meaning: "A handler threw; what it threw is the cause.",
    remedy: "Look at the cause.",
  },
  LEX_ERR_TASK_RETRIES_EXHAUSTED: {
    meaning:
      "A task that was run with `apply` failed as often as its policy allows; the last error is the cause.",
    remedy: "Look at the cause, or allow more retries.",
  },
  LEX_ERR_TASK_REMOTE: {
    meaning: "The job failed where it ran; `error` is what it left behind.",
    remedy: "Look at the error and the dead letter.",
  },
  LEX_ERR_TASK_RESULT_TIMEOUT: {
    meaning: "No result arrived in the time that the caller gave. The job goes on.",
    remedy: "Wait longer, or ask `handle.status()`.",
  },
  LEX_ERR_TASK_RESULT_UNAVAILABLE: {
    meaning: "The job is gone and its result with it.",
    remedy: "Give the task a `resultTtl`, or raise `keepCompleted` of its queue.",
  },
  LEX_ERR_TASK_REGISTRATION: {
    meaning:
      "A task cannot be registered: its name is taken, it has no handler, or its class has no task method.",
    remedy: "Rename it, or put `@task` or `@handles` on the method.",
  },
  LEX_ERR_TASK_CONFIG: {
    meaning: "A setting is unknown, out of range, or at odds with another; `path` names it.",
    remedy: "Correct the setting; the hint names the nearest valid one.",
  },
  LEX_ERR_TASK_BACKEND_UNKNOWN: {
    meaning: "No backend of that type is registered; `known` lists the types.",
    remedy: "Correct `type`, or register the backend with `TaskBackendRegistry`.",
  },
  LEX_ERR_TASK_BACKEND_MISSING: {
    meaning: "The package of a first-party backend is not installed.",
    remedy: "Install the package that `package` names.",
  },
};
