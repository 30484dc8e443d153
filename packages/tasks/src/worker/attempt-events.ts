import { type AttemptEvent, type SerializeErrorOptions, serializeError } from "@lexigram/contracts";
import type { Attempt } from "./attempt.ts";
import type { TaskEmitter } from "../events/task-emitter.ts";

/** Announces what happens to attempts. Payloads are made only when somebody listens. */
export class AttemptEvents {
  readonly #emitter: TaskEmitter;
  /** Names the process where no worker has the job yet. */
  readonly #processId: string;
  readonly #errors: SerializeErrorOptions;

  constructor(emitter: TaskEmitter, processId: string, errors: SerializeErrorOptions) {
    this.#emitter = emitter;
    this.#processId = processId;
    this.#errors = errors;
  }

  received(attempt: Attempt): void {
    if (!this.#emitter.has("task.received")) return;
    this.#emitter.emit("task.received", { ...this.#facts(attempt), recoveries: attempt.delivery.recoveries });
  }

  started(attempt: Attempt): void {
    if (this.#emitter.has("task.started")) this.#emitter.emit("task.started", this.#facts(attempt));
  }

  leaseLost(attempt: Attempt): void {
    if (this.#emitter.has("task.lease-lost")) this.#emitter.emit("task.lease-lost", this.#facts(attempt));
  }

  /** The attempt's outcome is stored. */
  settled(attempt: Attempt): void {
    switch (attempt.outcome.kind) {
      case "completed":
        if (this.#emitter.has("task.completed"))
          this.#emitter.emit("task.completed", { ...this.#facts(attempt), durationMs: attempt.durationMs });
        return;
      case "retried":
        this.#failed(attempt, true);
        this.#retried(attempt);
        return;
      case "dead":
        this.#failed(attempt, false);
        this.#dead(attempt);
        return;
      case "cancelled":
        this.#cancelled(attempt);
        return;
      case "released":
    }
  }

  #failed(attempt: Attempt, willRetry: boolean): void {
    // An unknown task did not fail; nobody has tried it.
    if (attempt.context === undefined && willRetry) return;
    if (!this.#emitter.has("task.failed")) return;
    const error = serializeError(attempt.outcome.error, this.#errors);
    const { durationMs } = attempt;
    this.#emitter.emit("task.failed", {
      ...this.#facts(attempt),
      durationMs,
      reason: error.message,
      error,
      willRetry,
    });
  }

  #retried(attempt: Attempt): void {
    if (!this.#emitter.has("task.retried")) return;
    const { delayMs = 0, countAttempt = true } = attempt.outcome;
    const error = serializeError(attempt.outcome.error, this.#errors);
    this.#emitter.emit("task.retried", { ...this.#facts(attempt), delayMs, countAttempt, error });
  }

  #dead(attempt: Attempt): void {
    // A job that was completed before it ran lies in no dead letters.
    if (attempt.acknowledged || !this.#emitter.has("task.dead")) return;
    const error = serializeError(attempt.outcome.error, this.#errors);
    this.#emitter.emit("task.dead", {
      ...this.#facts(attempt),
      reason: attempt.outcome.reason ?? "failed",
      error,
    });
  }

  #cancelled(attempt: Attempt): void {
    if (!this.#emitter.has("task.cancelled")) return;
    const { workerId: _workerId, ...facts } = this.#facts(attempt);
    this.#emitter.emit("task.cancelled", { ...facts, reason: attempt.outcome.cancelReason ?? "" });
  }

  #facts(attempt: Attempt): AttemptEvent {
    return {
      taskName: attempt.taskName,
      queueName: attempt.queueName,
      jobId: attempt.jobId,
      taskId: attempt.jobId,
      attempt: attempt.attempt,
      workerId: attempt.member?.id ?? this.#processId,
    };
  }
}
