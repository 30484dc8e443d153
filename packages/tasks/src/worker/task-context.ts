import type { Headers, JobId, Logger, TaskContextExtensions } from "@lexigram/contracts";

/** What a handler may know of its job. */
export interface TaskJobInfo {
  readonly id: JobId;
  readonly task: string;
  /** The queue's name in the application. */
  readonly queue: string;
  readonly priority: number;
  readonly key?: string;
  /** When the store accepted it: epoch milliseconds. */
  readonly createdAt: number;
}

/** Reports how far a handler has come. */
export interface ProgressReporter {
  /**
   * Tells how much is done. Updates in quick succession are merged, the last one always arrives.
   *
   * @param total 0 or absent: unknown.
   */
  update(
    done: number,
    total?: number,
    note?: string,
    metadata?: Readonly<Record<string, unknown>>,
  ): Promise<void>;
}

/** Handed to every handler, fresh for each attempt. */
export interface TaskContext extends TaskContextExtensions {
  readonly job: TaskJobInfo;
  /** From 1. */
  readonly attempt: number;
  /** How often a started attempt of this job lost its worker. */
  readonly recoveries: number;
  readonly headers: Headers;
  readonly labels: Readonly<Record<string, string>>;
  /** Adds job, task and attempt to every line. */
  readonly log: Logger;
  /** Aborted on timeout, cancellation, loss of the lease and the end of a drain; its reason is the typed error. Made when first read. */
  readonly signal: AbortSignal;
  readonly progress: ProgressReporter;
  /**
   * Renews the lease now.
   *
   * @throws the reason of `signal` when the attempt should stop.
   */
  heartbeat(): Promise<void>;
}
