import {
  type Clock,
  type QueueCapabilities,
  type StateStoreProtocol,
  systemClock,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { uniqueName } from "../build/job.ts";
import { overriding } from "../liars/overriding.ts";
import type { IdempotencySubject, LockHarness, LockSubject, SubmissionSubject } from "./lock-harness.ts";
import type { SchedulerStores } from "./schedule-harness.ts";

/** Laid over the calls of one process. */
export interface LockFaults {
  readonly queue?: (queue: TaskQueueProtocol) => Partial<TaskQueueProtocol>;
  readonly state?: (state: StateStoreProtocol) => Partial<StateStoreProtocol>;
  /** A process that stands still: its own time does, and none of its timers fires. */
  readonly still?: boolean;
}

const DEFAULT_UNIT_MS = 300;
const POLL_MS = 100;

/** What a case of locks works with: fresh stores, processes on connections of their own, and time. */
export class LockEnv {
  readonly harness: LockHarness;
  /** Part of every name that this case gives. */
  readonly seed = uniqueName("k");
  readonly #connect: () => Promise<SchedulerStores>;
  readonly #clock: Clock;
  #names = 0;

  private constructor(harness: LockHarness, connect: () => Promise<SchedulerStores>) {
    this.harness = harness;
    this.#connect = connect;
    this.#clock = harness.clock ?? systemClock;
  }

  static async open(harness: LockHarness): Promise<LockEnv> {
    return new LockEnv(harness, await harness.open());
  }

  name(prefix: string): string {
    return `${prefix}-${++this.#names}-${this.seed}`;
  }

  span(units: number): number {
    return Math.round(units * (this.harness.unitMs ?? DEFAULT_UNIT_MS));
  }

  async pass(units: number): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.setTimer(resolve, this.span(units)));
  }

  /** The locks of another process. @param pollMs how often its waiters look by themselves. */
  async locks(faults: LockFaults = {}, pollMs: number = POLL_MS): Promise<LockSubject> {
    return this.harness.locks(await this.#stores(faults), this.#clockOf(faults), pollMs);
  }

  async idempotency(faults: LockFaults = {}): Promise<IdempotencySubject> {
    return this.harness.idempotency(await this.#stores(faults), this.#clockOf(faults));
  }

  async submissions(faults: LockFaults = {}): Promise<SubmissionSubject> {
    return this.harness.submissions(await this.#stores(faults), this.#clockOf(faults));
  }

  async capabilities(): Promise<QueueCapabilities> {
    return (await this.#connect()).queue.capabilities;
  }

  async waiting(): Promise<number> {
    return this.harness.waiting(await this.#connect());
  }

  async #stores(faults: LockFaults): Promise<SchedulerStores> {
    const { queue, state } = await this.#connect();
    // What a first call has to set up must not take from the time of a hold.
    await state.get(this.name("first"));
    return {
      queue: faults.queue === undefined ? queue : overriding(queue, faults.queue(queue)),
      state: faults.state === undefined ? state : overriding(state, faults.state(state)),
    };
  }

  #clockOf({ still = false }: LockFaults): Clock {
    if (!still) return this.#clock;
    const [now, monotonic] = [this.#clock.now(), this.#clock.monotonic()];
    return { now: () => now, monotonic: () => monotonic, setTimer: () => ({ cancel: () => undefined }) };
  }
}
