import { type Clock, TaskRegistrationError } from "@lexigram/contracts";
import { recurrenceOf, type SchedulePlan } from "./schedule-plan.ts";
import type { SchedulerStore, StoredSchedule } from "./scheduler-store.ts";

/** Everything is read anew after so long, whatever the store's revision says. */
const FULL_READ_MS = 60_000;

/** A schedule that this scheduler fires. */
interface Known {
  readonly plan: SchedulePlan;
  readonly enabled: boolean;
  /** The first occurrence that was not dealt with, as far as this scheduler knows: epoch milliseconds. */
  readonly nextAt: number;
}

/** What a scheduler knows of the schedules of its store, and of those that stand in code. */
export class ScheduleBook {
  readonly #store: SchedulerStore;
  readonly #clock: Clock;
  readonly #isReachable: (plan: SchedulePlan) => boolean;
  readonly #declared = new Map<string, SchedulePlan>();
  readonly #unregistered = new Map<string, SchedulePlan>();
  #known = new Map<string, Known>();
  #revision: number | undefined;
  #readAt = 0;

  /** @param isReachable whether this scheduler has the queue that a schedule's jobs go to. */
  constructor(store: SchedulerStore, clock: Clock, isReachable: (plan: SchedulePlan) => boolean) {
    this.#store = store;
    this.#clock = clock;
    this.#isReachable = isReachable;
  }

  /** @throws TaskRegistrationError when the id is taken. */
  declare(plan: SchedulePlan): void {
    if (this.#declared.has(plan.id))
      throw new TaskRegistrationError(
        `two schedules have the id "${plan.id}"`,
        { task: plan.task },
        { hint: "give one of them an id of its own" },
      );
    this.#declared.set(plan.id, plan);
    this.#unregistered.set(plan.id, plan);
  }

  /** @returns whether it stood in code. */
  forget(id: string): boolean {
    this.#known.delete(id);
    this.#unregistered.delete(id);
    return this.#declared.delete(id);
  }

  get declaredTasks(): readonly string[] {
    return [...this.#declared.values()].map(({ task }) => task);
  }

  /** The name of a task's schedule, or the first of its numbers that is free. */
  freeId(task: string): string {
    for (let n = 1; ; n++) {
      const id = n === 1 ? task : `${task}#${n}`;
      if (!this.#declared.has(id)) return id;
    }
  }

  async register(): Promise<void> {
    for (const [id, plan] of this.#unregistered) {
      await this.#store.saveJob(plan, this.#clock.now());
      this.#unregistered.delete(id);
      // It may have been stored before, as it is now, and was not this scheduler's.
      this.#revision = undefined;
    }
  }

  /** Reads what is stored when something was changed. */
  async refresh(): Promise<void> {
    const revision = await this.#store.revision();
    const isOld = this.#clock.monotonic() - this.#readAt >= FULL_READ_MS;
    if (revision !== this.#revision || isOld) await this.#load(revision);
  }

  /** Reads what is stored. @returns how many schedules there are. */
  async load(): Promise<number> {
    return this.#load(await this.#store.revision());
  }

  async #load(revision: number): Promise<number> {
    this.#readAt = this.#clock.monotonic();
    const stored = await this.#store.loadJobs();
    const before = this.#known;
    this.#known = new Map();
    for (const schedule of stored) {
      const plan = this.#planOf(schedule, before.get(schedule.id)?.plan);
      if (plan !== undefined && this.#isReachable(plan))
        this.#known.set(schedule.id, knownOf(plan, schedule));
    }
    this.#revision = revision;
    return stored.length;
  }

  /** A schedule's plan, whether or not this scheduler fires it. */
  async find(id: string): Promise<SchedulePlan | undefined> {
    const declared = this.#declared.get(id);
    if (declared !== undefined) return declared;
    const stored = await this.#store.loadJob(id);
    return stored === undefined ? undefined : planFrom(stored);
  }

  /** Those that are due. */
  due(now: number): SchedulePlan[] {
    return [...this.#known.values()]
      .filter(({ enabled, nextAt }) => enabled && nextAt <= now)
      .map(({ plan }) => plan);
  }

  /** When the next one is due; `Infinity` when none is. */
  get nextAt(): number {
    let next = Infinity;
    for (const known of this.#known.values()) if (known.enabled) next = Math.min(next, known.nextAt);
    return next;
  }

  /** Takes over what is stored of a schedule; nothing: it is gone. @returns whether it is due later than it was. */
  note(id: string, stored: StoredSchedule | undefined): boolean {
    const known = this.#known.get(id);
    if (known === undefined || stored === undefined) {
      this.#known.delete(id);
      return true;
    }
    const next = knownOf(known.plan, stored);
    this.#known.set(id, next);
    return next.nextAt > known.nextAt;
  }

  /** What this scheduler fires of it: what its own code says, or else what is stored. */
  #planOf(schedule: StoredSchedule, before: SchedulePlan | undefined): SchedulePlan | undefined {
    const declared = this.#declared.get(schedule.id);
    if (declared !== undefined) return declared;
    if (schedule.record.declared) return undefined;
    return before?.hash === schedule.record.hash ? before : planFrom(schedule);
  }
}

function knownOf(plan: SchedulePlan, { record }: StoredSchedule): Known {
  const nextAt = record.enabled ? (plan.recurrence.next(record.lastPlanned) ?? Infinity) : Infinity;
  return { plan, enabled: record.enabled, nextAt };
}

function planFrom({ id, record }: StoredSchedule): SchedulePlan {
  const { v: _v, lastPlanned: _lastPlanned, lastJob: _lastJob, ...facts } = record;
  return { ...facts, id, target: record.task, recurrence: recurrenceOf(record.rule) };
}
