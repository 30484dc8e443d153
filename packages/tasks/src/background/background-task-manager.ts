import {
  type Clock,
  ClosedError,
  type Duration,
  type Logger,
  milliseconds,
  refuseUnknownOptions,
  refuseUnless,
  serializeError,
  serviceOption,
  silentLogger,
  systemClock,
} from "@lexigram/contracts";

/** Something under way, or what begins it; that is told when it should stop. */
export type BackgroundWork<T> = PromiseLike<T> | ((signal: AbortSignal) => T | PromiseLike<T>);

/** Something that runs beside everything else in this process. */
export interface BackgroundTask<T = unknown> {
  readonly name: string;
  /** What it gives, or what it fails with. Nobody has to wait for it: a failure is logged. */
  readonly result: Promise<T>;
  /** Whether it is over. */
  readonly isDone: boolean;
  /** Aborts its signal. What takes none goes on. */
  cancel(reason?: unknown): void;
}

export interface BackgroundTaskManagerOptions {
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
}

const NAMELESS = "background task";

class TrackedTask<T> implements BackgroundTask<T> {
  readonly name: string;
  readonly result: Promise<T>;
  readonly #controller = new AbortController();
  #isDone = false;

  constructor(name: string, work: BackgroundWork<T>) {
    this.name = name;
    const { signal } = this.#controller;
    const begun = new Promise<T>((resolve) => resolve(typeof work === "function" ? work(signal) : work));
    this.result = begun.finally(() => (this.#isDone = true));
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  get isCancelled(): boolean {
    return this.#controller.signal.aborted;
  }

  cancel(reason?: unknown): void {
    this.#controller.abort(reason);
  }
}

/**
 * Keeps what runs in the background of this process: nothing of it is forgotten while it runs, its failures are logged,
 * and it ends with the application, where it is injected. No queue: what runs here is gone with its process.
 */
export class BackgroundTaskManager {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #pending = new Set<TrackedTask<unknown>>();
  #closing: Promise<readonly string[]> | undefined;

  /** @throws TaskConfigError for an unknown option. */
  constructor(options: BackgroundTaskManagerOptions = {}) {
    refuseUnknownOptions("BackgroundTaskManager", options, ["clock", "logger"]);
    const { clock = systemClock, logger = silentLogger } = options;
    this.#clock = serviceOption("BackgroundTaskManager", "clock", "clock", clock);
    this.#logger = serviceOption("BackgroundTaskManager", "logger", "logger", logger);
  }

  /** How many are not over. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Follows something to its end. @throws ClosedError after `shutdown`. */
  track<T>(work: BackgroundWork<T>): BackgroundTask<T> {
    const name = typeof work === "function" && work.name !== "" ? work.name : NAMELESS;
    return this.trackNamed(name, work);
  }

  /** The same, with a name for logs. @throws ClosedError after `shutdown`. */
  trackNamed<T>(name: string, work: BackgroundWork<T>): BackgroundTask<T> {
    refuseUnless(
      typeof name === "string" && name !== "",
      "trackNamed",
      "name",
      "must be a text that is not empty",
    );
    const isWork =
      typeof work === "function" || typeof (work as { then?: unknown } | null)?.then === "function";
    refuseUnless(isWork, "trackNamed", "work", "must be a promise or a function");
    if (this.#closing !== undefined) throw new ClosedError({ resource: "the background task manager" });
    const task = new TrackedTask(name, work);
    this.#pending.add(task);
    task.result.then(
      () => this.#pending.delete(task),
      (error: unknown) => {
        this.#pending.delete(task);
        if (task.isCancelled) this.#logger.debug("a background task was cancelled", { task: name });
        else this.#logger.error("a background task failed", { task: name, error: serializeError(error) });
      },
    );
    return task;
  }

  /**
   * Cancels everything and waits until it is over, but no longer than `timeout`. What goes on is logged by name. Never
   * rejects; a second call waits for the first.
   *
   * @param timeout default 30 seconds.
   * @returns the names of what goes on.
   */
  shutdown(timeout: Duration = 30_000): Promise<readonly string[]> {
    return (this.#closing ??= this.#shutdown(milliseconds(timeout)));
  }

  async #shutdown(timeoutMs: number): Promise<readonly string[]> {
    const waiting = [...this.#pending];
    for (const task of waiting) task.cancel();
    const over = Promise.allSettled(waiting.map(({ result }) => result));
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(resolve, timeoutMs);
      void over.then(() => {
        timer.cancel();
        resolve();
      });
    });
    const stragglers = waiting.filter(({ isDone }) => !isDone).map(({ name }) => name);
    if (stragglers.length > 0)
      this.#logger.warn("background tasks go on after the time to stop", { tasks: stragglers, timeoutMs });
    return stragglers;
  }
}
