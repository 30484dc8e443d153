import type { JobId } from "@lexigram/contracts";
import type { JobEntry } from "./job-entry.ts";
import { COMPLETED, isTerminalCode, REMOVED, type StatusCode, WAITING } from "./status-code.ts";

const WORTH_CLOSING = 1_024;

/** How a job depends on others and others on it. */
export class JobLinks {
  readonly dependsOn: readonly JobId[];
  readonly notifies: JobId | undefined;
  /** Jobs it waits for that have not completed. */
  unmet = 0;
  /** Jobs that its barrier still waits for. */
  barrierLeft = 0;
  /** The job that it counts for. */
  callback: JobEntry | null = null;
  counted = false;
  /** Jobs that wait for this one. */
  dependents: JobEntry[] = [];
  /** Jobs whose records it keeps from being trimmed until it is over. */
  pinned: JobEntry[] = [];

  constructor(dependsOn: readonly JobId[], notifies: JobId | undefined) {
    this.dependsOn = dependsOn;
    this.notifies = notifies;
  }

  get isHeld(): boolean {
    return this.unmet > 0 || this.barrierLeft > 0;
  }
}

/** Entries to which one thing is done, a few at a time. */
interface Release {
  readonly kind: "completed" | "not completed" | "unpin";
  readonly entries: readonly JobEntry[];
  at: number;
}

/** What the releases do to the queue. */
export interface ReleaseActions {
  /** Lets a waiting job go on. */
  release(entry: JobEntry): void;
  /** Ends a waiting job. */
  cancel(entry: JobEntry): void;
  /** Trims a record that nothing holds any more. */
  unpinned(entry: JobEntry): void;
}

/**
 * Carries the end of a job to those that wait for it. Barriers are counted in the step that ends the job; everything
 * whose cost grows with the number of dependents goes through a list that is worked off in bounded steps.
 */
export class Releases {
  readonly #actions: ReleaseActions;
  #list: Release[] = [];
  #done = 0;

  constructor(actions: ReleaseActions) {
    this.#actions = actions;
  }

  get isEmpty(): boolean {
    return this.#done === this.#list.length;
  }

  /** Makes a new job wait for another, and keeps the other's record until it is over. */
  depend(entry: JobEntry, links: JobLinks, on: JobEntry): void {
    on.pins++;
    links.pinned.push(on);
    if (on.code === COMPLETED) return;
    links.unmet++;
    on.links ??= new JobLinks([], undefined);
    on.links.dependents.push(entry);
  }

  /** Takes note that a job ended, or was deleted. */
  ended(entry: JobEntry, outcome: StatusCode): void {
    const { links } = entry;
    if (links === null) return;
    const { callback } = links;
    if (callback !== null && !links.counted) {
      links.counted = true;
      this.#count(entry, callback);
    }
    if (links.dependents.length > 0) {
      this.#push(outcome === COMPLETED ? "completed" : "not completed", links.dependents);
      links.dependents = [];
    }
    if (links.pinned.length > 0) {
      this.#push("unpin", links.pinned);
      links.pinned = [];
    }
  }

  /** @returns how many entries were dealt with. */
  work(budget: number): number {
    let n = 0;
    while (n < budget && this.#done < this.#list.length) {
      const release = this.#list[this.#done] as Release;
      const entry = release.entries[release.at++];
      if (entry === undefined) {
        this.#done++;
        continue;
      }
      n++;
      this.#apply(release.kind, entry);
    }
    if (this.isEmpty) this.#list = [];
    else if (this.#done > WORTH_CLOSING) this.#list = this.#list.slice(this.#done);
    else return n;
    this.#done = 0;
    return n;
  }

  #push(kind: Release["kind"], entries: readonly JobEntry[]): void {
    this.#list.push({ kind, entries, at: 0 });
  }

  #count(entry: JobEntry, callback: JobEntry): void {
    if (callback.code === REMOVED || isTerminalCode(callback.code)) return;
    if (entry.code !== REMOVED) {
      entry.pins++;
      callback.links?.pinned.push(entry);
    }
    const { links } = callback;
    if (links === null || links.barrierLeft === 0) return;
    links.barrierLeft--;
    if (callback.code === WAITING && !links.isHeld) this.#actions.release(callback);
  }

  #apply(kind: Release["kind"], entry: JobEntry): void {
    if (kind === "unpin") {
      if (--entry.pins === 0 && isTerminalCode(entry.code)) this.#actions.unpinned(entry);
      return;
    }
    if (entry.code !== WAITING || entry.links === null) return;
    if (kind === "not completed") this.#actions.cancel(entry);
    else {
      entry.links.unmet--;
      if (!entry.links.isHeld) this.#actions.release(entry);
    }
  }
}
