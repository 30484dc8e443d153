import type { LexigramErrorOptions } from "./lexigram-error.ts";
import type { TaskErrorFields } from "./task-error-fields.ts";
import { hinted, TaskError } from "./task-errors.ts";

/** A lock was not to be had in the time that the caller gave. */
export class LockTimeoutError extends TaskError<"LEX_ERR_TASK_LOCK_TIMEOUT"> {
  readonly code = "LEX_ERR_TASK_LOCK_TIMEOUT";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_LOCK_TIMEOUT"], options?: LexigramErrorOptions) {
    super(
      `lock "${fields.key}" was not to be had within ${fields.waitedMs} ms`,
      fields,
      hinted("wait longer with waitTimeout, hold the lock for less work, or choose a finer key", options),
    );
  }
}

/** A lock ended before its holder gave it back; as the reason of `lock.signal` it asks the holder to stop. */
export class LockLostError extends TaskError<"LEX_ERR_TASK_LOCK_LOST"> {
  readonly code = "LEX_ERR_TASK_LOCK_LOST";
  constructor(fields: TaskErrorFields["LEX_ERR_TASK_LOCK_LOST"], options?: LexigramErrorOptions) {
    super(
      `lock "${fields.key}" with the fencing number ${fields.fencing} was lost`,
      fields,
      hinted(
        "stop on lock.signal, send the fencing number with what you write, and look for what blocks the event loop",
        options,
      ),
    );
  }
}
