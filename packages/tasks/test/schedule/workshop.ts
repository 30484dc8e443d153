import type { JobView, StateStoreProtocol, TaskQueueProtocol } from "@lexigram/contracts";
import { onTestFinished } from "vitest";
import { TaskEmitter } from "../../src/events/task-emitter.ts";
import { HandlerRegistry, QueueSet, TaskDispatcher } from "../../src/index.ts";
import { SchedulerStore } from "../../src/schedule/scheduler-store.ts";
import { TaskScheduler, type TaskSchedulerOptions } from "../../src/schedule/task-scheduler.ts";
import { memoryBackend } from "../../src/memory/memory-backend.ts";
import { TestClock } from "../../src/testing/test-clock.ts";
import { Activity } from "../../src/worker/activity.ts";
import { bindingOf, RecordingLogger, seeded } from "../dispatch/producer.ts";

export interface SchedulerParts extends Partial<TaskSchedulerOptions> {
  /** Laid over the queue that its jobs go to. */
  readonly queue?: (queue: TaskQueueProtocol) => Partial<TaskQueueProtocol>;
  /** What it has under way does not keep the clock from moving on: it is a process that stands still. */
  readonly frozen?: boolean;
  /** A queue that its process does not have. */
  readonly without?: "emails";
  /** Laid over the state store. */
  readonly state?: (state: StateStoreProtocol) => Partial<StateStoreProtocol>;
}

/** An object that answers for some members itself. */
export function overlaid<T extends object>(inner: T, own: Partial<T>): T {
  return new Proxy(inner, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return own[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Schedulers over one store in memory, and a clock that a test moves. No worker runs. */
export class Workshop {
  readonly clock = new TestClock();
  readonly backend = memoryBackend({ clock: this.clock });
  readonly queue = this.backend.queue("main");
  readonly logger = new RecordingLogger();
  readonly skipped: string[] = [];
  readonly #started: TaskScheduler[] = [];
  #seq = 0;

  constructor() {
    onTestFinished(async () => {
      for (const scheduler of this.#started) await scheduler.stopScheduler();
    });
  }

  /** As of another process on the same store. */
  scheduler({ queue, state, frozen = false, without, ...options }: SchedulerParts = {}): TaskScheduler {
    const activity = new Activity();
    if (!frozen)
      this.clock.watch({
        get busy() {
          return activity.busy;
        },
        get turn() {
          return activity.turn;
        },
        running: 0,
      });
    const inner = this.backend.queue("main");
    const seen = queue === undefined ? inner : overlaid(inner, queue(inner));
    const store = this.backend.state as StateStoreProtocol;
    const emails = without === undefined ? [bindingOf(this.backend, this.backend.queue("emails"))] : [];
    const queues = new QueueSet([bindingOf(this.backend, seen), ...emails]);
    const emitter = new TaskEmitter(this.logger);
    emitter.on("schedule.skipped", ({ scheduleId, plannedAt, reason }) => {
      this.skipped.push(`${scheduleId} ${reason} ${this.time(plannedAt)}`);
    });
    const registry = new HandlerRegistry();
    const scheduler = new TaskScheduler({
      dispatcher: new TaskDispatcher({
        queues,
        registry,
        clock: this.clock,
        random: seeded(this.#seq + 1),
        activity,
      }),
      queues,
      registry,
      store: new SchedulerStore(state === undefined ? store : overlaid(store, state(store))),
      checkInterval: "10s",
      clock: this.clock,
      logger: this.logger,
      emitter,
      activity,
      ...options,
    });
    this.#started.push(scheduler);
    return scheduler;
  }

  /** One that runs. */
  async started(parts?: SchedulerParts): Promise<TaskScheduler> {
    const scheduler = this.scheduler(parts);
    await scheduler.startScheduler();
    return scheduler;
  }

  /** Milliseconds since the test began, in words. */
  time(instant: number): string {
    return new Date(instant).toISOString().slice(11, 19);
  }

  /** The jobs that wait, as schedule and time. */
  async fired(queue: TaskQueueProtocol = this.queue): Promise<string[]> {
    return (await this.jobs(queue)).map((job) =>
      job.id.includes("@")
        ? `${job.headers["schedule-id"]} ${job.headers["planned-at"]?.slice(11, 19)}`
        : job.id,
    );
  }

  async jobs(queue: TaskQueueProtocol = this.queue): Promise<readonly JobView[]> {
    const pages = await Promise.all(
      (["pending", "scheduled", "running", "completed", "cancelled"] as const).map((status) =>
        queue.list({ status, limit: 1_000 }),
      ),
    );
    return pages.flatMap(({ items }) => items);
  }

  /** Takes all jobs that wait and completes them. */
  async work(): Promise<number> {
    const call = (): { session: string; seq: number } => ({ session: "the test's", seq: ++this.#seq });
    const claim = { slots: 1_000, ahead: 0, leaseMs: 60_000, maxBytes: 1e9 };
    const { deliveries } = await this.queue.exchange({ ...call(), settle: [], started: [], claim });
    const settle = deliveries.map(({ receipt }) => ({ receipt, kind: "complete" as const }));
    await this.queue.exchange({ ...call(), settle, started: [], claim: { ...claim, slots: 0 } });
    return deliveries.length;
  }
}

/** Something that is waited for, until it is let go. */
export function gate(): { readonly reached: Promise<void>; pass(): Promise<void>; open(): void } {
  let reach = (): void => {};
  let open = (): void => {};
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const opened = new Promise<void>((resolve) => (open = resolve));
  return {
    reached,
    pass() {
      reach();
      return opened;
    },
    open,
  };
}
