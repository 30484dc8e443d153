import type { Clock, JobId, StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";

/** How a schedule is kept and fired, as far as the laws go. */
export interface ScheduleSubjectSettings {
  readonly id: string;
  readonly misfire?: "skip" | "once" | "all";
  readonly overlap?: "allow" | "skip" | "cancel";
}

/** A scheduler under test. */
export interface SchedulerSubject {
  /** Schedules a task by its name, at whole spans of milliseconds since 1970. */
  scheduleJob(
    task: string,
    when: { readonly every: number },
    settings: ScheduleSubjectSettings,
  ): Promise<string>;
  unscheduleJob(id: string): Promise<boolean>;
  enableJob(id: string): Promise<boolean>;
  disableJob(id: string): Promise<boolean>;
  trigger(id: string): Promise<{ readonly id: JobId }>;
  startScheduler(): Promise<void>;
  stopScheduler(): Promise<void>;
  /** Resolves when nothing is under way. */
  whenIdle(): Promise<void>;
}

/** What a scheduler works on: one connection to a queue and a state store. */
export interface SchedulerStores {
  readonly queue: TaskQueueProtocol;
  readonly state: StateStoreProtocol;
}

/** How the kit gets at schedulers over a backend. */
export interface ScheduleHarness {
  /** Names the configuration under test in reports. */
  readonly name: string;
  /** @returns how to connect to fresh, empty stores; each call is a connection of its own, which the harness ends. */
  open(): Promise<() => Promise<SchedulerStores>>;
  /**
   * A scheduler on a connection, as a process of its own has one. By `clock`, which the kit moves, it looks for what others
   * have scheduled once a minute, and takes an occurrence for late after a second; the time of the stores is the machine's.
   */
  scheduler(stores: SchedulerStores, clock: Clock): SchedulerSubject;
  /** Lets go of everything, and removes what was stored. */
  dispose(): Promise<void>;
}
