import {
  isTerminal,
  isUnstarted,
  type JobId,
  type JobState,
  type JobStatus,
  publicStatus,
} from "@lexigram/contracts";
import type { ScriptPolicy } from "./commands.ts";
import type { SeenJob, Ticket } from "./player.ts";

interface ModelLease {
  readonly ticket: Ticket;
  readonly worker: number;
  until: number;
  started: boolean;
  /** Whether this is the delivery in which the job was first started. */
  began: boolean;
}

export interface ModelJob {
  readonly id: JobId;
  /** Its place among all that were accepted or redriven. */
  order: number;
  readonly key?: string;
  readonly maxRecoveries: number;
  readonly expiresAt: number;
  readonly unique?: { readonly key: string; readonly until: "started" | "settled" };
  readonly notifies?: JobId;
  readonly dependsOn: Set<JobId>;
  priority: number;
  state: JobState;
  runAt: number;
  attempts: number;
  recoveries: number;
  deferrals: number;
  barrier: number;
  cancelRequested: boolean;
  /** A lease of it ended before it was known to have begun. */
  lapsed: boolean;
  /** Whether its barrier has counted it. */
  reported: boolean;
  /** Whether an attempt was ever started, so that it expires no more. */
  begun: boolean;
  /** In line since it was accepted. */
  fresh: boolean;
  /** Released within this very step: whether its claim sees it is not laid down. */
  justReleased: boolean;
  /** Gave its place to another: its record is cancelled or gone. */
  replaced: boolean;
  lease?: ModelLease | undefined;
}

/**
 * A queue as the laws describe it, in the plainest words there are: one map of jobs, looked through from end to end
 * for every question. Knows no store and shares no code with one.
 */
export class QueueModel {
  now = 0;
  paused = false;
  policy: ScriptPolicy = {};
  readonly jobs = new Map<JobId, ModelJob>();
  /** Jobs that ended because another did, since all was last compared: the store may still count them. */
  lagging = 0;
  readonly #holders = new Map<string, JobId>();
  #accepted = 0;

  add(given: Pick<ModelJob, "id" | "priority"> & Partial<ModelJob>): ModelJob {
    const job: ModelJob = {
      order: ++this.#accepted,
      maxRecoveries: 3,
      expiresAt: Infinity,
      dependsOn: new Set(),
      state: "pending",
      runAt: 0,
      attempts: 0,
      recoveries: 0,
      deferrals: 0,
      barrier: 0,
      cancelRequested: false,
      lapsed: false,
      reported: false,
      begun: false,
      fresh: false,
      justReleased: false,
      replaced: false,
      ...given,
    };
    this.jobs.set(job.id, job);
    if (job.unique !== undefined) this.#holders.set(job.unique.key, job.id);
    const ended = [...job.dependsOn].filter((id) => isTerminal(this.#state(id)));
    const isDoomed = ended.some((id) => this.#state(id) !== "completed");
    for (const id of ended) job.dependsOn.delete(id);
    if (isDoomed) this.finish(job, "cancelled");
    else if (job.dependsOn.size > 0 || job.barrier > 0) job.state = "waiting";
    else if (job.runAt > this.now) job.state = "scheduled";
    else job.fresh = true;
    return job;
  }

  holderOf(key: string): ModelJob | undefined {
    return this.jobs.get(this.#holders.get(key) ?? "");
  }

  unfinished(): number {
    return [...this.jobs.values()].filter((job) => !isTerminal(job.state)).length;
  }

  /** Who holds the delivery now. */
  heldBy(ticket: Ticket): ModelJob | undefined {
    for (const job of this.jobs.values())
      if (job.lease?.ticket === ticket && job.lease.until > this.now) return job;
    return undefined;
  }

  leased(key?: string): number {
    return [...this.jobs.values()].filter(
      (job) => job.lease !== undefined && (key === undefined || job.key === key),
    ).length;
  }

  start(job: ModelJob): void {
    if (job.lease === undefined) return;
    job.lease.started = true;
    if (!job.begun) {
      job.begun = true;
      job.lease.began = true;
    }
    if (job.unique?.until === "started") this.#letGo(job);
  }

  /** Puts a job that ran back, now or at a time. */
  putBack(job: ModelJob, delayMs: number): void {
    job.lease = undefined;
    job.fresh = false;
    job.runAt = this.now + delayMs;
    job.state = delayMs > 0 ? "scheduled" : "pending";
  }

  finish(job: ModelJob, state: "completed" | "failed" | "cancelled" | "expired"): void {
    job.state = state;
    job.lease = undefined;
    job.cancelRequested = false;
    this.#letGo(job);
    for (const other of this.jobs.values()) {
      if (other.state !== "waiting" || !other.dependsOn.has(job.id)) continue;
      if (state === "completed") {
        other.dependsOn.delete(job.id);
        this.#release(other);
      } else {
        this.lagging++;
        this.finish(other, "cancelled");
      }
    }
    if (job.notifies === undefined || job.reported) return;
    job.reported = true;
    const callback = this.jobs.get(job.notifies);
    if (callback === undefined || callback.state !== "waiting") return;
    callback.barrier--;
    this.#release(callback);
  }

  remove(job: ModelJob): void {
    if (!isTerminal(job.state)) this.finish(job, "cancelled");
    this.jobs.delete(job.id);
  }

  redrive(job: ModelJob): void {
    Object.assign(job, { state: "pending", attempts: 0, recoveries: 0, deferrals: 0, begun: true });
    Object.assign(job, { fresh: false, runAt: 0, order: ++this.#accepted });
  }

  /** What time alone does. */
  tick(): void {
    for (const job of this.jobs.values())
      if (job.state === "scheduled" && job.runAt <= this.now) job.state = "pending";
    for (const job of this.jobs.values())
      if (job.lease !== undefined && job.lease.until <= this.now) this.#reap(job);
    for (const job of this.jobs.values())
      if ((job.state === "pending" || job.state === "scheduled") && !job.begun && job.expiresAt <= this.now)
        this.finish(job, "expired");
  }

  /** When time alone makes work for a claim at the latest. */
  nextDue(): number {
    let due = Infinity;
    for (const job of this.jobs.values()) {
      if (job.state === "scheduled") due = Math.min(due, job.runAt);
      if (job.lease !== undefined) due = Math.min(due, job.lease.until);
      if ((job.state === "scheduled" || job.state === "pending") && !job.begun)
        due = Math.min(due, job.expiresAt);
    }
    return due;
  }

  /** Jobs that a claim must consider. */
  eligible(): ModelJob[] {
    return [...this.jobs.values()].filter(
      (job) => job.state === "pending" && !job.justReleased && this.ahead(job).length === 0,
    );
  }

  /** The earlier jobs of its key, when that is held in order, which have not ended. */
  ahead(job: ModelJob): ModelJob[] {
    if (this.policy.perKey?.order !== "fifo" || job.key === undefined) return [];
    return [...this.jobs.values()].filter(
      (other) => other.key === job.key && other.order < job.order && !isTerminal(other.state),
    );
  }

  /** The priorities of the unfinished jobs of a key that is held in order; one, unless they were mixed before the rule. */
  orderedPriorities(key: string | undefined): Set<number> {
    const priorities = new Set<number>();
    if (this.policy.perKey?.order !== "fifo" || key === undefined) return priorities;
    for (const job of this.jobs.values())
      if (job.key === key && !isTerminal(job.state)) priorities.add(job.priority);
    return priorities;
  }

  /** Takes over what the laws leave open. */
  adopt(seen: ReadonlyMap<JobId, SeenJob>): void {
    this.lagging = 0;
    for (const job of this.jobs.values()) {
      job.justReleased = false;
      const status = seen.get(job.id)?.status;
      if (job.replaced && status === undefined) this.jobs.delete(job.id);
    }
  }

  /** What `getJob` must show. */
  view(id: JobId): SeenJob | undefined {
    const job = this.jobs.get(id);
    if (job === undefined) return undefined;
    const { recoveries, deferrals, priority } = job;
    const status: JobStatus = publicStatus(job.state, job.attempts);
    return { status, recoveries, deferrals, priority };
  }

  isUnstarted(job: ModelJob): boolean {
    return isUnstarted(job.state);
  }

  #state(id: JobId): JobState {
    return this.jobs.get(id)?.state ?? "cancelled";
  }

  #letGo(job: ModelJob): void {
    if (job.unique !== undefined && this.#holders.get(job.unique.key) === job.id)
      this.#holders.delete(job.unique.key);
  }

  #release(job: ModelJob): void {
    if (job.dependsOn.size > 0 || job.barrier > 0) return;
    job.state = job.runAt > this.now ? "scheduled" : "pending";
    job.justReleased = true;
  }

  #reap(job: ModelJob): void {
    const wasStarted = job.lease?.started === true;
    if (job.cancelRequested) this.finish(job, "cancelled");
    else if (!wasStarted) {
      job.lapsed = true;
      this.putBack(job, 0);
    } else if (++job.recoveries > job.maxRecoveries) this.finish(job, "failed");
    else this.putBack(job, 0);
  }
}
