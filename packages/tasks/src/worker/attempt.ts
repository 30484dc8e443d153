import {
  type DeadLetterReason,
  type Delivery,
  type Headers,
  type JobId,
  LeaseLostError,
  type Receipt,
  type Settlement,
  type Timer,
} from "@lexigram/contracts";
import type { JobPolicy } from "../job/envelope.ts";
import { NO_PLACE } from "../keeper/held-leases.ts";
import type { KeptLease } from "../keeper/side-keeper.ts";
import type { BreakerPass } from "../breaker/circuit-breaker.ts";
import type { ExecutionFacts } from "../middleware/execution-context.ts";
import type { RetryFacts } from "../retry/retry-options.ts";
import type { StoredResult } from "../results/result-store.ts";
import type { AttemptContext } from "./attempt-context.ts";
import type { CrewMember } from "./crew.ts";
import type { QueueConsumer } from "./queue-consumer.ts";
import type { TaskPlan } from "./task-plan.ts";
import { WheelTimer } from "./timer-wheel.ts";

/** Where an attempt stands in this process. */
export const Stage = {
  /** Claimed ahead; nothing has begun. */
  Held: 0,
  Running: 1,
  /** Its outcome is decided whatever the handler does, which has the grace period to stop. */
  Stopping: 2,
  /** Its outcome waits to be stored, or is on its way. */
  Settling: 3,
  /** Nothing of it is reported any more. */
  Over: 4,
} as const;
export type Stage = (typeof Stage)[keyof typeof Stage];

/** What is told of an attempt once its settlement is stored. */
export interface AttemptOutcome {
  readonly kind: "completed" | "retried" | "dead" | "cancelled" | "released";
  /** What ended it; absent when it completed. */
  readonly error?: unknown;
  readonly reason?: DeadLetterReason;
  readonly delayMs?: number;
  readonly countAttempt?: boolean;
  /** Why it was cancelled. */
  readonly cancelReason?: string;
}

const COMPLETED: AttemptOutcome = { kind: "completed" };

/** One delivery in this process: from the claim until its settlement is stored, and as long as its handler runs. */
export class Attempt extends WheelTimer implements ExecutionFacts, KeptLease {
  readonly delivery: Delivery;
  readonly consumer: QueueConsumer;
  stage: Stage = Stage.Held;
  /** The worker whose slot it takes. */
  member: CrewMember | undefined = undefined;
  plan: TaskPlan | undefined = undefined;
  policy: JobPolicy | undefined = undefined;
  input: unknown = undefined;
  /** From 1: the delivery's, plus runs repeated inside the slot. */
  attempt: number;
  maxAttempts = 1;
  /** Monotonic milliseconds. */
  startedAt = 0;
  durationMs = 0;
  /** Epoch milliseconds; `Infinity` without one. */
  deadline = Infinity;
  /** Milliseconds; `Infinity` without one. */
  timeoutMs = Infinity;
  holdsSlot = false;
  /** Whether the handler's promise has not come back. */
  handlerRuns = false;
  /** Whether the slot was given to another while the handler still runs. */
  zombie = false;
  /** Whether the job was completed before it ran (`ackMode: "before"`). */
  acknowledged = false;
  cancelRequested = false;
  /** Set when a shutdown asked it to stop: what it did not finish is handed back. */
  handBack = false;
  /** What decided its end, of a stopping attempt. */
  decided: unknown = undefined;
  /** While it waits to be repeated inside its slot. */
  repeat: Timer | undefined = undefined;
  context: AttemptContext | undefined = undefined;
  /** Why its signal is aborted. */
  abortReason: unknown = undefined;
  controller: AbortController | undefined = undefined;
  settlement: Settlement | undefined = undefined;
  outcome: AttemptOutcome = COMPLETED;
  /** Whether its settlement was sent: from here on the store's answer alone decides. */
  sent = false;
  /** Of `ctx.transaction`. */
  transaction: "none" | "open" | "committed" = "none";
  /** Whether a time limit ran out while the store was to decide. */
  overdue = false;
  /** How it ended, while the queue has not said whether that counts; only where somebody else keeps it. */
  unaccepted: StoredResult | undefined = undefined;
  /** Of breakers that want to know how it ends. */
  passes: BreakerPass[] | undefined = undefined;
  /** Called once its settlement was stored, or refused. */
  onSettled: ((stored: boolean) => void) | undefined = undefined;

  /** Whether it is in the consumer's list of leases. */
  leased = false;
  leaseNext: Attempt | undefined = undefined;
  leasePrevious: Attempt | undefined = undefined;
  /** Monotonic milliseconds: when the latest claim or successful renewal was sent. */
  leaseSentAt: number;
  /** Owned by the keeper that a side thread reads from. */
  place = NO_PLACE;

  constructor(delivery: Delivery, consumer: QueueConsumer, leaseSentAt: number) {
    super();
    this.delivery = delivery;
    this.consumer = consumer;
    this.attempt = delivery.attempt;
    this.leaseSentAt = leaseSentAt;
  }

  get jobId(): JobId {
    return this.delivery.job.id;
  }

  get taskName(): string {
    return this.delivery.job.task;
  }

  get receipt(): Receipt {
    return this.delivery.receipt;
  }

  get queueName(): string {
    return this.consumer.name;
  }

  /** Monotonic milliseconds: after this the lease counts as lost, whatever the store will say. */
  get leaseDeadline(): number {
    return this.leaseSentAt + this.delivery.leaseMs;
  }

  /** Whether its job is done. */
  get success(): boolean {
    return this.outcome.kind === "completed";
  }

  get leaseIsLost(): boolean {
    return this.decided instanceof LeaseLostError;
  }

  get phase(): "process" {
    return "process";
  }

  get headers(): Headers {
    return this.delivery.job.headers;
  }

  get startTime(): number {
    return this.startedAt;
  }

  /** Made when first read: an AbortController costs more than the rest of an attempt on Node 20. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.abortReason !== undefined) this.controller.abort(this.abortReason);
    }
    return this.controller.signal;
  }

  get facts(): RetryFacts {
    const { taskName, jobId, attempt, maxAttempts } = this;
    return { taskName, jobId, attempt, maxAttempts };
  }

  stopRepeat(): void {
    this.repeat?.cancel();
    this.repeat = undefined;
  }

  /** Asks the handler to stop. The first reason stays. */
  abort(reason: unknown): void {
    if (this.abortReason !== undefined) return;
    this.abortReason = reason;
    this.controller?.abort(reason);
  }

  /** A time limit, or the end of the grace period. */
  fire(): void {
    this.consumer.runner.timeIsUp(this);
  }
}
