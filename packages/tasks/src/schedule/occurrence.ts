import {
  type Clock,
  DuplicateTaskError,
  isTerminal,
  type Logger,
  QueueFullError,
  serializeError,
} from "@lexigram/contracts";
import { isRefusal } from "../dispatch/enqueue-lane.ts";
import type { EnqueueOptions } from "../dispatch/enqueue-options.ts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import type { TaskDispatcher } from "../dispatch/task-dispatcher.ts";
import type { TaskEmitter } from "../events/task-emitter.ts";
import { isoOf } from "./instant.ts";
import { dueOccurrences } from "./late-occurrences.ts";
import { queueNameOf } from "./queue-abilities.ts";
import { hashOf, type SchedulePlan } from "./schedule-plan.ts";
import type { ScheduleRecord, SchedulerStore, StoredSchedule } from "./scheduler-store.ts";

export interface OccurrenceServices {
  readonly dispatcher: TaskDispatcher;
  readonly queues: QueueSet;
  readonly store: SchedulerStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emitter: TaskEmitter | undefined;
  /** How late an occurrence may be to be in time, in milliseconds. */
  readonly misfireThresholdMs: number;
}

/** Beside an occurrence's window, so that a scheduler that was stopped in between finds its job enqueued already. */
const UNIQUE_BEYOND_WINDOW_MS = 3_600_000;
/** What was read so long ago is read again before anything is enqueued. */
const STALE_MS = 10_000;
const CLAIM_MS = 30_000;

/** Headers of jobs that a schedule has enqueued. */
export const SCHEDULE_ID_HEADER = "schedule-id";
const PLANNED_AT_HEADER = "planned-at";

/** The id of an occurrence, and of its job: the same for all schedulers. */
function occurrenceId(scheduleId: string, planned: number): string {
  return `${scheduleId}@${planned}`;
}

/**
 * Enqueues the occurrences of schedules that are due. Many may do so for one schedule at once, in any processes: a job is
 * named after schedule and instant, is unique for longer than its occurrence may be late, and the record moves on after it
 * was enqueued; so each occurrence has one job, and one that is lost in between is enqueued by the next who looks.
 */
export class OccurrenceFiring {
  readonly #services: OccurrenceServices;

  constructor(services: OccurrenceServices) {
    this.#services = services;
  }

  /**
   * @returns the schedule as it is stored afterwards; `undefined` when it is gone.
   * @throws what the store or the queue rejects with; then nothing is lost, and the next call goes on.
   */
  async fire(plan: SchedulePlan): Promise<StoredSchedule | undefined> {
    const { store, clock, misfireThresholdMs } = this.#services;
    let schedule = await store.loadJob(plan.id);
    let readAt = clock.monotonic();
    while (schedule?.record.enabled === true) {
      const { record } = schedule;
      const due = dueOccurrences(
        plan.recurrence,
        record.lastPlanned,
        clock.now(),
        plan.misfire,
        misfireThresholdMs,
      );
      if (due.latest === undefined) return schedule;
      const [planned] = due.fire;
      if (planned === undefined) {
        this.#tellSkipped(plan, due.latest, "late");
        schedule = await store.updateNextRun(schedule, due.latest);
        continue;
      }
      const mayStart = await this.#mayStart(plan, record);
      if (clock.monotonic() - readAt > STALE_MS) {
        schedule = await store.loadJob(plan.id);
        readAt = clock.monotonic();
        continue;
      }
      if (!mayStart) this.#tellSkipped(plan, planned, "overlap");
      const job = mayStart ? await this.#enqueue(plan, planned) : undefined;
      if (job === "claimed") return schedule;
      schedule = await store.updateNextRun(schedule, planned, job);
    }
    return schedule;
  }

  /** Looks after the job of the occurrence before. It is named, so that nobody who is late touches another one. */
  async #mayStart({ overlap }: SchedulePlan, { lastJob }: ScheduleRecord): Promise<boolean> {
    if (overlap === "allow" || lastJob === undefined) return true;
    const handle = this.#services.dispatcher.handle(lastJob.queue, lastJob.id);
    const status = await handle.status();
    if (status === "unknown" || isTerminal(status)) return true;
    if (overlap === "skip") return false;
    await handle.cancel();
    return true;
  }

  /** @returns the job; nothing when it was refused for good; `claimed` when another scheduler is at it. */
  async #enqueue(plan: SchedulePlan, planned: number): Promise<ScheduleRecord["lastJob"] | "claimed"> {
    const { dispatcher, queues, store, emitter, logger } = this.#services;
    const id = occurrenceId(plan.id, planned);
    try {
      const { queue, name } = queues.get(queueNameOf(plan));
      const keeps = queue.capabilities.unique === true;
      if (!keeps && !(await store.claim(id, CLAIM_MS))) return "claimed";
      const options = this.#optionsOf(plan, planned, id, keeps);
      const handle = await dispatcher.enqueue(plan.target as string, plan.input, options);
      if (handle.outcome !== "existing")
        emitter?.emit("schedule.fired", {
          scheduleId: plan.id,
          taskName: plan.task,
          plannedAt: planned,
          jobId: handle.id,
        });
      return { queue: name, id: handle.id };
    } catch (error) {
      if (error instanceof DuplicateTaskError && error.fields.existingId === id)
        return { queue: queueNameOf(plan), id };
      // A queue that is full may have room the next time; what is refused for what it is will be refused again.
      if (!isRefusal(error) || error instanceof QueueFullError) throw error;
      logger.error("an occurrence of a schedule was refused", {
        schedule: plan.id,
        task: plan.task,
        planned: isoOf(planned),
        error: serializeError(error),
      });
      this.#tellSkipped(plan, planned, "refused");
      return undefined;
    }
  }

  #optionsOf(plan: SchedulePlan, planned: number, id: string, keeps: boolean): EnqueueOptions {
    const { clock } = this.#services;
    const ttl = plan.misfire.withinMs + UNIQUE_BEYOND_WINDOW_MS;
    const delay = Math.max(0, planned + jitterOf(plan, id) - clock.now());
    return {
      ...plan.options,
      id,
      headers: {
        ...plan.options.headers,
        [SCHEDULE_ID_HEADER]: plan.id,
        [PLANNED_AT_HEADER]: isoOf(planned),
      },
      ...(keeps ? { unique: { key: id, until: { ttl }, onConflict: "existing" } } : {}),
      ...(delay > 0 ? { delay } : {}),
    };
  }

  #tellSkipped(plan: SchedulePlan, planned: number, reason: "late" | "overlap" | "refused"): void {
    this.#services.emitter?.emit("schedule.skipped", {
      scheduleId: plan.id,
      taskName: plan.task,
      plannedAt: planned,
      reason,
    });
  }
}

/** By how much an occurrence is put off: spread over its range by its name, so that all schedulers agree. */
function jitterOf({ jitterMs }: SchedulePlan, id: string): number {
  return jitterMs === 0 ? 0 : Number.parseInt(hashOf(id), 16) % jitterMs;
}
