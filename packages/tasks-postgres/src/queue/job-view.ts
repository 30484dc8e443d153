import {
  DEFAULT_MAX_RECOVERIES,
  type DeadLetter,
  type DeadLetterReason,
  type JobId,
  type JobOutcome,
  type JobRecord,
  type JobStatus,
  type JobView,
  PoisonJobError,
  type ReplayLink,
  type SerializedError,
  serializeError,
  TaskCancelledError,
} from "@lexigram/contracts";
import { fromOrderedText } from "../connection/ordered-text.ts";
import { bodyOf, headersOf, parsed } from "./stored-job.ts";

/** The columns that make the record of a job. */
export interface RecordRow {
  readonly id: string;
  readonly task: string;
  readonly data: string;
  readonly encoding: string;
  readonly headers: string | null;
  readonly priority: number;
  readonly key: string | null;
  readonly created: number;
  readonly expires: number | null;
}

interface EndRow {
  readonly status: string;
  readonly attempt: number;
  readonly recoveries: number;
  readonly result_encoding: string | null;
  readonly result: string | null;
  readonly error: string | null;
  readonly why: string | null;
}

/** A row of the view of jobs. */
export interface ViewRow extends RecordRow, EndRow {
  readonly deferrals: number;
  readonly run_at: number | null;
  readonly started: number | null;
  readonly finished: number | null;
  readonly reason: string | null;
  readonly cancel: boolean;
  readonly redrives: number;
  readonly replay: string | null;
  readonly depends: readonly string[] | string | null;
  readonly notifies: string | null;
  readonly max_recoveries: number | null;
}

/** A row of that view as a text; nothing when there is no such job. */
export function viewRowOf(text: unknown): ViewRow | undefined {
  return typeof text === "string" ? (JSON.parse(text) as ViewRow) : undefined;
}

/** How functions name where a job stands. */
export const STATUS_LETTERS: Readonly<Record<JobStatus, string>> = {
  waiting: "w",
  scheduled: "s",
  retrying: "r",
  pending: "p",
  running: "R",
  completed: "c",
  failed: "f",
  cancelled: "x",
  expired: "e",
};

const STATUSES: Readonly<Record<string, JobStatus>> = Object.fromEntries(
  Object.entries(STATUS_LETTERS).map(([status, letter]) => [letter, status as JobStatus]),
);

export const statusOf = (letter: string): JobStatus => STATUSES[letter] as JobStatus;

const UNKNOWN_ERROR: SerializedError = { name: "Error", message: "unknown" };

const REASONS: Readonly<Record<string, string>> = {
  asked: "it was asked to before it started",
  stopped: "it was asked to stop",
  dependency: "a job that it depends on did not complete",
};
const REPLACED = "replaced:";

/** The error that a job left, or that the store's own verdict stands for. */
function errorOf(id: JobId, { error, why, recoveries }: EndRow): SerializedError | undefined {
  if (error !== null) return parsed<SerializedError>(error) ?? { ...UNKNOWN_ERROR, message: error };
  if (why === null) return undefined;
  if (why === "poison")
    return serializeError(new PoisonJobError({ jobId: id, recoveries }), { stack: false });
  const reason = why.startsWith(REPLACED)
    ? `replaced by job "${fromOrderedText(why.slice(REPLACED.length))}"`
    : (REASONS[why] ?? why);
  return serializeError(new TaskCancelledError({ jobId: id, reason }), { stack: false });
}

/** A job's record as a worker receives it. */
export function recordOf(row: RecordRow): JobRecord {
  const record = {
    id: fromOrderedText(row.id),
    task: fromOrderedText(row.task),
    body: bodyOf(row.encoding, row.data),
    headers: headersOf(row.headers),
    priority: row.priority,
    createdAt: row.created,
  };
  if (row.key === null && row.expires === null) return record;
  return {
    ...record,
    ...(row.key === null ? {} : { key: fromOrderedText(row.key) }),
    ...(row.expires === null ? {} : { expiresAt: row.expires }),
  };
}

export function viewOf(row: ViewRow): JobView {
  const record = recordOf(row);
  const error = errorOf(record.id, row);
  const { run_at: runAt, started, finished, depends } = row;
  return {
    ...record,
    status: statusOf(row.status),
    attempt: row.attempt,
    recoveries: row.recoveries,
    deferrals: row.deferrals,
    maxRecoveries: row.max_recoveries ?? DEFAULT_MAX_RECOVERIES,
    redrives: row.redrives,
    ...(runAt === null ? {} : { runAt }),
    ...(started === null ? {} : { startedAt: started }),
    ...(finished === null ? {} : { finishedAt: finished }),
    ...(row.result_encoding === null ? {} : { result: bodyOf(row.result_encoding, row.result ?? "") }),
    ...(error === undefined ? {} : { error }),
    ...(row.status !== "f" || row.reason === null ? {} : { reason: row.reason as DeadLetterReason }),
    ...(row.status === "R" && row.cancel ? { cancelRequested: true } : {}),
    ...(Array.isArray(depends) ? { dependsOn: depends.map(fromOrderedText) } : {}),
    ...(row.notifies === null ? {} : { notifies: fromOrderedText(row.notifies) }),
    ...replayOf(record.id, row.replay),
  };
}

function replayOf(id: JobId, stored: string | null): { readonly replayOf?: ReplayLink } {
  const link = parsed<Omit<ReplayLink, "id">>(stored);
  return link === undefined ? {} : { replayOf: { ...link, id } };
}

export function letterOf(row: ViewRow): DeadLetter {
  const job = viewOf(row);
  return {
    job,
    error: job.error ?? UNKNOWN_ERROR,
    reason: job.reason ?? "failed",
    failedAt: job.finishedAt ?? job.createdAt,
  };
}

/** @param row without a status when the queue holds no record of it. */
export function outcomeOf(id: JobId, row: EndRow | undefined): JobOutcome {
  if (row === undefined || row.status === null) return { id, status: "unknown", attempt: 0 };
  const error = errorOf(id, row);
  return {
    id,
    status: statusOf(row.status),
    attempt: row.attempt,
    ...(row.result_encoding === null ? {} : { result: bodyOf(row.result_encoding, row.result ?? "") }),
    ...(error === undefined ? {} : { error }),
  };
}

const STATES: readonly JobStatus[] = [
  "waiting",
  "scheduled",
  "retrying",
  "pending",
  "running",
  "completed",
  "failed",
  "cancelled",
  "expired",
];

/** How many jobs are in each status. */
export function countsOf(stored: unknown): Record<JobStatus, number> {
  const counts = JSON.parse(String(stored)) as number[];
  return Object.fromEntries(STATES.map((state, i) => [state, counts[i]])) as Record<JobStatus, number>;
}
