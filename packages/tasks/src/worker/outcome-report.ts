import { serializeError } from "@lexigram/contracts";
import type { Moment } from "../observability/moment.ts";
import type { AttemptEvents } from "./attempt-events.ts";
import type { Attempt } from "./attempt.ts";
import type { Crew } from "./crew.ts";
import type { QueueConsumer } from "./queue-consumer.ts";
import type { WorkerServices } from "./worker-services.ts";
import type { WorkerSettings } from "./worker-settings.ts";

/** Who beats. */
export interface Beating {
  readonly crew: Crew;
  readonly consumers: readonly QueueConsumer[];
}

/** Task names in one warning, at most. */
const MAX_NAMES = 20;

/** Tells the rest of the application what became of attempts, once it is stored, and that the workers live. */
export class OutcomeReport {
  readonly #events: AttemptEvents;
  readonly #services: WorkerServices;
  readonly #settings: WorkerSettings;
  /** Tasks whose attempts ended since the last beat and took suspiciously long. */
  readonly #slow = new Set<string>();

  constructor(events: AttemptEvents, services: WorkerServices, settings: WorkerSettings) {
    this.#events = events;
    this.#services = services;
    this.#settings = settings;
  }

  /** @param at when the store said so. */
  settled(attempt: Attempt, at: Moment): void {
    const { kind, error } = attempt.outcome;
    const { context } = attempt;
    if (kind === "released" || kind === "retried") context?.leaveProgress();
    else context?.endProgress(kind === "completed" ? undefined : this.#messageOf(error));
    if (kind === "released") return;
    if (context !== undefined) {
      this.#count(attempt, at);
      if (attempt.durationMs >= this.#settings.leaseMs / 3 && this.#slow.size < MAX_NAMES)
        this.#slow.add(attempt.taskName);
    }
    if (attempt.acknowledged && kind === "dead") this.#lostForGood(attempt);
    this.#events.settled(attempt);
  }

  /** A sign of life. @param lagMs how late it came. */
  beat(lagMs: number, { crew, consumers }: Beating): void {
    const { emitter, logger } = this.#services;
    if (this.#settings.onBlocked === "warn" && lagMs > this.#settings.leaseMs / 3) {
      const tasks = new Set(this.#slow);
      for (const consumer of consumers)
        for (const attempt of consumer.attempts()) if (tasks.size < MAX_NAMES) tasks.add(attempt.taskName);
      logger.warn("the event loop was blocked, so leases may have been lost", { lagMs, tasks: [...tasks] });
    }
    this.#slow.clear();
    if (!emitter.has("worker.heartbeat")) return;
    for (const { id, running, slots } of crew.members)
      emitter.emit("worker.heartbeat", { workerId: id, running, slots, lagMs });
  }

  #count(attempt: Attempt, at: Moment): void {
    if (attempt.outcome.kind === "cancelled") return;
    const { taskName, jobId, durationMs, success, member } = attempt;
    member?.stats.recordJob(attempt, at.now);
    const { dashboard } = this.#services;
    if (dashboard === undefined) return;
    const workerId = member?.id ?? "";
    if (success) dashboard.recordExecution({ taskName, jobId, durationMs, success, workerId }, at);
    else {
      const error = serializeError(attempt.outcome.error, this.#settings.errors);
      dashboard.recordExecution({ taskName, jobId, durationMs, success, workerId, error }, at);
    }
  }

  #messageOf(error: unknown): string {
    return serializeError(error, { ...this.#settings.errors, stack: false }).message;
  }

  #lostForGood(attempt: Attempt): void {
    this.#services.logger.error("a job that was completed before it ran has failed", {
      task: attempt.taskName,
      job: attempt.jobId,
      error: serializeError(attempt.outcome.error),
    });
  }
}
