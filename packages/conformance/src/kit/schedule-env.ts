import type { StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";
import { uniqueName } from "../build/job.ts";
import { ManualClock } from "../clock/manual-clock.ts";
import { overriding } from "../liars/overriding.ts";
import type { ScheduleHarness, SchedulerStores, SchedulerSubject } from "./schedule-harness.ts";
import { Session } from "./session.ts";

/** Laid over the calls of one scheduler. */
export interface SchedulerFaults {
  readonly queue?: (queue: TaskQueueProtocol) => Partial<TaskQueueProtocol>;
  readonly state?: (state: StateStoreProtocol) => Partial<StateStoreProtocol>;
}

const MINUTE_MS = 60_000;
const NOT_OVER = ["pending", "scheduled", "running", "completed", "cancelled"] as const;

/** What a case of schedules works with: fresh stores, schedulers on connections of their own, and their time. */
export class ScheduleEnv {
  readonly clock = new ManualClock();
  readonly harness: ScheduleHarness;
  readonly queue: TaskQueueProtocol;
  /** Part of every name that this case gives. */
  readonly seed = uniqueName("c");
  readonly #connect: () => Promise<SchedulerStores>;
  readonly #session: Session;
  readonly #schedulers: SchedulerSubject[] = [];
  readonly #startedAt: number;
  #names = 0;

  private constructor(
    harness: ScheduleHarness,
    connect: () => Promise<SchedulerStores>,
    queue: TaskQueueProtocol,
  ) {
    this.harness = harness;
    this.#connect = connect;
    this.queue = queue;
    this.#session = new Session(queue, `${this.seed}:session`, 60_000);
    this.#startedAt = this.clock.now();
  }

  /** All that were made. */
  get schedulers(): readonly SchedulerSubject[] {
    return this.#schedulers;
  }

  static async open(harness: ScheduleHarness): Promise<ScheduleEnv> {
    const connect = await harness.open();
    const { queue } = await connect();
    return new ScheduleEnv(harness, connect, queue);
  }

  async end(): Promise<void> {
    for (const scheduler of this.#schedulers) await scheduler.stopScheduler();
  }

  name(prefix: string): string {
    return `${prefix}-${++this.#names}-${this.seed}`;
  }

  /** A scheduler as of another process. It does not run yet. */
  async scheduler(faults: SchedulerFaults = {}): Promise<SchedulerSubject> {
    const { queue, state } = await this.#connect();
    const scheduler = this.harness.scheduler(
      {
        queue: faults.queue === undefined ? queue : overriding(queue, faults.queue(queue)),
        state: faults.state === undefined ? state : overriding(state, faults.state(state)),
      },
      this.clock,
    );
    this.#schedulers.push(scheduler);
    return scheduler;
  }

  async started(faults?: SchedulerFaults): Promise<SchedulerSubject> {
    const scheduler = await this.scheduler(faults);
    await scheduler.startScheduler();
    await scheduler.whenIdle();
    return scheduler;
  }

  /** Lets minutes pass, one by one, and waits each time until those schedulers have done what they do. */
  async pass(minutes: number, waitedFor: readonly SchedulerSubject[] = this.#schedulers): Promise<void> {
    for (let i = 0; i < minutes; i++) {
      await this.clock.advance(MINUTE_MS);
      for (const scheduler of waitedFor) await scheduler.whenIdle();
    }
  }

  /** Minutes from the beginning of the case to the instants whose jobs are there, in order. */
  async fired(id: string): Promise<number[]> {
    const minutes: number[] = [];
    for (const status of NOT_OVER) {
      const { items } = await this.queue.list({ status, limit: 1_000 });
      for (const job of items) minutes.push(...this.#minutesOf(id, job.id));
    }
    return minutes.toSorted((a, b) => a - b);
  }

  /** Runs all jobs that wait. @returns the minutes of their instants, in order. */
  async work(id: string): Promise<number[]> {
    const { deliveries } = await this.#session.exchange({ slots: 1_000 });
    const settle = deliveries.map(({ receipt }) => ({ receipt, kind: "complete" as const }));
    await this.#session.exchange({ settle });
    return deliveries.flatMap(({ job }) => this.#minutesOf(id, job.id)).toSorted((a, b) => a - b);
  }

  #minutesOf(id: string, jobId: string): number[] {
    if (!jobId.startsWith(`${id}@`)) return [];
    return [(Number(jobId.slice(id.length + 1)) - this.#startedAt) / MINUTE_MS];
  }
}
