import {
  ClosedError,
  type Clock,
  serializeError,
  systemClock,
  type TaskQueueProtocol,
  type WorkerLoadHook,
} from "@lexigram/contracts";
import type { TaskLookup } from "../define/registered-task.ts";
import type { QueueSet } from "../dispatch/queue-set.ts";
import { AttemptEvents } from "./attempt-events.ts";
import { requireMortal } from "../keeper/mortal-process.ts";
import { type BlockReport, SideKeeper } from "../keeper/side-keeper.ts";
import type { TaskMiddlewarePipeline } from "../middleware/pipeline.ts";
import type { Moment } from "../observability/moment.ts";
import { Activity } from "./activity.ts";
import type { Attempt } from "./attempt.ts";
import { AttemptRunner } from "./attempt-runner.ts";
import { BlockedLoop } from "./blocked-loop.ts";
import { CancelWatch } from "./cancel-watch.ts";
import { type ConsumedQueue, isSingleQueue, standaloneQueue } from "./consumed-queue.ts";
import { abortRunning, handBackRunning } from "./consumer-ending.ts";
import type { Crew } from "./crew.ts";
import { FairShare } from "./fair-share.ts";
import { LoadWatch } from "./load-watch.ts";
import { LoopTurn } from "./loop-turn.ts";
import { LoopWatch } from "./loop-watch.ts";
import { OutcomeReport } from "./outcome-report.ts";
import type { ConsumerHost } from "./consumer-host.ts";
import { QueueConsumer } from "./queue-consumer.ts";
import { TimerWheel } from "./timer-wheel.ts";
import type { WorkerServices } from "./worker-services.ts";
import type { WorkerSettings } from "./worker-settings.ts";

/** Attempts that may end before timers and sockets get their say. */
const TURN_BUDGET = 512;
/** How long the last outcomes may take to reach a store at a stop. Milliseconds. */
const LAST_SETTLE_MS = 5_000;

export interface EngineOptions {
  readonly queues: QueueSet | TaskQueueProtocol;
  readonly handlers: TaskLookup;
  readonly settings: WorkerSettings;
  readonly services: WorkerServices;
  readonly pipeline: TaskMiddlewarePipeline | undefined;
  readonly processId: string;
  readonly crew: Crew;
}

export interface StopOptions {
  readonly drain: boolean;
  /** Milliseconds; `Infinity`: as long as it takes. */
  readonly timeoutMs: number;
}

/**
 * What runs the jobs of one process: consumers that claim and report, a crew of workers with slots, and the rule by
 * which queues share them. `start` and `stop` may be called at any time and in any number; they take effect one after
 * the other.
 */
export class WorkerEngine implements ConsumerHost {
  readonly activity = new Activity();
  readonly crew: Crew;
  readonly #options: EngineOptions;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;
  readonly #runner: AttemptRunner;
  readonly #events: AttemptEvents;
  readonly #report: OutcomeReport;
  readonly #share = new FairShare<QueueConsumer>();
  readonly #turn: LoopTurn;
  readonly #watch: LoopWatch;
  readonly #load: LoadWatch;
  readonly #loop: BlockedLoop;
  #side: SideKeeper | undefined;
  #paused = false;
  #listeners: Disposable[] = [];
  #consumers: QueueConsumer[] = [];
  #running = false;
  #runs = 0;
  #assigning = false;
  #endedThisTurn = 0;
  #steps: Promise<void> = Promise.resolve();
  #onIdle: (() => void) | undefined = undefined;
  #hurried = false;
  #lastToEnd = false;

  readonly #sendIfIdle = (): void => {
    this.#lastToEnd = false;
    if (this.crew.running === 0) this.pump();
  };

  constructor(options: EngineOptions) {
    const { settings, services, pipeline, handlers, processId } = options;
    const { clock, logger } = services;
    this.#options = options;
    this.#clock = clock;
    this.crew = options.crew;
    this.#wheel = new TimerWheel(clock, (error) =>
      logger.error("a timer of the worker failed", { error: serializeError(error) }),
    );
    const events = (this.#events = new AttemptEvents(services.emitter, processId, settings.errors));
    this.#loop = new BlockedLoop(services, settings);
    this.#report = new OutcomeReport(events, services, settings, this.#loop);
    this.#runner = new AttemptRunner({ handlers, pipeline, settings, services, wheel: this.#wheel, events });
    this.#turn = new LoopTurn(() => {
      this.#endedThisTurn = 0;
      this.pump();
    }, this.activity);
    this.#load = new LoadWatch(clock, settings, services.load, (isOver, facts) => this.#pause(isOver, facts));
    this.#watch = new LoopWatch(clock, settings.heartbeatMs, (lagMs) =>
      this.#report.beat(lagMs, this, this.#side?.watches === true),
    );
  }

  get consumers(): readonly QueueConsumer[] {
    return this.#consumers;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Of the event loop that it runs on: nothing while that is well. */
  get loopHealth(): ReturnType<BlockedLoop["health"]> {
    return this.#loop.health();
  }

  get processId(): string {
    return this.#options.processId;
  }

  start(): Promise<void> {
    return this.#next(() => this.#start());
  }

  /** Ends claims, lets running attempts finish, hands back what did not. A stop without drain hastens one under way. */
  stop(options: StopOptions): Promise<void> {
    if (!options.drain) this.#hurry();
    return this.#next(() => this.#stop(options));
  }

  // ---- what consumers ask for

  pump(): void {
    if (this.#endedThisTurn >= TURN_BUDGET) return this.#turn.ask();
    this.#assign();
    for (const consumer of this.#consumers) consumer.flush();
  }

  slotFreed(): void {
    this.#endedThisTurn++;
    this.#turn.ask();
    if (this.crew.running === 0) this.#onIdle?.();
    this.#assign();
    // A job that ran alone has nothing to wait for: its outcome goes out with whatever else this turn sends.
    if (this.crew.running === 0 && this.#endedThisTurn === 1 && !this.#lastToEnd) {
      this.#lastToEnd = true;
      queueMicrotask(this.#sendIfIdle);
    }
  }

  askTurn(): void {
    this.#turn.ask();
  }

  /** The number of slots has changed. */
  rescaled(): void {
    for (const consumer of this.#consumers) consumer.trimHeld();
    this.#turn.ask();
  }

  report(attempt: Attempt, at: Moment): void {
    try {
      this.#report.settled(attempt, at);
    } catch (error) {
      this.#broken("the outcome of a job could not be told", error);
    }
  }

  // ---- inner workings

  #assign(): void {
    if (this.#assigning) return;
    this.#assigning = true;
    try {
      while (this.crew.available > 0) {
        if (this.#endedThisTurn >= TURN_BUDGET) {
          this.#turn.ask();
          break;
        }
        const consumer = this.#share.next();
        if (consumer === undefined) break;
        consumer.takeSlot();
      }
    } catch (error) {
      this.#broken("a slot could not be handed out", error);
    } finally {
      this.#assigning = false;
    }
  }

  /** Too busy to begin anything, or not any more; what runs goes on. */
  #pause(isPaused: boolean, facts: WorkerLoadHook): void {
    const { emitter, logger } = this.#options.services;
    this.#paused = isPaused;
    logger.info(isPaused ? "too busy to claim jobs" : "claims jobs again", { ...facts });
    emitter.emit(isPaused ? "worker.paused" : "worker.resumed", facts);
    for (const consumer of this.#consumers) consumer.pause(isPaused);
    this.#turn.ask();
  }

  /** What no part of the engine foresaw ends neither the process nor the work on other jobs. */
  #broken(message: string, error: unknown): void {
    this.#options.services.logger.error(message, { error: serializeError(error) });
  }

  #next(step: () => void | Promise<void>): Promise<void> {
    const run = this.#steps.then(step);
    this.#steps = run.catch(() => undefined);
    return run;
  }

  #start(): void {
    if (this.#running) return;
    this.#side = this.#sideKeeper();
    this.#running = true;
    this.#options.services.sharedLimits?.start();
    this.#hurried = false;
    const { queues, services } = this.#options;
    this.#runs++;
    const onPolicy = ({ queueName }: { readonly queueName: string }): void => {
      for (const consumer of this.#consumers)
        if (consumer.name === queueName) void consumer.supply.readPolicy();
    };
    this.#listeners.push(services.emitter.on("queue.policy", onPolicy));
    if (isSingleQueue(queues)) this.#open(standaloneQueue(queues));
    else {
      for (const binding of queues.all()) this.#open(binding);
      this.#listeners.push(queues.onAdded((binding) => this.#open(binding)));
    }
    this.#watch.start();
    this.#load.start();
    this.pump();
  }

  /** A test's clock is none that a thread could read. */
  #sideKeeper(): SideKeeper | undefined {
    const { settings, services } = this.#options;
    const { keeper, onBlocked, leaseMs, defaultTimeoutMs, graceMs } = settings;
    if (!keeper || this.#clock !== systemClock) return undefined;
    const { clock, logger } = services;
    const exits = onBlocked === "exit";
    if (exits) requireMortal(process.pid);
    const onReport = (report: BlockReport): void => this.#loop.report(report, this.#consumers);
    const times = { leaseMs, defaultTimeoutMs, graceMs };
    return new SideKeeper({ ...times, exits, clock, logger, onBlocked: onReport });
  }

  #open(binding: ConsumedQueue): void {
    if (!binding.consume) return;
    const { settings, services, processId } = this.#options;
    const consumer = new QueueConsumer(binding, {
      settings,
      services,
      wheel: this.#wheel,
      crew: this.crew,
      runner: this.#runner,
      events: this.#events,
      activity: this.activity,
      host: this,
      side: this.#side,
    });
    this.#consumers.push(consumer);
    if (this.#paused) consumer.pause(true);
    this.#share.add(consumer);
    consumer.start(`${processId}:${binding.name}:${this.#runs}`);
    if (binding.state !== undefined) {
      const { state, queue } = binding;
      const watch = new CancelWatch(state, queue.name, this.#clock, (id) => consumer.checkCancelled(id));
      watch.start();
      this.#listeners.push({ [Symbol.dispose]: () => watch.stop() });
    }
    this.#turn.ask();
  }

  async #stop({ drain, timeoutMs }: StopOptions): Promise<void> {
    if (!this.#running) return;
    const { settings } = this.#options;
    this.#watch.stop();
    this.#load.stop();
    this.#paused = false;
    for (const listener of this.#listeners) listener[Symbol.dispose]();
    this.#listeners = [];
    for (const consumer of this.#consumers) consumer.stopClaiming();
    this.pump();
    if (drain) await this.#idle(timeoutMs);
    if (this.crew.running > 0) {
      const reason = new ClosedError(
        { resource: `worker process "${this.processId}"` },
        { hint: "it shuts down; the job is handed back and will run again" },
      );
      for (const consumer of this.#consumers) abortRunning(consumer, reason);
      if (drain) await this.#idle(settings.graceMs);
      for (const consumer of this.#consumers) handBackRunning(consumer);
    }
    this.pump();
    await this.#lastSettlements();
    for (const consumer of this.#consumers) {
      consumer.end();
      this.#share.remove(consumer);
    }
    this.#consumers = [];
    this.#wheel.clear();
    await this.#side?.stop();
    this.#side = undefined;
    this.#running = false;
  }

  /** Until nothing runs, for so long at most, or until somebody is in a hurry. */
  #idle(timeoutMs: number): Promise<void> {
    if (this.crew.running === 0 || this.#hurried) return Promise.resolve();
    return new Promise((resolve) => {
      const timer =
        timeoutMs === Infinity ? undefined : this.#clock.setTimer(() => this.#onIdle?.(), timeoutMs);
      this.#onIdle = () => {
        timer?.cancel();
        this.#onIdle = undefined;
        resolve();
      };
    });
  }

  #hurry(): void {
    this.#hurried = true;
    this.#onIdle?.();
  }

  async #lastSettlements(): Promise<void> {
    const timer = this.#clock.setTimer(() => {
      for (const consumer of this.#consumers) consumer.line.giveUp();
    }, LAST_SETTLE_MS);
    await Promise.all(this.#consumers.map((consumer) => consumer.line.quiet()));
    timer.cancel();
    await Promise.all(this.#consumers.map((consumer) => consumer.outcomes.quiet()));
    const { sharedLimits, breakers } = this.#options.services;
    await Promise.all([sharedLimits?.stop(), breakers.stop()]);
  }
}
