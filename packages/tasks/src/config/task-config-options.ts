import type { Duration, LogLevel, Priority, TaskBackend } from "@lexigram/contracts";
import type { BackoffOptions } from "../retry/retry-options.ts";
import type { CircuitBreakerOptions } from "../breaker/breaker-options.ts";
import type { RateOptions } from "../limit/rate.ts";
import type { QueuePolicyOptions, RetentionOptions, SharedLimitOptions } from "./queue-policy-options.ts";

/** Which store to connect to. */
export interface BackendSelection {
  /** `memory` (default), `redis`, `rabbitmq` (or `amqp`), `postgres`, or a type that the application registered. */
  readonly type?: string;
  /** Of a backend of type `redis`. Default `redis://localhost:6379`. */
  readonly redisUrl?: string;
  /** Of a backend of type `rabbitmq`. Default `amqp://localhost:5672/`. */
  readonly amqpUrl?: string;
  /** Of a backend of type `postgres`; has no default. */
  readonly postgresDsn?: string;
  /** Further settings that are handed to the backend's factory as they are. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** The one backend of an application without `backends`; beside `backends`, what their entries default to. */
export interface SingleBackendOptions extends BackendSelection {
  /** The queue's name, here and in the store. Default `"tasks"`. Only without `backends`. */
  readonly queueName?: string;
}

/** One queue of the application. */
export interface NamedBackendOptions extends BackendSelection {
  /** The queue's name in the application, unique: what `named(TaskQueueProtocol, name)` and `queue: name` refer to. */
  readonly name: string;
  /** Whether it answers to the unnamed token and to `"default"`. At most one; default: the first. */
  readonly primary?: boolean;
  /**
   * A backend made in code, instead of `type` and its address; a `type` in a stronger source takes its place. The
   * application closes it when it stops, so an application that starts later needs another one.
   */
  readonly backend?: TaskBackend;
  /** The queue's name in the store. Default: `name`. */
  readonly queueName?: string;
  /**
   * Its workers take what was sent to this machine alone, as `enqueue` does with the same `host`: the name in the store is
   * `<queueName>.<host>`. `"localhost"`: this machine, by the name that it gives itself; never where the store is.
   */
  readonly host?: string;
  /** The entry whose backend keeps the state of this queue. Default: its own; where that has none, memory. */
  readonly state?: string;
  /**
   * The entry whose store takes what is enqueued here with a `transaction`, and hands it on after the commit. That is
   * one of type `postgres`, and the transaction is one of its database. Default: none; the queue's own store is asked.
   */
  readonly outbox?: string;
  /** Whether workers of this process claim from it. Default true. */
  readonly consume?: boolean;
  /** Attempts of this queue that run at once in this process, at most. Default: as many as there are slots. */
  readonly concurrency?: number;
  /** Share of the slots, relative to other queues. Above 0, default 1. */
  readonly weight?: number;
  /** Unfinished jobs that it holds at most; more are refused. Default: no limit. */
  readonly maxSize?: number;
  /**
   * Time limit of an attempt of tasks that name none. `null`: the worker's `maxTimeout`, and no limit where
   * `enforceTimeout` is false. Default: the worker's `defaultTimeout`.
   */
  readonly timeout?: Duration | null;
  /** Retries of tasks that name none. Default: those of `retry`. */
  readonly maxRetries?: number;
  /** Backoff of tasks that name none. Default: that of `retry`. */
  readonly retry?: BackoffOptions;
  /** Priority of tasks that name none. Default NORMAL (5). */
  readonly priority?: Priority;
  /** A job counts as one priority level higher for every such span that it has waited. Default: strict levels. */
  readonly aging?: Duration;
  /** Retention of completed, cancelled and expired jobs. Default 1 hour and 1,000. */
  readonly keepCompleted?: RetentionOptions;
  /** Retention of its dead letters. Default: that of `deadLetters`. */
  readonly keepFailed?: RetentionOptions;
  /** Limits, order and fairness over all processes. */
  readonly policy?: QueuePolicyOptions;
  /** Stops claiming from it for a while when attempts fail in a row. Default: none. */
  readonly circuitBreaker?: CircuitBreakerOptions;
}

/** How workers of this process work. */
export interface WorkerOptions {
  /** Workers in this process. 0: it only enqueues. Default 1. */
  readonly workerCount?: number;
  /** Attempts that each worker runs at once. Default 10. */
  readonly maxConcurrentTasks?: number;
  /** First safety poll of an empty queue; the span doubles up to 5 seconds. Default `"100ms"`. */
  readonly pollInterval?: Duration;
  /** How long running attempts may take to finish when the application stops. Default `"30s"`. */
  readonly shutdownTimeout?: Duration;
  /** Time limit of attempts whose task and queue name none. Default `"5m"`. */
  readonly defaultTimeout?: Duration;
  /** The longest time limit that is granted. Default `"1h"`. */
  readonly maxTimeout?: Duration;
  /** Whether `defaultTimeout` holds, and `maxTimeout` also for tasks that ask for no limit. Default true. */
  readonly enforceTimeout?: boolean;
  /** Length of a lease; renewed at a third. Default `"15s"`. */
  readonly lease?: Duration;
  /** How long a handler may go on after its signal was aborted before its slot is freed. Default `"5s"`. */
  readonly grace?: Duration;
  /** Jobs claimed ahead of free slots: `"auto"` (default) adapts to how long jobs take, 0 claims none. */
  readonly prefetch?: number | "auto";
  /** Bytes of bodies that one claim fetches at most. Default 4 MiB. */
  readonly maxClaimBytes?: number;
  /** What becomes of a job whose task has no handler here. */
  readonly unknownTask?: {
    /** Put it back for a newer worker (default), or send it to the dead letters at once. */
    readonly policy?: "retry" | "dead-letter";
    /** Until it is tried again. Default `"5s"`. */
    readonly delay?: Duration;
    /** How often it is put back before it goes to the dead letters. Default 100. */
    readonly limit?: number;
  };
  /** The shortest wait before a job that a handler puts back is given out again. Default `"1s"`. */
  readonly requeueFloor?: Duration;
  /** Between two signs of life of a worker. Default `"5s"`. */
  readonly heartbeat?: Duration;
  /**
   * Whether a side thread renews leases while the event loop is blocked, through a connection of its own to each backend
   * that can. Default true.
   */
  readonly keeper?: boolean;
  /**
   * When the event loop was blocked for more than a third of the lease. `"warn"` (default) says so once it turns again,
   * `"ignore"` does not. `"exit"` says so too, and ends the process by SIGKILL while it is still blocked, once the blocking
   * attempt is past its time limit and grace; needs `keeper`.
   */
  readonly onBlocked?: "warn" | "ignore" | "exit";
  /** Claims nothing while the machine's load average of a minute is above this; -1: its number of CPUs. Default: no limit. */
  readonly maxLoad?: number;
  /** Claims nothing while the event loop is later than this. Default: no limit. */
  readonly maxLag?: Duration;
  /** After so long the application stops in order, for a supervisor to start it anew. Default: never. */
  readonly maxRunTime?: Duration;
  /** What the process ends with then, under `runApplication`. 0 to 255, default 0. */
  readonly recycleExitCode?: number;
}

/** How schedules are fired in this process. */
export interface SchedulerOptions {
  /** Whether this process fires schedules. Any number may. Default true. */
  readonly enabled?: boolean;
  /** The longest time between two looks at the store for what others have scheduled. Default `"1s"`. */
  readonly checkInterval?: Duration;
  /** The IANA zone of schedules that name none. Default `"UTC"`. */
  readonly timezone?: string;
  /** How late an occurrence may be to be in time. Default `"1m"`. */
  readonly misfireThreshold?: Duration;
  /** What is later than this is not fired, unless its schedule says otherwise. Default `"1d"`. */
  readonly misfireWindow?: Duration;
}

/** Locks that name no times of their own. */
export interface LockDefaults {
  /** How long the lock of a holder that died is held. Default `"60s"`. */
  readonly ttl?: Duration;
  /** The longest time between two looks of who waits for a lock. Default `"1s"`. */
  readonly pollInterval?: Duration;
}

/** Keys under which work is done once. */
export interface IdempotencyDefaults {
  /** How long a key is remembered. Default `"1d"`. */
  readonly ttl?: Duration;
  /** How long the key of work is held whose process died. Default `"60s"`. */
  readonly lease?: Duration;
}

/** The worker's three time limits by another name; what stands here wins over `worker`. */
export interface TimeoutOptions {
  readonly defaultTimeout?: Duration;
  readonly maxTimeout?: Duration;
  readonly enforceTimeout?: boolean;
}

/** Retries of tasks and queues that name none. */
export interface RetryDefaults extends BackoffOptions {
  /** How often a failed attempt is repeated. Default 3. */
  readonly maxRetries?: number;
  /** The same counted with the first attempt: `maxRetries` + 1. Give one of the two. */
  readonly maxAttempts?: number;
}

export interface ResultRetention {
  /**
   * How long outcomes are kept, by a queue (unless its entry has `keepCompleted`) or by the store beside it; `null`: as
   * long as there is room. Default `"1h"`.
   */
  readonly ttl?: Duration | null;
}

/** How fast the workers of all processes may start jobs, all queues together. */
export interface GlobalRateOptions extends Partial<RateOptions> {
  /** Whether it holds. Default false. */
  readonly enabled?: boolean;
  /** Starts per `per`; above 0. Default 100. */
  readonly rate?: number;
}

/** Dead letters of queues that name no `keepFailed`. */
export interface DeadLetterOptions {
  /** Dead letters of a queue, at most; the oldest make room. Default 10,000. */
  readonly maxSize?: number;
  /** How long they are kept. Default `"7d"`. */
  readonly retention?: Duration;
}

export interface PayloadOptions {
  /** Length of an encoded input, at most. Default 1 MiB. */
  readonly maxBytes?: number;
  /** How deep objects and arrays may be nested. Default 64. */
  readonly maxDepth?: number;
}

/** What is stored of errors. */
export interface ErrorRecordOptions {
  /** Whether stacks are stored with jobs. Default true. */
  readonly stacks?: boolean;
  /** Applied to every text of an error before it is stored, after addresses and secrets were hidden. Code only. */
  readonly redact?: (text: string) => string;
}

/**
 * The section `tasks` of the configuration, as it is written in code, files and environment
 * (`LEX_TASKS__WORKER__LEASE`), from the weakest source to the strongest. Every key has a default, unknown keys are
 * refused with the nearest name. Of `backends`, entries of one name are one entry: a stronger source overlays its
 * fields, and adds those of new names at the end.
 */
export interface TaskConfigOptions {
  /** Names this kind of process in health checks, logs and records of live workers. Default `"tasks"`. */
  readonly name?: string;
  /** False: this process runs no workers. Default true. */
  readonly enabled?: boolean;
  /** The environment to check the configuration for. Default: the application's. */
  readonly env?: string;
  /** How long an enqueue is repeated while its store is out of reach, before it rejects. Default `"10s"`. */
  readonly enqueueTimeout?: Duration;
  /** The least urgent level that tasks log. Default: all that the application's logger takes. */
  readonly logLevel?: LogLevel;
  readonly backend?: SingleBackendOptions;
  readonly backends?: readonly NamedBackendOptions[];
  readonly worker?: WorkerOptions;
  readonly scheduler?: SchedulerOptions;
  readonly locks?: LockDefaults;
  readonly idempotency?: IdempotencyDefaults;
  readonly timeout?: TimeoutOptions;
  readonly retry?: RetryDefaults;
  readonly rateLimit?: GlobalRateOptions;
  /** Limits over several queues, by names that are theirs in the state store of the primary queue. */
  readonly limits?: Readonly<Record<string, SharedLimitOptions>>;
  readonly results?: ResultRetention;
  readonly deadLetters?: DeadLetterOptions;
  readonly payload?: PayloadOptions;
  readonly errors?: ErrorRecordOptions;
  /** Free space of the application's; found again on the injected `TaskConfig`. */
  readonly extra?: Readonly<Record<string, unknown>>;
}
