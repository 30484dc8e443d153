import type {
  DuplicateTaskError,
  JobNotFoundError,
  QueueFullError,
  TaskValidationError,
  TransitionNotAllowedError,
  UnsupportedError,
} from "./task-errors.ts";

/** What an enqueue may be refused with. Everything else is an infrastructure failure and is thrown. */
export type TaskQueueError =
  | QueueFullError
  | DuplicateTaskError
  | TaskValidationError
  | UnsupportedError
  | JobNotFoundError
  | TransitionNotAllowedError;
