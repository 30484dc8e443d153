/** What a store keeps. */
export type JobState =
  | "waiting"
  | "scheduled"
  | "pending"
  | "running"
  | "completed"
  | "failed"
  | "cancelled"
  | "expired";

/** What a user sees: `retrying` is a scheduled job that has already run. */
export type JobStatus = JobState | "retrying";

export const JOB_STATES: readonly JobState[] = [
  "waiting",
  "scheduled",
  "pending",
  "running",
  "completed",
  "failed",
  "cancelled",
  "expired",
];

export const JOB_STATUSES: readonly JobStatus[] = [...JOB_STATES, "retrying"];

/** Where a new job may enter: `failed` only as a dead letter that is put there by hand. */
export const INITIAL_STATES: readonly JobState[] = ["waiting", "scheduled", "pending", "failed"];

/**
 * Every legal move of a job, shared by all stores and checked by the conformance kit. Deleting a record is not a
 * move.
 */
export const LEGAL_MOVES: Readonly<Record<JobState, readonly JobState[]>> = {
  /** Released by what it waits for, or given up on. */
  waiting: ["pending", "scheduled", "cancelled"],
  /** Due, rescheduled, or given up on. */
  scheduled: ["pending", "scheduled", "cancelled", "expired"],
  /** Claimed, put off by an update, or given up on. */
  pending: ["running", "scheduled", "cancelled", "expired"],
  /** Settled; handed back or recovered (`pending`); stored for a retry (`scheduled`). */
  running: ["completed", "failed", "cancelled", "scheduled", "pending"],
  completed: [],
  /** Redriven from the dead letters. */
  failed: ["pending"],
  cancelled: [],
  expired: [],
};

/** Whether a job may go from one state to another. */
export function isLegalMove(from: JobState, to: JobState): boolean {
  return LEGAL_MOVES[from].includes(to);
}

const TERMINAL: ReadonlySet<JobStatus> = new Set(["completed", "failed", "cancelled", "expired"]);

/** Whether nothing will happen to a job by itself any more. */
export function isTerminal(status: JobStatus): boolean {
  return TERMINAL.has(status);
}

const UNSTARTED: ReadonlySet<JobStatus> = new Set(["waiting", "scheduled", "pending", "retrying"]);

/** Whether a job is neither running nor over, so that it can be cancelled at once or updated. */
export function isUnstarted(status: JobStatus): boolean {
  return UNSTARTED.has(status);
}

/** The status that is shown for a stored state. `attempt` is the number of attempts that were counted. */
export function publicStatus(state: JobState, attempt: number): JobStatus {
  return state === "scheduled" && attempt > 0 ? "retrying" : state;
}
