import type { SerializedError } from "../errors/serialized-error.ts";
import type { JobStatus } from "./job-status.ts";
import type { Priority } from "./priority.ts";

/** Names one job inside its queue. */
export type JobId = string;

/**
 * What a job carries, opaque to a backend: encoded input and per-job policy. A backend stores and returns it
 * unchanged and never looks inside.
 */
export interface Body {
  readonly data: string | Uint8Array;
  /** Names the codec that wrote `data`, such as `json`. */
  readonly encoding: string;
}

/** Small texts that travel beside the body and can be read without decoding it. */
export type Headers = Readonly<Record<string, string>>;

/** Holds a key for a job, so that a second job with the same key is not stored beside it. */
export interface Unique {
  readonly key: string;
  /**
   * How long the key is held: until the job is first started, until it is terminal, or for a time from acceptance
   * whatever happens to the job (milliseconds).
   */
  readonly until: "started" | "settled" | { readonly ttlMs: number };
  /**
   * What happens to a newcomer: refused; answered with the job that holds the key; or put in its place, which is
   * only possible while that job has not started (otherwise refused).
   */
  readonly onConflict: "reject" | "existing" | "replace";
}

/** A request to store a job. All spans are milliseconds on the store's clock, from the moment it accepts the job. */
export interface NewJob {
  readonly id: JobId;
  readonly task: string;
  readonly body: Body;
  readonly headers: Headers;
  readonly priority: Priority;
  /** Not before this span has passed. Absent or 0: at once. */
  readonly delayMs?: number;
  /** Not started within this span after acceptance: the job expires. Absent: never. */
  readonly expiresInMs?: number;
  /** The lane of limits, order and fairness by key. */
  readonly key?: string;
  readonly unique?: Unique;
  /** Jobs of the same queue, at most 100, that must complete first. An unknown one refuses the job. */
  readonly dependsOn?: readonly JobId[];
  /** Makes this job wait until that many jobs that name it in `notifies` are terminal. */
  readonly barrier?: { readonly size: number };
  /** The job whose barrier counts this one, once, when it is terminal, whatever the outcome. */
  readonly notifies?: JobId;
  /** How often a started attempt may lose its worker before the job is put aside as poison. Default 3; 0 is at most once. */
  readonly maxRecoveries?: number;
  /** Keeps the terminal record with its result this long, whatever the retention's count. `null`: for ever. Absent: as the queue's policy. */
  readonly resultTtlMs?: number | null;
}

/** The immutable part of a stored job, as a worker receives it. */
export interface JobRecord {
  readonly id: JobId;
  readonly task: string;
  readonly body: Body;
  readonly headers: Headers;
  readonly priority: Priority;
  readonly key?: string;
  /** When the store accepted it: epoch milliseconds of the store's clock. */
  readonly createdAt: number;
  /** Not started by this instant, it expires: epoch milliseconds of the store's clock. */
  readonly expiresAt?: number;
}

/** Why a job went to the dead letters. `poison` is the store's own verdict, `manual` a job put there by hand. */
export type DeadLetterReason =
  | "failed"
  | "rejected"
  | "poison"
  | "unknown-task"
  | "invalid"
  | "deadline"
  | "manual";

/** Where a redriven job comes from. */
export interface ReplayLink {
  readonly id: JobId;
  readonly failedAt: number;
  readonly reason: DeadLetterReason;
  readonly attempt: number;
}

/** Everything a store can tell of a job at one moment. Instants are epoch milliseconds of the store's clock. */
export interface JobView extends JobRecord {
  readonly status: JobStatus;
  /** The attempt that is running or ran last; 0 when none was counted yet. */
  readonly attempt: number;
  /** How often a started attempt lost its worker. */
  readonly recoveries: number;
  /** How often it was put off without counting an attempt. */
  readonly deferrals: number;
  /** When it becomes, or became, due. Absent for a job that never had a delay. */
  readonly runAt?: number;
  /** When the latest attempt was started. */
  readonly startedAt?: number;
  /** When it became terminal. */
  readonly finishedAt?: number;
  readonly result?: Body;
  /** The latest error, also of a job that will be retried. */
  readonly error?: SerializedError;
  /** Only of a failed job. */
  readonly reason?: DeadLetterReason;
  /** A running job whose cancellation was asked for. */
  readonly cancelRequested?: boolean;
  readonly dependsOn?: readonly JobId[];
  readonly notifies?: JobId;
  readonly maxRecoveries: number;
  /** How often it was redriven from the dead letters. */
  readonly redrives: number;
  /** The failure from which it was last redriven. */
  readonly replayOf?: ReplayLink;
}

/** How a job ended, or where it stands: what a waiter for its result needs. */
export interface JobOutcome {
  readonly id: JobId;
  /** `unknown`: the queue holds no record of it. */
  readonly status: JobStatus | "unknown";
  readonly attempt: number;
  readonly result?: Body;
  readonly error?: SerializedError;
}
