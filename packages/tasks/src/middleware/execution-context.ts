import { type Clock, type Delivery, type NewJob, systemClock } from "@lexigram/contracts";
import type { TaskContext } from "../worker/task-context.ts";
import type { TaskExecutionContext } from "./middleware.ts";

export interface ExecutionFacts {
  readonly phase: "enqueue" | "process";
  readonly taskName: string;
  readonly queueName: string;
  readonly jobId: string;
  readonly input: unknown;
  readonly headers: Record<string, string>;
  readonly context?: TaskContext | undefined;
  readonly delivery?: Delivery | undefined;
  readonly newJob?: NewJob | undefined;
  /** From 1; absent when enqueueing. */
  readonly attempt?: number;
  /** Monotonic milliseconds; default now. */
  readonly startTime?: number;
  /** The time limit that holds for this attempt, in milliseconds. */
  readonly timeoutMs?: number;
}

/**
 * One pass through the middleware, as `TaskExecutionContext` describes it; exported as the class of that name, so that
 * middleware can be run without a pipeline.
 */
export class JobExecutionContext implements TaskExecutionContext {
  readonly phase: "enqueue" | "process";
  readonly taskName: string;
  readonly queueName: string;
  readonly jobId: string;
  readonly input: unknown;
  readonly headers: Record<string, string>;
  readonly context: TaskContext | undefined;
  readonly delivery: Delivery | undefined;
  readonly newJob: NewJob | undefined;
  readonly attempt: number;
  readonly startTime: number;
  /** The time limit that the worker enforces, in milliseconds; `undefined`: none, or not known. */
  readonly timeoutMs: number | undefined;
  endTime: number | undefined = undefined;
  result: unknown = undefined;
  readonly #clock: Clock;
  #metadata: Record<string, unknown> | undefined = undefined;

  /** @param clock times the pass. Default: the system's. */
  constructor(facts: ExecutionFacts, clock: Clock = systemClock) {
    this.phase = facts.phase;
    this.taskName = facts.taskName;
    this.queueName = facts.queueName;
    this.jobId = facts.jobId;
    this.input = facts.input;
    this.headers = facts.headers;
    this.context = facts.context;
    this.delivery = facts.delivery;
    this.newJob = facts.newJob;
    this.attempt = facts.attempt ?? 0;
    this.startTime = facts.startTime ?? clock.monotonic();
    this.timeoutMs = facts.timeoutMs;
    this.#clock = clock;
  }

  /** Milliseconds, so far or in all. */
  get durationMs(): number {
    return (this.endTime ?? this.#clock.monotonic()) - this.startTime;
  }

  get metadata(): Record<string, unknown> {
    this.#metadata ??= {};
    return this.#metadata;
  }
}
