/**
 * Members that a package adds to the context of every handler, by merging. A member that the job's queue cannot
 * serve answers `LEX_ERR_TASK_UNSUPPORTED` when it is used.
 */
export interface TaskContextExtensions {}
