import { serializeError } from "@lexigram/contracts";
import type { Moment } from "../observability/moment.ts";
import type { AttemptEvents } from "./attempt-events.ts";
import type { Attempt } from "./attempt.ts";
import type { BlockedLoop } from "./blocked-loop.ts";
import type { Crew } from "./crew.ts";
import type { QueueConsumer } from "./queue-consumer.ts";
import type { WorkerServices } from "./worker-services.ts";
import type { WorkerSettings } from "./worker-settings.ts";

/** Who beats. */
export interface Beating {
  readonly crew: Crew;
  readonly consumers: readonly QueueConsumer[];
}

/** Tells the rest of the application what became of attempts, once it is stored, and that the workers live. */
export class OutcomeReport {
  readonly #events: AttemptEvents;
  readonly #services: WorkerServices;
  readonly #settings: WorkerSettings;
  readonly #loop: BlockedLoop;

  constructor(events: AttemptEvents, services: WorkerServices, settings: WorkerSettings, loop: BlockedLoop) {
    this.#events = events;
    this.#services = services;
    this.#settings = settings;
    this.#loop = loop;
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
      this.#loop.ended(attempt.taskName, attempt.durationMs);
    }
    if (attempt.acknowledged && kind === "dead") this.#lostForGood(attempt);
    this.#events.settled(attempt);
  }

  /** A sign of life. @param lagMs how late it came. @param seen whether somebody else looks after the loop. */
  beat(lagMs: number, { crew, consumers }: Beating, seen: boolean): void {
    const { emitter } = this.#services;
    if (!seen && lagMs > this.#settings.leaseMs / 3)
      this.#loop.report({ blockedMs: lagMs, culprit: undefined, leases: "at-risk" }, consumers);
    this.#loop.forget();
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
