import type { Duration, JobId, Priority, TransactionHandle } from "@lexigram/contracts";
import type { DebounceOptions, ThrottleOptions } from "../limit/calm-enqueue.ts";
import type { BackoffOptions } from "../retry/retry-options.ts";

/** `unique` of one call: its key is known already. */
export interface CallUniqueOptions {
  readonly key: string;
  /** Default `"settled"`. */
  readonly until?: "started" | "settled" | { readonly ttl: Duration };
  /** Default `"reject"`. */
  readonly onConflict?: "reject" | "existing" | "replace";
}

/**
 * What one enqueue says differently from its task. Everything may be left out; what is given wins over the task, the
 * queue and the configuration.
 */
export interface EnqueueOptions {
  /** The queue, by its name in the application. */
  readonly queue?: string;
  /**
   * Only workers of this machine take the job, those whose entry of the queue names the same `host`: it waits in the
   * queue `<name in the store>.<host>`. `"localhost"`: this machine, by the name that it gives itself. Default: any machine.
   */
  readonly host?: string;
  readonly priority?: Priority;
  /** Not before this time has passed. */
  readonly delay?: Duration;
  /** Not before this instant; in the past means now. Not together with `delay`. */
  readonly runAt?: Date;
  /** The job's id: 1 to 128 characters without spaces. An id that the queue knows is refused. Default: made up. */
  readonly id?: JobId;
  /** Not started within this time after it was accepted, the job expires. */
  readonly expiresIn?: Duration;
  /** The job fails for good when it is not finished by this instant, or within this time from now. */
  readonly deadline?: Duration | Date;
  /**
   * Small texts that travel with the job and that the handler sees as `ctx.headers`. These names are reserved for the
   * options and features that write them: `correlation-id`, `causation-id`, `traceparent`, `replay-of`.
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** What this job and others belong to; header `correlation-id`. */
  readonly correlationId?: string;
  /** What caused this job, such as another job's id; header `causation-id`. */
  readonly causationId?: string;
  /** The W3C trace context; header `traceparent`. */
  readonly traceparent?: string;
  readonly unique?: CallUniqueOptions;
  /** One job per key for 24 hours: a second enqueue answers with the first job. Not together with `unique`. */
  readonly idempotencyKey?: string;
  /** Takes the place of the job with the same key that waits, and waits anew; in place of the task's `unique` and the like. */
  readonly debounce?: DebounceOptions;
  /** Answered with the job with the same key that was accepted a while ago; in place of the task's `unique` and the like. */
  readonly throttle?: ThrottleOptions;
  /** The lane of limits, order and fairness by key. */
  readonly key?: string;
  readonly maxRetries?: number;
  /** The wait between attempts. Fields that are left out are the task's, else the queue's, else the configuration's. */
  readonly retry?: BackoffOptions;
  /**
   * How long one attempt may run. `null`: the worker's `maxTimeout`, and no limit where `enforceTimeout` is false.
   * Default: the task's.
   */
  readonly timeout?: Duration | null;
  /** Added to the task's labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Jobs of the same queue, at most 100, that must complete first. */
  readonly dependsOn?: readonly JobId[];
  /** Makes this job wait until that many jobs that name it in `notifies` are over. */
  readonly barrier?: { readonly size: number };
  /** The job whose barrier counts this one. */
  readonly notifies?: JobId;
  readonly maxRecoveries?: number;
  /** Keeps the result this long; `null`: for ever. */
  readonly resultTtl?: Duration | null;
  /**
   * Joins the caller's transaction: the job is there when that is committed. A queue whose entry names an `outbox` is
   * given the job after the commit; one whose store has no transactions and that names none refuses with
   * `UnsupportedError`.
   */
  readonly transaction?: TransactionHandle;
}

export const ENQUEUE_KEYS = [
  "queue",
  "host",
  "priority",
  "delay",
  "runAt",
  "id",
  "expiresIn",
  "deadline",
  "headers",
  "correlationId",
  "causationId",
  "traceparent",
  "unique",
  "idempotencyKey",
  "debounce",
  "throttle",
  "key",
  "maxRetries",
  "retry",
  "timeout",
  "labels",
  "dependsOn",
  "barrier",
  "notifies",
  "maxRecoveries",
  "resultTtl",
  "transaction",
] as const satisfies readonly (keyof EnqueueOptions)[];
