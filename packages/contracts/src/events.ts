import type { SerializedError } from "./errors/serialized-error.ts";
import type { DeadLetterReason, JobId } from "./job/job.ts";

/** What every event about a job carries. */
export interface JobEvent {
  readonly taskName: string;
  /** The queue's name in the application. */
  readonly queueName: string;
  readonly jobId: JobId;
  /** The ancestor's name for `jobId`. */
  readonly taskId: JobId;
}

export interface AttemptEvent extends JobEvent {
  readonly attempt: number;
  readonly workerId: string;
}

/** A job was accepted by its store. Also called `task.enqueued`. */
export interface TaskEnqueuedHook extends JobEvent {
  readonly delayMs: number;
}
/** A worker received the job; it may wait in the worker before it starts. */
export interface TaskReceivedHook extends AttemptEvent {
  readonly recoveries: number;
}
export interface TaskStartedHook extends AttemptEvent {}
export interface TaskCompletedHook extends AttemptEvent {
  readonly durationMs: number;
}
/** One attempt failed; `willRetry` tells whether another follows. */
export interface TaskFailedHook extends AttemptEvent {
  readonly durationMs: number;
  readonly reason: string;
  readonly error: SerializedError;
  readonly willRetry: boolean;
}
export interface TaskRetriedHook extends AttemptEvent {
  readonly delayMs: number;
  readonly countAttempt: boolean;
  readonly error: SerializedError;
}
/** Policy gave up on the job; it lies in the dead letters. */
export interface TaskDeadHook extends AttemptEvent {
  readonly reason: DeadLetterReason;
  readonly error: SerializedError;
}
/** The job ended as cancelled: before it ran (`attempt` 0, by this process), or while it ran here. */
export interface TaskCancelledHook extends JobEvent {
  readonly attempt: number;
  readonly reason: string;
}
/** A waiter of this process learnt that the job expired. */
export interface TaskExpiredHook extends JobEvent {}
/** The attempt lost its lease; its outcome counts for nothing. */
export interface TaskLeaseLostHook extends AttemptEvent {}
/** Regular sign of life of a worker. */
export interface WorkerHeartbeatHook {
  readonly workerId: string;
  readonly running: number;
  readonly slots: number;
  readonly lagMs: number;
}
/** A queue's store cannot be reached, or can again. */
export interface QueueAvailabilityHook {
  readonly queueName: string;
  readonly available: boolean;
  readonly error?: SerializedError;
}
/** This process enqueued the job of an occurrence of a schedule. */
export interface ScheduleFiredHook {
  readonly scheduleId: string;
  readonly taskName: string;
  /** When it was due: epoch milliseconds. */
  readonly plannedAt: number;
  readonly jobId: JobId;
}
/** This process passed over an occurrence, and over those that are due before it. */
export interface ScheduleSkippedHook {
  readonly scheduleId: string;
  readonly taskName: string;
  readonly plannedAt: number;
  /** It was too late; the job before it was not over; its queue refused it for good. */
  readonly reason: "late" | "overlap" | "refused";
}
/** This process learnt that a circuit breaker opened, lets probes through, or closed. */
export interface CircuitHook {
  readonly scope: "queue" | "task";
  /** Of the queue in the application, or of the task. */
  readonly name: string;
  /** Attempts that failed in a row. */
  readonly failures: number;
}
/** The machine or the event loop is too busy for this process to claim jobs, or is not any more. */
export interface WorkerLoadHook {
  readonly reason: "load" | "lag";
  /** The load average of a minute, or milliseconds of lag. */
  readonly value: number;
  readonly limit: number;
}
/** The event loop of this process turns again, after it stood still for more than a third of a lease. */
export interface WorkerBlockedHook {
  readonly blockedMs: number;
  /** Whose handler did it, where that is known: code after an `await` cannot be told apart. */
  readonly taskName?: string;
  readonly jobId?: JobId;
  /** Tasks that ran meanwhile, up to 20. */
  readonly tasks: readonly string[];
  /**
   * `kept`: all were renewed from a side thread as long as the loop stood still; `given-up`: until the blocking attempt was
   * past its time limit and grace; `at-risk`: some were not.
   */
  readonly leases: "kept" | "given-up" | "at-risk";
}
/** The workers of this process have run for as long as they may; the application stops. */
export interface WorkerRecycledHook {
  readonly ranMs: number;
  readonly exitCode: number;
}
/** The rules of a queue were replaced by this process. */
export interface QueuePolicyHook {
  readonly queueName: string;
}

/** Everything that is announced, by name. Open to merging. */
export interface TaskEvents {
  "task.queued": TaskEnqueuedHook;
  "task.enqueued": TaskEnqueuedHook;
  "task.received": TaskReceivedHook;
  "task.started": TaskStartedHook;
  "task.completed": TaskCompletedHook;
  "task.failed": TaskFailedHook;
  "task.retried": TaskRetriedHook;
  "task.dead": TaskDeadHook;
  "task.cancelled": TaskCancelledHook;
  "task.expired": TaskExpiredHook;
  "task.lease-lost": TaskLeaseLostHook;
  "worker.heartbeat": WorkerHeartbeatHook;
  "queue.availability": QueueAvailabilityHook;
  "worker.paused": WorkerLoadHook;
  "worker.resumed": WorkerLoadHook;
  "worker.blocked": WorkerBlockedHook;
  "worker.recycled": WorkerRecycledHook;
  "queue.policy": QueuePolicyHook;
  "circuit.opened": CircuitHook;
  "circuit.half-open": CircuitHook;
  "circuit.closed": CircuitHook;
  "schedule.fired": ScheduleFiredHook;
  "schedule.skipped": ScheduleSkippedHook;
}

export type TaskEventName = keyof TaskEvents;

/** The base of domain events, which travel on the application's event bus. */
export abstract class DomainEvent {
  /** Epoch milliseconds. */
  readonly occurredAt: number;
  constructor(occurredAt: number) {
    this.occurredAt = occurredAt;
  }
  /** The class's name. */
  get eventType(): string {
    return this.constructor.name;
  }
}

export class TaskQueuedEvent extends DomainEvent {
  readonly taskId: JobId;
  readonly queueName: string;
  constructor(fields: { taskId: JobId; queueName: string }, occurredAt: number) {
    super(occurredAt);
    this.taskId = fields.taskId;
    this.queueName = fields.queueName;
  }
}

export class TaskCompletedEvent extends DomainEvent {
  readonly taskId: JobId;
  readonly workerId: string;
  constructor(fields: { taskId: JobId; workerId: string }, occurredAt: number) {
    super(occurredAt);
    this.taskId = fields.taskId;
    this.workerId = fields.workerId;
  }
}

/** The job failed for good: its retries are used up, or policy forbids another. */
export class TaskFailedEvent extends DomainEvent {
  readonly taskId: JobId;
  readonly error: SerializedError;
  constructor(fields: { taskId: JobId; error: SerializedError }, occurredAt: number) {
    super(occurredAt);
    this.taskId = fields.taskId;
    this.error = fields.error;
  }
}
