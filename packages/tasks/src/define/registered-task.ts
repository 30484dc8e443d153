import type { AnySchema, Unique } from "@lexigram/contracts";
import type { RetryOptions } from "../retry/retry-options.ts";
import type { BreakerRule } from "../breaker/breaker-options.ts";
import type { TaskLimits } from "../limit/task-limits.ts";
import type { Backoff } from "../retry/backoff.ts";
import type { TaskContext } from "../worker/task-context.ts";

/** A task's options, checked once and in milliseconds. Absent fields are left to the queue and the configuration. */
export interface TaskPolicy {
  readonly queue: string;
  readonly priority: number | undefined;
  readonly maxRetries: number | undefined;
  /** What `retry` says of the waits. */
  readonly backoff: Partial<Backoff> | undefined;
  /** The rules of `retry`, when there are any. */
  readonly retry: RetryOptions | undefined;
  readonly inPlaceUpToMs: number;
  /** `null`: the worker's longest, and no limit where it enforces none. */
  readonly timeoutMs: number | null | undefined;
  readonly expiresInMs: number | undefined;
  readonly deadlineMs: number | undefined;
  readonly resultTtlMs: number | null | undefined;
  readonly maxRecoveries: number | undefined;
  readonly maxDeferrals: number;
  readonly ackMode: "after" | "before";
  readonly labels: Readonly<Record<string, string>>;
  /** From the parsed input. */
  readonly unique: ((input: unknown) => Unique) | undefined;
  readonly key: ((input: unknown) => string) | undefined;
  /** Of `debounce`: milliseconds before a job may start. */
  readonly calmMs: number | undefined;
  /** For its queue to keep, when the task says anything. */
  readonly limits: TaskLimits | undefined;
  readonly breaker: BreakerRule | undefined;
  /** Whether all inputs have one idempotency key. */
  readonly constantKey?: boolean;
}

/** What is known of a task without its handler: all that a producer needs. */
export interface TaskSpec {
  readonly name: string;
  readonly policy: TaskPolicy;
  /** Absent: what arrives is handed on as it is. */
  readonly schema: AnySchema | undefined;
  /** False: the handler takes the context alone. */
  readonly takesInput: boolean;
  /** Of a contract: what waiters for a result parse it with. */
  readonly output?: AnySchema;
}

/** A handler that is a function. */
export interface FunctionTask extends TaskSpec {
  readonly kind: "function";
  readonly run: (input: unknown, context: TaskContext) => unknown;
}

/**
 * A handler that is a method of an injected class. Attempts ask the container for the instance, each in a scope of its
 * own: one instance serves all of them, at the same time too, unless the class says `lifetime: "scoped"`, which makes
 * one per attempt, or `"transient"`.
 */
export interface MethodTask extends TaskSpec {
  readonly kind: "method";
  readonly owner: abstract new (...args: never[]) => object;
  readonly method: string;
}

export type RegisteredTask = FunctionTask | MethodTask;

/** Where a worker looks handlers up, at each execution. */
export interface TaskLookup {
  lookup(taskName: string): RegisteredTask | undefined;
  /** Registered names, for messages. */
  names(): readonly string[];
}
