import type { JobState } from "../job/job-status.ts";

/** Where a circuit breaker stands: all pass, none, or a few to find out. */
export type BreakerStatus = "closed" | "open" | "half-open";

/** How a queue stands at one moment. The cost does not grow with the queue. */
export interface QueueStats {
  /** Jobs held in each state. */
  readonly counts: Readonly<Record<JobState, number>>;
  /** Scheduled jobs that have already run; part of `counts.scheduled`. */
  readonly retrying: number;
  readonly paused: boolean;
  /** `maxSize` of the policy, when there is one. */
  readonly capacity?: number;
  /** How long the job that is next in line at its level has been pending at most, in milliseconds; absent when none is. */
  readonly oldestPendingMs?: number;
  /** Sessions that exchanged with this queue within their lease: the consumers at work. */
  readonly workers: number;
  /** Of a queue of an application whose entry has a `circuitBreaker`. */
  readonly breaker?: BreakerStatus;
}
