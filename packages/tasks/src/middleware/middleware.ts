import type { Delivery, NewJob } from "@lexigram/contracts";
import type { TaskContext } from "../worker/task-context.ts";

/** What middleware sees of one pass, on its way in and out. */
export interface TaskExecutionContext {
  readonly phase: "enqueue" | "process";
  readonly taskName: string;
  /** The queue's name in the application. */
  readonly queueName: string;
  readonly jobId: string;
  /** The parsed input when processing, what the caller passed when enqueueing. */
  readonly input: unknown;
  /** Headers of the job; when enqueueing they may be added to. */
  readonly headers: Record<string, string>;
  /** The handler's context; when processing only. */
  readonly context: TaskContext | undefined;
  readonly delivery: Delivery | undefined;
  /** The job about to be stored; when enqueueing only. */
  readonly newJob: NewJob | undefined;
  /** From 1; 0 when enqueueing. */
  readonly attempt: number;
  /** Monotonic milliseconds. */
  readonly startTime: number;
  endTime: number | undefined;
  readonly durationMs: number;
  result: unknown;
  /** Free space for middleware, made when first read. */
  readonly metadata: Record<string, unknown>;
}

/**
 * Wraps each enqueue and each attempt, the first one outermost. It may look, add headers (when enqueueing), return
 * another value, or throw; it runs what it wraps by calling `next`, at most once. Written once and shared by all
 * jobs, so it must keep its state in `context.metadata`.
 */
export type TaskMiddlewareFunction = (
  context: TaskExecutionContext,
  next: () => Promise<unknown>,
) => Promise<unknown>;

/** The ancestor's form. `before` runs in order, `after` and `onError` in reverse; what `after` and `onError` throw is logged only. */
export interface TaskMiddleware {
  beforeExecute?(context: TaskExecutionContext): void | Promise<void>;
  afterExecute?(context: TaskExecutionContext): void | Promise<void>;
  onError?(context: TaskExecutionContext, error: unknown): void | Promise<void>;
}
