import {
  type JobId,
  type JsonValue,
  serviceOption,
  type StateEntry,
  type StateStoreProtocol,
} from "@lexigram/contracts";
import type { ScheduleFacts, SchedulePlan } from "./schedule-plan.ts";

/** A schedule as it is stored. Instants are epoch milliseconds. */
export interface ScheduleRecord extends ScheduleFacts {
  readonly v: 1;
  readonly hash: string;
  readonly enabled: boolean;
  /** Occurrences up to this one are dealt with. Only ever rises. */
  readonly lastPlanned: number;
  /** The job of the last occurrence that was fired. */
  readonly lastJob?: { readonly queue: string; readonly id: JobId };
}

/** With the version it was read at. */
export interface StoredSchedule {
  readonly id: string;
  readonly record: ScheduleRecord;
  readonly version: number;
}

const PREFIX = "schedules:";
/** Rises with every change of what is scheduled, so that one small read tells whether there is anything to read. */
const REVISION = "schedule-revision";
const CLAIM = "schedule-claims:";
const PAGE = 1_000;

/** Schedules in a state store. Any number of schedulers may work on one store; every method is safe beside every other. */
export class SchedulerStore {
  readonly #state: StateStoreProtocol;

  constructor(state: StateStoreProtocol) {
    this.#state = serviceOption("SchedulerStore", "state", "state store", state);
  }

  /**
   * Stores what a plan says. What was stored under its id stays enabled or not; where it said something else, occurrences
   * up to now are dealt with.
   *
   * @returns whether anything was changed.
   */
  async saveJob(plan: SchedulePlan, now: number): Promise<boolean> {
    const { id, hash, enabled, recurrence: _recurrence, target: _target, ...facts } = plan;
    const saved = await this.#change(id, (current) => {
      if (current === undefined) return { v: 1, ...facts, hash, enabled, lastPlanned: now };
      if (current.hash === hash) return undefined;
      const { lastJob } = current;
      return {
        v: 1,
        ...facts,
        hash,
        enabled: current.enabled,
        lastPlanned: Math.max(current.lastPlanned, now),
        ...(lastJob === undefined ? {} : { lastJob }),
      };
    });
    return saved === "changed";
  }

  async loadJob(id: string): Promise<StoredSchedule | undefined> {
    const entry = await this.#state.get(PREFIX + id);
    return entry === undefined ? undefined : storedOf(entry);
  }

  /** All of them, in the order of their ids. */
  async loadJobs(): Promise<StoredSchedule[]> {
    const found: StoredSchedule[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#state.list(PREFIX, {
        limit: PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      found.push(...page.items.map(storedOf));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return found;
  }

  /**
   * Moves a schedule on, never back: whoever comes later than another finds what that one wrote.
   *
   * @param lastJob the job that was enqueued; without one the occurrence was left out.
   * @returns what is stored now; `undefined` when the schedule is gone.
   */
  async updateNextRun(
    schedule: StoredSchedule,
    planned: number,
    lastJob?: ScheduleRecord["lastJob"],
  ): Promise<StoredSchedule | undefined> {
    let current = schedule;
    while (current.record.lastPlanned < planned) {
      const record: ScheduleRecord = {
        ...current.record,
        lastPlanned: planned,
        ...(lastJob === undefined ? {} : { lastJob }),
      };
      const outcome = await this.#state.put(PREFIX + current.id, asJson(record), {
        ifVersion: current.version,
      });
      if (outcome.stored) return { id: current.id, record, version: outcome.version };
      if (outcome.current === undefined) return undefined;
      current = storedOf(outcome.current);
    }
    return current;
  }

  /** Enables or disables. What falls due while it is disabled is not made up for. @returns whether there is such a schedule. */
  async enableJob(id: string, enabled: boolean, now: number): Promise<boolean> {
    const outcome = await this.#change(id, (current) => {
      if (current === undefined || current.enabled === enabled) return undefined;
      const lastPlanned = enabled ? Math.max(current.lastPlanned, now) : current.lastPlanned;
      return { ...current, enabled, lastPlanned };
    });
    return outcome !== "absent";
  }

  /** @returns whether there was one. */
  async deleteJob(id: string): Promise<boolean> {
    const deleted = await this.#state.delete(PREFIX + id);
    if (deleted) await this.#state.increment(REVISION, 1);
    return deleted;
  }

  /** Another number whenever what is scheduled was changed by anybody. */
  async revision(): Promise<number> {
    const entry = await this.#state.get(REVISION);
    return entry?.version ?? 0;
  }

  /**
   * Keeps an occurrence to one scheduler for a time, for queues that cannot tell a job that is enqueued twice.
   *
   * @returns whether this caller has it.
   */
  async claim(occurrence: string, ttlMs: number): Promise<boolean> {
    const outcome = await this.#state.put(CLAIM + occurrence, true, { ifAbsent: true, ttlMs });
    return outcome.stored;
  }

  /** @param change gives what to store, or nothing to leave it as it is. */
  async #change(
    id: string,
    change: (current: ScheduleRecord | undefined) => ScheduleRecord | undefined,
  ): Promise<"changed" | "same" | "absent"> {
    const key = PREFIX + id;
    for (let entry = await this.#state.get(key); ;) {
      const record = change(entry === undefined ? undefined : storedOf(entry).record);
      if (record === undefined) return entry === undefined ? "absent" : "same";
      const outcome = await this.#state.put(
        key,
        asJson(record),
        entry === undefined ? { ifAbsent: true } : { ifVersion: entry.version },
      );
      if (outcome.stored) break;
      entry = outcome.current;
    }
    await this.#state.increment(REVISION, 1);
    return "changed";
  }
}

function storedOf({ key, value, version }: StateEntry): StoredSchedule {
  return { id: key.slice(PREFIX.length), record: value as unknown as ScheduleRecord, version };
}

/** Dates and whatever else has a form of its own become that form, as in the store. */
function asJson(record: ScheduleRecord): JsonValue {
  return JSON.parse(JSON.stringify(record)) as JsonValue;
}
