import {
  type Clock,
  type Duration,
  functionOption,
  type Logger,
  milliseconds,
  type Random,
  refuseUnknownOptions,
  refuseUnless,
  serializeError,
  serviceOption,
  shown,
  silentLogger,
  spanOption,
  systemClock,
  systemRandom,
  TaskConfigError,
  type Timer,
} from "@lexigram/contracts";
import { type BackgroundTask, BackgroundTaskManager } from "./background-task-manager.ts";

/** What a `ScheduledWorker` does after a cycle that failed. */
export const OnErrorPolicy = {
  /** Logs it, and goes on as if nothing had been. */
  LOG_AND_CONTINUE: "log-and-continue",
  /** Logs it, and waits twice as long after each failure in a row, at most ten times the interval. */
  BACKOFF: "backoff",
  /** Logs it, and stops. */
  STOP: "stop",
} as const;
export type OnErrorPolicy = (typeof OnErrorPolicy)[keyof typeof OnErrorPolicy];

export interface ScheduledWorkerOptions {
  /** For logs. Default: the name of the class. */
  readonly name?: string;
  /** From the end of a cycle to the next. Default 60 seconds. */
  readonly interval?: Duration;
  /** Counts the interval from the beginning of a cycle; one that takes longer is followed at once. Default false. */
  readonly fixedRate?: boolean;
  /** Before the first cycle. Default none. */
  readonly initialDelay?: Duration;
  /** Adds up to this long to each wait, by chance. Default none. */
  readonly maxJitter?: Duration;
  /** Default `LOG_AND_CONTINUE`. */
  readonly onError?: OnErrorPolicy;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Default: silent. */
  readonly logger?: Logger;
}

const OPTIONS = [
  "name",
  "interval",
  "fixedRate",
  "initialDelay",
  "maxJitter",
  "onError",
  "clock",
  "random",
  "logger",
] as const satisfies readonly (keyof ScheduledWorkerOptions)[];

const MOST_TIMES = 10;
const DEFAULT_GRACE_MS = 2_000;

/**
 * Something that this process does again and again: a subclass says what a cycle is. Cycles never overlap. What is to
 * happen once in all processes is a schedule, not this.
 */
export abstract class ScheduledWorker {
  readonly name: string;
  readonly #manager: BackgroundTaskManager;
  readonly #intervalMs: number;
  readonly #isFixedRate: boolean;
  readonly #initialDelayMs: number;
  readonly #maxJitterMs: number;
  readonly #onError: OnErrorPolicy;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  #run: BackgroundTask<void> | undefined;
  #isStopping = false;
  #wake: (() => void) | undefined;

  /**
   * @param taskManager follows the worker, and ends it with everything else.
   * @throws TaskConfigError for an option that is unknown or out of range.
   */
  constructor(taskManager: BackgroundTaskManager, options: ScheduledWorkerOptions = {}) {
    const owner = new.target.name;
    refuseUnless(
      taskManager instanceof BackgroundTaskManager,
      owner,
      "taskManager",
      "must be a BackgroundTaskManager",
    );
    refuseUnknownOptions(owner, options, OPTIONS);
    const { onError = OnErrorPolicy.LOG_AND_CONTINUE } = options;
    if (!Object.values(OnErrorPolicy).includes(onError))
      throw new TaskConfigError(
        `onError of ${owner} is ${shown(onError)}`,
        { path: "onError" },
        { hint: `policies: ${Object.values(OnErrorPolicy).join(", ")}` },
      );
    this.name = options.name ?? owner;
    this.#manager = taskManager;
    this.#intervalMs = spanOption(owner, "interval", options.interval ?? 60_000, { above: 0 });
    this.#isFixedRate = options.fixedRate ?? false;
    this.#initialDelayMs = spanOption(owner, "initialDelay", options.initialDelay ?? 0);
    this.#maxJitterMs = spanOption(owner, "maxJitter", options.maxJitter ?? 0);
    this.#onError = onError;
    this.#clock = serviceOption(owner, "clock", "clock", options.clock ?? systemClock);
    this.#random = functionOption(owner, "random", options.random ?? systemRandom);
    this.#logger = serviceOption(owner, "logger", "logger", options.logger ?? silentLogger);
  }

  /** One cycle. @param signal aborted when the worker is to stop and the cycle did not end in its time of grace. */
  protected abstract runCycle(signal: AbortSignal): unknown;

  get isRunning(): boolean {
    return this.#run !== undefined;
  }

  /** Begins. A second start is a no-op that is warned of. @throws ClosedError when the manager was shut down. */
  start(): void {
    if (this.#run !== undefined) {
      this.#logger.warn("a worker was started twice", { worker: this.name });
      return;
    }
    this.#isStopping = false;
    const run = this.#manager.trackNamed(this.name, (signal) => this.#cycles(signal));
    this.#run = run;
    const ended = (): void => {
      if (this.#run === run) this.#run = undefined;
    };
    run.result.then(ended, ended);
  }

  /**
   * Lets the cycle that runs end, and begins none. After the time of grace its signal is aborted. Resolves when it is over.
   *
   * @param grace default 2 seconds.
   */
  async stop(grace: Duration = DEFAULT_GRACE_MS): Promise<void> {
    const run = this.#run;
    if (run === undefined) return;
    this.#isStopping = true;
    this.#wake?.();
    const timer = this.#clock.setTimer(() => run.cancel(), milliseconds(grace));
    // What a cycle is aborted with is no news to who aborts it.
    await run.result.catch(() => undefined);
    timer.cancel();
  }

  async #cycles(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#wake?.());
    const isOver = (): boolean => this.#isStopping || signal.aborted;
    let times = 1;
    await this.#sleep(this.#initialDelayMs, isOver);
    while (!isOver()) {
      const begunAt = this.#clock.monotonic();
      try {
        await this.runCycle(signal);
        times = 1;
      } catch (error) {
        if (isOver()) return;
        this.#logger.error("a cycle of a worker failed", { worker: this.name, error: serializeError(error) });
        if (this.#onError === OnErrorPolicy.STOP) return;
        if (this.#onError === OnErrorPolicy.BACKOFF) times = Math.min(times * 2, MOST_TIMES);
      }
      const tookMs = this.#isFixedRate ? this.#clock.monotonic() - begunAt : 0;
      const jitterMs = this.#maxJitterMs * this.#random();
      await this.#sleep(Math.max(0, this.#intervalMs * times - tookMs) + jitterMs, isOver);
    }
  }

  /** Waits, unless it is over before or meanwhile. */
  async #sleep(ms: number, isOver: () => boolean): Promise<void> {
    if (ms === 0 || isOver()) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = this.#clock.setTimer(resolve, ms);
    });
    this.#wake = undefined;
    timer?.cancel();
  }
}
