import type { JobId, ProgressTrackerProtocol } from "@lexigram/contracts";
import type { ProgressTracker } from "../progress/progress-tracker.ts";
import { SharedProgressTracker } from "../progress/shared-progress-tracker.ts";
import type { ProgressReporter } from "./task-context.ts";

interface Update {
  readonly done: number;
  readonly total: number;
  readonly note: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
}

/** Reports progress of one attempt, or of a job from outside its handler. */
export interface EndingReporter extends ProgressReporter {
  /** Whether anything was reported. */
  readonly reported: boolean;
  /**
   * Reports the job's end, after which nothing is reported any more. What the tracker throws here concerns no job.
   *
   * @param error absent: the job completed.
   */
  end(error: string | undefined): void;
  /** Reports nothing any more: the attempt is over and the job goes on. */
  leave(): void;
}

/** A reporter for one attempt. @param isOver whether what its handler reports now comes too late. */
export function attemptReporter(
  jobId: JobId,
  tracker: ProgressTrackerProtocol | undefined,
  isOver: () => boolean,
): EndingReporter {
  return tracker instanceof SharedProgressTracker
    ? new OwnProgress(jobId, tracker, isOver)
    : new AttemptProgress(jobId, tracker, isOver);
}

const DONE = Promise.resolve();
const ignore = (): void => undefined;

/** Whoever waits learns of a failure; a handler that does not wait for its report must not end the process by it. */
function mayFloat(report: Promise<void>): Promise<void> {
  report.catch(ignore);
  return report;
}

/** Reports through a tracker of the attempt's own, which starts from nothing and waits for no write. */
class OwnProgress implements EndingReporter {
  readonly #jobId: JobId;
  readonly #shared: SharedProgressTracker;
  readonly #isOver: () => boolean;
  /** Made with the first report, as most handlers make none. */
  #own: ProgressTracker | undefined = undefined;

  constructor(jobId: JobId, shared: SharedProgressTracker, isOver: () => boolean) {
    this.#jobId = jobId;
    this.#shared = shared;
    this.#isOver = isOver;
  }

  get reported(): boolean {
    return this.#own !== undefined;
  }

  update(
    done: number,
    total?: number,
    note?: string,
    metadata?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    return this.#isOver() ? DONE : mayFloat(this.#begun.update(done, total, note, metadata));
  }

  end(error: string | undefined): void {
    const own = this.#begun;
    void (error === undefined ? own.complete() : own.fail(error)).catch(ignore).then(() => this.leave());
  }

  leave(): void {
    if (this.#own !== undefined) this.#shared.release(this.#own).catch(ignore);
  }

  get #begun(): ProgressTracker {
    return (this.#own ??= this.#shared.begin(this.#jobId));
  }
}

/** Writes one update at a time; those that come meanwhile are merged into the next, so the last one always arrives. */
export class AttemptProgress implements EndingReporter {
  readonly #jobId: JobId;
  readonly #tracker: ProgressTrackerProtocol | undefined;
  readonly #isOver: (() => boolean) | undefined;
  #left = false;
  #reported = false;
  #latest: Update | undefined = undefined;
  #writing: Promise<void> | undefined = undefined;

  constructor(jobId: JobId, tracker: ProgressTrackerProtocol | undefined, isOver?: () => boolean) {
    this.#jobId = jobId;
    this.#tracker = tracker;
    this.#isOver = isOver;
  }

  get reported(): boolean {
    return this.#reported;
  }

  update(
    done: number,
    total = 0,
    note?: string,
    metadata?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    if (this.#tracker === undefined || this.#left || this.#isOver?.() === true) return DONE;
    this.#reported = true;
    this.#latest = { done, total, note, metadata };
    this.#writing ??= mayFloat(this.#write(this.#tracker).finally(() => (this.#writing = undefined)));
    return this.#writing;
  }

  end(error: string | undefined): void {
    const tracker = this.#tracker;
    if (tracker === undefined) return;
    this.leave();
    const before = this.#writing ?? DONE;
    void before
      .catch(ignore)
      .then(() => (error === undefined ? tracker.complete(this.#jobId) : tracker.fail(this.#jobId, error)))
      .catch(ignore);
  }

  leave(): void {
    this.#left = true;
  }

  async #write(tracker: ProgressTrackerProtocol): Promise<void> {
    for (let update = this.#latest; update !== undefined; update = this.#latest) {
      this.#latest = undefined;
      await tracker.update(this.#jobId, update.done, update.total, update.note, update.metadata);
    }
  }
}
