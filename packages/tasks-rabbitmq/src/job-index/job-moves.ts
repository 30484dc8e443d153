import type { SerializedError, Settlement } from "@lexigram/contracts";
import type { JobFacts } from "../queue/message.ts";
import type { IndexedJob, Run } from "./indexed-job.ts";

/** Moves of a job's record, each from what it was; who writes them says over what. */

/** The record as far as its message has gone on: who stored that one may have died before writing it here. */
export function caughtUp(job: IndexedJob, facts: JobFacts): IndexedJob {
  const { attempts, deferrals, redrives, replayOf } = facts;
  const isRedriven = redrives > job.redrives;
  if (!isRedriven && attempts + deferrals <= job.attempts + job.deferrals) return job;
  const { run: _run, kept: _kept, error: _error, reason: _reason, finishedAt: _finishedAt, ...same } = job;
  return {
    ...same,
    state: "pending",
    attempts,
    attempt: attempts,
    deferrals,
    redrives,
    begun: attempts + deferrals > 0,
    ...(isRedriven ? { recoveries: 0 } : {}),
    ...(replayOf === undefined ? {} : { replayOf }),
  };
}

/** An attempt begins, on a message. */
export function running(job: IndexedJob, receipt: string, now: number): IndexedJob {
  const run: Run = { receipt, begunBefore: job.begun };
  return {
    ...withoutKept(job),
    state: "running",
    run,
    begun: true,
    attempt: job.attempts + 1,
    startedAt: now,
  };
}

/** Its message is about to be acknowledged, before its attempt has ended. */
export function kept(job: IndexedJob, receipt: string, replyTo: string | undefined): IndexedJob {
  return { ...job, kept: { receipt, ...(replyTo === undefined ? {} : { replyTo }) } };
}

/** A message holds it. */
function withoutKept(job: IndexedJob): IndexedJob {
  const { kept: _, ...rest } = job;
  return rest;
}

function withoutRun(job: IndexedJob): IndexedJob {
  const { run: _, ...rest } = job;
  return rest;
}

/** The worker of an attempt that had begun is gone. */
export function recovered(job: IndexedJob): IndexedJob {
  return {
    ...withoutRun(job),
    state: "pending",
    begun: true,
    attempt: job.attempts,
    recoveries: job.recoveries + 1,
  };
}

/** Handed back as it was. */
export function released(job: IndexedJob, now: number, delayMs: number): IndexedJob {
  const { startedAt, ...kept } = withoutRun(job);
  const begun = job.run?.begunBefore ?? job.begun;
  return {
    ...kept,
    ...waiting(now, delayMs),
    begun,
    attempt: job.attempts,
    ...(begun && startedAt !== undefined ? { startedAt } : {}),
  };
}

export function retried(
  job: IndexedJob,
  { delayMs, countAttempt, error }: Extract<Settlement, { kind: "retry" }>,
  now: number,
): IndexedJob {
  const attempts = job.attempts + (countAttempt ? 1 : 0);
  const deferrals = job.deferrals + (countAttempt ? 0 : 1);
  return {
    ...withoutKept(withoutRun(job)),
    ...waiting(now, delayMs),
    attempts,
    attempt: attempts,
    deferrals,
    error,
  };
}

export function completed(job: IndexedJob, now: number): IndexedJob {
  const { error: _, cancelRequested: _asked, ...kept } = job;
  return { ...kept, state: "completed", finishedAt: now };
}

export function failed(
  job: IndexedJob,
  reason: NonNullable<IndexedJob["reason"]>,
  error: SerializedError,
  at: number,
): IndexedJob {
  return { ...job, state: "failed", finishedAt: at, error, reason };
}

/** Its run stays written where it had one: who ended it so may ask again. */
export function cancelled(job: IndexedJob, now: number, error?: SerializedError): IndexedJob {
  return { ...job, state: "cancelled", finishedAt: now, ...(error === undefined ? {} : { error }) };
}

/** Nothing is left of it but what its message must be told by. */
export function deleted(job: IndexedJob, now: number): IndexedJob {
  return { ...withoutKept(withoutRun(job)), state: "deleted", body: "", headers: {}, finishedAt: now };
}

/** Pending again, out of the dead letters. */
export function redriven(job: IndexedJob, facts: JobFacts): IndexedJob {
  return { ...caughtUp(job, facts), state: "pending" };
}

function waiting(now: number, delayMs: number): Pick<IndexedJob, "state" | "dueAt"> {
  return delayMs > 0 ? { state: "scheduled", dueAt: now + delayMs } : { state: "pending" };
}
