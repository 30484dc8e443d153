import { JOB_STATES, JOB_STATUSES, type JobStatus, LEGAL_MOVES } from "@lexigram/contracts";

/** A public status as a small number: its place in `JOB_STATUSES`. */
export type StatusCode = number;

const code = (status: JobStatus): StatusCode => JOB_STATUSES.indexOf(status);

export const WAITING: StatusCode = code("waiting");
export const SCHEDULED: StatusCode = code("scheduled");
export const PENDING: StatusCode = code("pending");
export const RUNNING: StatusCode = code("running");
export const COMPLETED: StatusCode = code("completed");
export const FAILED: StatusCode = code("failed");
export const CANCELLED: StatusCode = code("cancelled");
export const EXPIRED: StatusCode = code("expired");
export const RETRYING: StatusCode = code("retrying");
/** The code of an entry that the queue no longer holds. */
export const REMOVED: StatusCode = -1;

export const UNFINISHED: readonly StatusCode[] = [WAITING, SCHEDULED, RETRYING, PENDING, RUNNING];

const STATES = JOB_STATES.length;
const LEGAL = new Uint8Array(STATES * STATES);
for (const from of JOB_STATES)
  for (const to of LEGAL_MOVES[from]) LEGAL[JOB_STATES.indexOf(from) * STATES + JOB_STATES.indexOf(to)] = 1;

const stateCode = (status: StatusCode): number => (status === RETRYING ? SCHEDULED : status);

/** Whether the table of moves in contracts allows it. */
export function isLegal(from: StatusCode, to: StatusCode): boolean {
  return LEGAL[stateCode(from) * STATES + stateCode(to)] === 1;
}

export function statusName(status: StatusCode): JobStatus {
  return JOB_STATUSES[status] ?? "cancelled";
}

export function statusCode(status: JobStatus): StatusCode {
  return code(status);
}

export function isTerminalCode(status: StatusCode): boolean {
  return status >= COMPLETED && status <= EXPIRED;
}

/** Neither running nor over. */
export function isUnstartedCode(status: StatusCode): boolean {
  return status === PENDING || status === SCHEDULED || status === WAITING || status === RETRYING;
}
