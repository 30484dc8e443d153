import type {
  DeadLetterReason,
  Headers,
  JobOutcome,
  JobState,
  JobStatus,
  JobView,
  ReplayLink,
  SerializedError,
  Unique,
} from "@lexigram/contracts";
import { type JobFacts, recordOf } from "../queue/message.ts";

const LAYOUT = 1;
/** Of a job that was enqueued without an index. */
export const NO_NONCE = "none";

/** The right of one delivery to end its job. */
export interface Run {
  readonly receipt: string;
  /** Whether an attempt had begun before. */
  readonly begunBefore: boolean;
}

/** Said of a job whose message was acknowledged before its attempt ended: there is no message, but this record. */
interface Kept {
  /** Of the delivery. */
  readonly receipt: string;
  readonly replyTo?: string;
}

/** What the index keeps of a job. Instants are epoch milliseconds of the process that wrote them, as in messages. */
export interface IndexedJob {
  readonly v: typeof LAYOUT;
  readonly id: string;
  /** Names the enqueue that made the job; its message carries the same, and no message of another of that id does. */
  readonly nonce: string;
  /** Those of jobs that had this id before, of which a message may still be on its way. */
  readonly dead?: readonly string[];
  readonly state: JobState | "deleted";
  readonly task: string;
  readonly encoding: string;
  readonly form: JobFacts["form"];
  /** The body; in base64 unless it is a text. */
  readonly body: string;
  readonly headers: Headers;
  readonly priority: number;
  readonly key?: string;
  readonly unique?: Pick<Unique, "key" | "until">;
  readonly createdAt: number;
  readonly expiresAt?: number;
  readonly dueAt?: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  /** Whether an attempt has begun, so that the job does not expire any more. */
  readonly begun: boolean;
  /** Attempts that ended. */
  readonly attempts: number;
  /** The attempt that runs or ran last. */
  readonly attempt: number;
  readonly deferrals: number;
  readonly recoveries: number;
  readonly maxRecoveries: number;
  readonly redrives: number;
  readonly replayOf?: ReplayLink;
  readonly run?: Run;
  readonly kept?: Kept;
  readonly cancelRequested?: boolean;
  readonly error?: SerializedError;
  readonly reason?: DeadLetterReason;
  /** How long its record is kept when it has ended, in milliseconds; `null` for ever, absent as the queue says. */
  readonly keepMs?: number | null;
}

/** A job of the index as it was read: what is written on it counts only while nobody else has. */
export interface Indexed {
  readonly job: IndexedJob;
  readonly version: number;
}

/** What is given with a job and is not in its message. */
export interface Given {
  readonly unique?: Pick<Unique, "key" | "until"> | undefined;
  readonly keepMs?: number | null | undefined;
}

/** How long records of jobs that have ended are shown. Milliseconds. */
export interface Keeping {
  readonly completedMs: number;
  readonly failedMs: number;
}

/** The record of a job that waits, from its message. */
export function enteredJob(
  facts: JobFacts,
  content: Buffer,
  nonce: string,
  defaultMaxRecoveries: number,
  { unique, keepMs }: Given = {},
): IndexedJob {
  const { task, encoding, form, headers, priority, key, createdAt, expiresAt, dueAt } = facts;
  const { attempts, deferrals, redrives, replayOf, maxRecoveries = defaultMaxRecoveries } = facts;
  return {
    v: LAYOUT,
    id: facts.id,
    nonce,
    state: dueAt === undefined ? "pending" : "scheduled",
    task,
    encoding,
    form,
    body: content.toString(form === "t" ? "utf8" : "base64"),
    headers,
    priority,
    createdAt,
    begun: attempts + deferrals > 0,
    attempts,
    attempt: attempts,
    deferrals,
    recoveries: 0,
    maxRecoveries,
    redrives,
    ...(key === undefined ? {} : { key }),
    ...(unique === undefined ? {} : { unique: { key: unique.key, until: unique.until } }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(replayOf === undefined ? {} : { replayOf }),
    ...(keepMs === undefined ? {} : { keepMs }),
  };
}

/** Whether nothing will happen to it any more. */
export function isOver({ state }: IndexedJob): boolean {
  return state !== "pending" && state !== "scheduled" && state !== "running";
}

/** Where a job stands by now: what time alone does to it nobody writes. */
export function standingOf(job: IndexedJob, now: number): { state: IndexedJob["state"]; endedAt?: number } {
  const { state, expiresAt, begun, dueAt = 0, finishedAt } = job;
  if (isOver(job)) return finishedAt === undefined ? { state } : { state, endedAt: finishedAt };
  if (state === "running") return { state };
  if (!begun && expiresAt !== undefined && expiresAt <= now) return { state: "expired", endedAt: expiresAt };
  return { state: state === "scheduled" && dueAt <= now ? "pending" : state };
}

/** How a job has ended. */
export type JobEnd = Omit<JobOutcome, "id" | "result">;

/**
 * How the job of a message ended, as far as its record says that; nothing of one that has gone on, is deleted, or
 * completed, since its result is not written here.
 */
export function endOf(job: IndexedJob | undefined, facts: JobFacts, now: number): JobEnd | undefined {
  if (job === undefined || facts.redrives !== job.redrives) return undefined;
  if (facts.nonce !== undefined && facts.nonce !== job.nonce) return undefined;
  const { state: status } = standingOf(job, now);
  if (status !== "cancelled" && status !== "failed" && status !== "expired") return undefined;
  const { attempt, error } = job;
  return { status, attempt, ...(error === undefined ? {} : { error }) };
}

/** How long after its end a job is shown. Milliseconds. */
export function keptMs({ keepMs }: Pick<IndexedJob, "keepMs">, state: string, keeping: Keeping): number {
  if (state === "failed") return keeping.failedMs;
  if (keepMs === null) return Infinity;
  return keepMs ?? keeping.completedMs;
}

/** The job as it is shown; nothing when it is deleted, or its time is over. */
export function viewOf(job: IndexedJob, now: number, keeping: Keeping): JobView | undefined {
  const { state, endedAt } = standingOf(job, now);
  if (state === "deleted") return undefined;
  if (endedAt !== undefined && now - endedAt >= keptMs(job, state, keeping)) return undefined;
  const { attempt, recoveries, deferrals, maxRecoveries, redrives } = job;
  const { dueAt, startedAt, error, reason, replayOf, cancelRequested } = job;
  const status: JobStatus = state === "scheduled" && job.attempts > 0 ? "retrying" : state;
  const { form } = job;
  const content = Buffer.from(job.body, form === "t" ? "utf8" : "base64");
  return {
    ...recordOf({ facts: job, content }),
    status,
    attempt,
    recoveries,
    deferrals,
    maxRecoveries,
    redrives,
    ...(dueAt === undefined ? {} : { runAt: dueAt }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { finishedAt: endedAt }),
    ...(error === undefined ? {} : { error }),
    ...(state === "failed" && reason !== undefined ? { reason } : {}),
    ...(state === "running" && cancelRequested === true ? { cancelRequested } : {}),
    ...(replayOf === undefined ? {} : { replayOf }),
  };
}

/**
 * What a message that was delivered is to the job of its id: what it waits for (`job`); a copy of what has ended or
 * gone on, to be dropped (`surplus`); or of another job of the same id, which the index does not know (`stranger`).
 */
export function judged(
  job: IndexedJob | undefined,
  facts: JobFacts,
  now: number,
): "job" | "surplus" | "stranger" {
  if (job === undefined) return "job";
  const { nonce } = facts;
  if (nonce !== undefined && nonce !== job.nonce)
    return job.dead?.includes(nonce) === true ? "surplus" : "stranger";
  if (facts.redrives !== job.redrives) return facts.redrives > job.redrives ? "job" : "surplus";
  const { state } = standingOf(job, now);
  if (isOver({ ...job, state })) return "surplus";
  return facts.attempts + facts.deferrals < job.attempts + job.deferrals ? "surplus" : "job";
}
