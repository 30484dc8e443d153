import { TransitionNotAllowedError } from "@lexigram/contracts";
import type { JobEntry } from "./job-entry.ts";
import { FAILED, isLegal, type StatusCode, statusName, UNFINISHED } from "./status-code.ts";
import { StatusIndex } from "./status-index.ts";

const STATUSES = 9;

/** Which job is in which status: every entry is in one index. */
export class StatusBook {
  /** Dead letters by task. */
  readonly failedByTask = new Map<string, number>();
  readonly #indexes: readonly StatusIndex[] = Array.from({ length: STATUSES }, () => new StatusIndex());
  /** Numbers the changes of a status. */
  #stamps = 0;

  of(status: StatusCode): StatusIndex {
    return this.#indexes[status] as StatusIndex;
  }

  get unfinished(): number {
    let n = 0;
    for (const status of UNFINISHED) n += this.of(status).size;
    return n;
  }

  /** The stamp of the latest change of a status. */
  get latestStamp(): number {
    return this.#stamps;
  }

  /**
   * The one place where a job changes its status.
   *
   * @throws TransitionNotAllowedError when the table of moves does not have it.
   */
  move(entry: JobEntry, to: StatusCode): void {
    const from = entry.code;
    if (!isLegal(from, to))
      throw new TransitionNotAllowedError({ jobId: entry.id, from: statusName(from), to: statusName(to) });
    if (from === to) return;
    this.leave(entry);
    this.enter(entry, to);
  }

  /** Takes in an entry that is in no status. */
  enter(entry: JobEntry, status: StatusCode): void {
    entry.code = status;
    this.of(status).append(entry, ++this.#stamps);
    if (status === FAILED) this.#countFailed(entry, 1);
  }

  /** Takes out an entry, which is in no status then. */
  leave(entry: JobEntry): void {
    this.of(entry.code).remove(entry);
    if (entry.code === FAILED) this.#countFailed(entry, -1);
  }

  #countFailed({ task }: JobEntry, by: number): void {
    const count = (this.failedByTask.get(task) ?? 0) + by;
    if (count === 0) this.failedByTask.delete(task);
    else this.failedByTask.set(task, count);
  }
}
