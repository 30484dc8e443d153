import type { JobId, ProgressTrackerProtocol } from "@lexigram/contracts";
import type { ProgressReporter } from "./task-context.ts";

interface Update {
  readonly done: number;
  readonly total: number;
  readonly note: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
}

/** Writes one update at a time; those that come meanwhile are merged into the next, so the last one always arrives. */
export class AttemptProgress implements ProgressReporter {
  readonly #jobId: JobId;
  readonly #tracker: ProgressTrackerProtocol | undefined;
  #latest: Update | undefined = undefined;
  #writing: Promise<void> | undefined = undefined;

  constructor(jobId: JobId, tracker: ProgressTrackerProtocol | undefined) {
    this.#jobId = jobId;
    this.#tracker = tracker;
  }

  update(
    done: number,
    total = 0,
    note?: string,
    metadata?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    if (this.#tracker === undefined) return Promise.resolve();
    this.#latest = { done, total, note, metadata };
    this.#writing ??= this.#write(this.#tracker).finally(() => (this.#writing = undefined));
    return this.#writing;
  }

  /** Sends the last snapshot and ends all subscriptions. What the tracker throws here concerns no job. */
  end(error: string | undefined): void {
    const tracker = this.#tracker;
    if (tracker === undefined) return;
    const before = this.#writing ?? Promise.resolve();
    void before
      .catch(() => undefined)
      .then(() => (error === undefined ? tracker.complete(this.#jobId) : tracker.fail(this.#jobId, error)))
      .catch(() => undefined);
  }

  async #write(tracker: ProgressTrackerProtocol): Promise<void> {
    for (let update = this.#latest; update !== undefined; update = this.#latest) {
      this.#latest = undefined;
      await tracker.update(this.#jobId, update.done, update.total, update.note, update.metadata);
    }
  }
}
