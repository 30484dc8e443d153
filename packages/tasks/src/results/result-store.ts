import {
  checkJobId,
  type Duration,
  type JobId,
  milliseconds,
  type Page,
  refuseUnknownOptions,
  ResultTimeoutError,
  type SerializedError,
  signalOption,
} from "@lexigram/contracts";

/** How a job ended. Presence of a record says that it ended at all; a falsy value is a result like any other. */
export type ResultStatus = "ok" | "failed" | "cancelled" | "expired";

export const RESULT_STATUSES: readonly ResultStatus[] = ["ok", "failed", "cancelled", "expired"];

/** What a job left behind. */
export interface StoredResult {
  readonly status: ResultStatus;
  /** What the handler returned, as JSON keeps it; absent for `undefined`. Of `ok` only. */
  readonly value?: unknown;
  /** Why there is no value. */
  readonly error?: SerializedError;
  readonly task?: string;
  /** The attempt that ended the job. */
  readonly attempt?: number;
  /** Milliseconds that this attempt took. */
  readonly durationMs?: number;
}

/** A result as a store gives it back. */
export interface ResultRecord extends StoredResult {
  readonly jobId: JobId;
  /** Epoch milliseconds. */
  readonly storedAt: number;
}

export interface StoreResultOptions {
  /** How long it is kept; `null`: for ever. Default: the store's. */
  readonly ttl?: Duration | null;
  /** Keep a result that is there already. Default false: it is replaced. */
  readonly ifAbsent?: boolean;
}

export interface WaitForResultOptions {
  /** Default 30 s; `null`: no limit. */
  readonly timeout?: Duration | null;
  readonly signal?: AbortSignal;
}

export interface ResultQuery {
  readonly cursor?: string;
  /** 1 to 1,000. Default 100. */
  readonly limit?: number;
}

export interface ResultStoreStats {
  /** Results that are held; absent where counting would mean reading them all. */
  readonly stored?: number;
  /** Absent: bounded by time alone. */
  readonly maxSize?: number;
  /** Callers of this object that wait now. */
  readonly pendingWaiters: number;
  /** Results that were stored through this object. */
  readonly totalStored: number;
  /** Milliseconds a result is kept unless said otherwise; absent where the queue's retention decides. */
  readonly ttlMs?: number;
}

export const STORE_OPTIONS = ["ttl", "ifAbsent"] as const satisfies (keyof StoreResultOptions)[];

export const DEFAULT_RESULT_TTL: Duration = "1h";
const DEFAULT_RESULT_TIMEOUT_MS = 30_000;

/**
 * Where the outcomes of jobs are kept and waited for. All methods may run concurrently; after `close` they reject
 * with `ClosedError`, waits that are in progress too.
 */
export abstract class ResultStore {
  /**
   * Keeps how a job ended and wakes who waits for it.
   *
   * @returns whether it was stored; false only with `ifAbsent`.
   * @throws TaskValidationError when the value has no form in JSON.
   */
  abstract store(jobId: JobId, result: StoredResult, options?: StoreResultOptions): Promise<boolean>;

  abstract get(jobId: JobId): Promise<ResultRecord | undefined>;

  /** @returns whether there was one. */
  abstract delete(jobId: JobId): Promise<boolean>;

  /**
   * Waits until a job has a result. Each caller has its own time limit and signal; none touches another's.
   *
   * @returns the result, or `undefined` when the time was up.
   * @throws the reason of `signal` when that is aborted; TaskConfigError for an unknown option.
   */
  async wait(jobId: JobId, options: WaitForResultOptions = {}): Promise<ResultRecord | undefined> {
    checkJobId(jobId);
    refuseUnknownOptions("wait", options, ["timeout", "signal"]);
    const { timeout, signal } = options;
    signalOption("wait", signal);
    const timeoutMs =
      timeout === null
        ? undefined
        : timeout === undefined
          ? DEFAULT_RESULT_TIMEOUT_MS
          : milliseconds(timeout);
    try {
      return await this.waitFor(jobId, { timeoutMs, signal });
    } catch (error) {
      if (error instanceof ResultTimeoutError) return undefined;
      throw error;
    }
  }

  /** Forgets what has ended. @returns how many; 0 where the store behind does it by itself. */
  abstract cleanupExpired(): Promise<number>;

  /** Results of one status, newest first unless the store says otherwise; a page may hold fewer than `limit`. */
  abstract list(status: ResultStatus, query?: ResultQuery): Promise<Page<ResultRecord>>;

  /** Results of jobs that succeeded, in the order of `list`. */
  listCompleted(query?: ResultQuery): Promise<Page<ResultRecord>> {
    return this.list("ok", query);
  }

  /** Results of jobs that failed for good, newest first in every store. */
  listFailed(query?: ResultQuery): Promise<Page<ResultRecord>> {
    return this.list("failed", query);
  }

  abstract getStats(): Promise<ResultStoreStats>;

  /** Ends all waits of this object. What is stored elsewhere stays. Idempotent. */
  abstract close(): Promise<void>;

  /** Waits as `wait` does, and rejects with `ResultTimeoutError` when the time is up. */
  protected abstract waitFor(
    jobId: JobId,
    options: { readonly timeoutMs: number | undefined; readonly signal: AbortSignal | undefined },
  ): Promise<ResultRecord>;
}
