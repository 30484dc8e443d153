import type { AnySchema, Duration, Priority, SchemaOutput, StandardSchemaV1 } from "@lexigram/contracts";
import type { CircuitBreakerOptions } from "../breaker/breaker-options.ts";
import type { DebounceOptions, ThrottleOptions } from "../limit/calm-enqueue.ts";
import type { RateOptions } from "../limit/rate.ts";
import type { RetryOptions } from "../retry/retry-options.ts";

/** The schema of a task that takes no input: its handler is called with the context alone. */
export type NoInput = StandardSchemaV1<void, void>;

/** A fixed text, or one computed from the parsed input. */
export type KeyOf<S extends AnySchema> = string | ((input: SchemaOutput<S>) => string);

export interface UniqueOptions<S extends AnySchema = AnySchema> {
  /** The key that at most one job holds in its queue. A fixed text means one job of this task, whatever its input. */
  readonly key: KeyOf<S>;
  /** How long the key is held: until the first start, until the end (default), or for a time from acceptance. */
  readonly until?: "started" | "settled" | { readonly ttl: Duration };
  /** What happens to a newcomer: refused (default), answered with the job that holds the key, or put in its place while that has not started. */
  readonly onConflict?: "reject" | "existing" | "replace";
}

/** Starts per time of a task, over all processes. */
export interface TaskRateOptions<S extends AnySchema = AnySchema> extends RateOptions {
  /**
   * Limits each key by itself instead of the task as a whole, and is the `key` of its jobs. The keys of a queue have one
   * rate, so tasks that share a queue must agree.
   */
  readonly key?: KeyOf<S>;
}

/** A task: its name, its schema and its policy. Every field but `name` has a default. */
export interface TaskOptions<S extends AnySchema = NoInput> {
  /** Unique in the application; what is stored with each job. */
  readonly name: string;
  /** The queue its jobs go to, by its name in the application. Default `"default"`, the primary queue. */
  readonly queue?: string;
  /** Any Standard Schema validator. Absent, or one of nothing such as `z.void()`: the handler takes the context alone. */
  readonly input?: S;
  /** 0 to 20, higher first. Default: the queue's, else NORMAL (5). */
  readonly priority?: Priority;
  /** How often a failed attempt is repeated; attempts are at most this plus one. Default: the queue's, else 3. */
  readonly maxRetries?: number;
  /** When and whether to repeat. */
  readonly retry?: RetryOptions;
  /**
   * How long one attempt may run; never longer than the worker's `maxTimeout` (1 hour by default). `null`: as long as
   * that, and without limit where `enforceTimeout` is false. Default: the queue's, else 5 minutes.
   */
  readonly timeout?: Duration | null;
  /** Not started within this time after it was accepted, a job expires. */
  readonly expiresIn?: Duration;
  /** Not finished within this time after it was accepted, the wait included, a job fails for good. */
  readonly deadline?: Duration;
  /** One job per key for 24 hours: a second enqueue answers with the first job. Short for `unique` with `existing`. */
  readonly idempotencyKey?: KeyOf<S>;
  readonly unique?: UniqueOptions<S>;
  /** The lane of limits, order and fairness by key. */
  readonly key?: KeyOf<S>;
  /** Attempts of this task that run at once over all processes, at most. */
  readonly concurrency?: number;
  /** Starts of this task per time over all processes, or of each of its keys. */
  readonly rateLimit?: TaskRateOptions<S>;
  /** Stops trying for a while when attempts fail in a row. */
  readonly circuitBreaker?: CircuitBreakerOptions;
  /** Waits until calls with one key have calmed down, and runs the last of them. Not together with `unique`. */
  readonly debounce?: DebounceOptions<KeyOf<S>>;
  /** Runs the first of the calls with one key, and answers the others with it. Not together with `unique`. */
  readonly throttle?: ThrottleOptions<KeyOf<S>>;
  /** Free metadata, given to handler, hooks and logs. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Keeps results this long whatever the queue's retention; `null`: for ever. */
  readonly resultTtl?: Duration | null;
  /** How often a job may lose its worker before it is put aside as poison. Default 3; 0: at most once. */
  readonly maxRecoveries?: number;
  /** How often a job may be put off without counting an attempt. Default 100. */
  readonly maxDeferrals?: number;
  /** `"before"`: the job is completed before its handler runs, so it runs at most once. Default `"after"`. */
  readonly ackMode?: "after" | "before";
}

/** Options of a task that is a method: the name defaults to `Class.method`. */
export type MethodTaskOptions<S extends AnySchema = NoInput> = Omit<TaskOptions<S>, "name"> & {
  readonly name?: string;
};

export type AnyTaskOptions = MethodTaskOptions<any>; // oxlint-disable-line typescript/no-explicit-any -- variance: options over a schema of anything
