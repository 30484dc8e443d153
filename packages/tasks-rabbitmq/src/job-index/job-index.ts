import {
  type CancelOutcome,
  type Clock,
  DEFAULT_MAX_RECOVERIES,
  type JobId,
  type JobStatus,
  type JobView,
  type Receipt,
  type Settlement,
  type StateStoreProtocol,
} from "@lexigram/contracts";
import { KeptJobs } from "../early-ack/kept-jobs.ts";
import { LeaseRecords } from "../early-ack/lease-records.ts";
import type { JobFacts } from "../queue/message.ts";
import { Entering } from "./entering.ts";
import { IndexKeys } from "./index-keys.ts";
import {
  enteredJob,
  endOf,
  type Indexed,
  type IndexedJob,
  isOver,
  type JobEnd,
  judged,
  type Keeping,
  NO_NONCE,
  viewOf,
} from "./indexed-job.ts";
import {
  cancelled,
  caughtUp,
  completed,
  deleted,
  failed,
  recovered,
  redriven,
  released,
  retried,
  running,
} from "./job-moves.ts";
import { JobRecords } from "./job-records.ts";
import { QueueControl } from "./queue-control.ts";
import { UniqueKeys } from "./unique-keys.ts";

export interface JobIndexParts {
  readonly state: StateStoreProtocol;
  readonly clock: Clock;
  readonly namespace: string;
  readonly queue: string;
  /** How long dead letters are kept, in milliseconds. */
  readonly failedMs: () => number;
  /** Default 30,000 ms. */
  readonly leaseMs?: number | undefined;
}

/** What becomes of a message that was delivered, or of one whose lease ended. */
export type Verdict =
  /** To be handed out; `indexed` is absent for a job that the index does not know. */
  | { readonly kind: "run"; readonly indexed?: Indexed; readonly recoveries: number }
  /** To be let go: its job has ended, or went on. `end` is what nobody may have told who waits for it. */
  | { readonly kind: "drop"; readonly end?: JobEnd | undefined }
  /** Back to the server: somebody may start it. */
  | { readonly kind: "back" }
  /** To the dead letters: it lost too many workers. */
  | { readonly kind: "poison"; readonly indexed: Indexed; readonly recoveries: number };

/** Of where a queue's index is opened. */
export interface IndexSource {
  readonly name: string;
  readonly namespace: string;
  readonly broker: { readonly clock: Clock };
  readonly state?: StateStoreProtocol | undefined;
  readonly indexLeaseMs?: number | undefined;
}

/** @param failedMs how long dead letters are kept, in milliseconds. @returns nothing where no store is given for it. */
export function openIndex(source: IndexSource, failedMs: () => number): JobIndex | undefined {
  const { name: queue, namespace, broker, state, indexLeaseMs: leaseMs } = source;
  if (state === undefined) return undefined;
  return new JobIndex({ state, clock: broker.clock, namespace, queue, failedMs, leaseMs });
}

/** The longest that what nobody has confirmed is kept; longer than an enqueue is waited for. */
const LEASE_MS = 30_000;

/**
 * What is known of a queue's jobs, in a state store of another backend. The queue is where jobs are; this is what is said of
 * them, and who may end them: of several deliveries of one job the one whose receipt is written here.
 */
export class JobIndex {
  readonly control: QueueControl;
  readonly entering: Entering;
  /** Jobs whose message was acknowledged before their attempt ended, and the leases of those. */
  readonly kept: KeptJobs;
  readonly leases: LeaseRecords;
  /** How long what is not confirmed is kept. Milliseconds. */
  readonly leaseMs: number;
  readonly #parts: JobIndexParts;
  readonly #keys: IndexKeys;
  readonly #records: JobRecords;
  readonly #unique: UniqueKeys;

  constructor(parts: JobIndexParts) {
    const { state, clock, namespace, queue, leaseMs = LEASE_MS } = parts;
    this.#parts = parts;
    const keys = new IndexKeys(namespace, queue);
    this.#keys = keys;
    this.control = new QueueControl({ state, keys, clock });
    const keeping = (): Keeping => this.keeping;
    const records = new JobRecords({ state, keys, clock, keeping });
    const now = (): number => clock.now();
    this.#records = records;
    this.leaseMs = leaseMs;
    this.leases = new LeaseRecords(state, keys);
    this.kept = new KeptJobs({ records, now, ended: (job, over) => this.#ended(job, over) });
    this.#unique = new UniqueKeys({ state, keys, now, leaseMs, read: (id) => records.read(id) });
    this.entering = new Entering({
      queue,
      records,
      unique: this.#unique,
      now,
      keeping,
      leaseMs,
      replaced: async (id) => void (await this.#stop(id)),
    });
  }

  get keeping(): Keeping {
    return { completedMs: this.control.completedMs, failedMs: this.#parts.failedMs() };
  }

  /** Messages that say: something was asked of running jobs, or of the queue. */
  news(signal: AbortSignal): Promise<AsyncIterable<unknown>> {
    return this.#parts.state.subscribe(this.#keys.news, signal);
  }

  async getJob(id: JobId): Promise<JobView | undefined> {
    const [there] = await Promise.all([this.#records.read(id), this.control.read()]);
    return there === undefined ? undefined : viewOf(there.job, this.#now, this.keeping);
  }

  /** Costs as much as there are records. */
  async count(isCounted: (status: JobStatus) => boolean): Promise<number> {
    await this.control.read();
    let n = 0;
    for await (const { job } of this.#records.all()) {
      const view = viewOf(job, this.#now, this.keeping);
      if (view !== undefined && isCounted(view.status)) n++;
    }
    return n;
  }

  async cancel(id: JobId): Promise<CancelOutcome> {
    await this.control.read();
    const outcome = await this.#stop(id);
    if (outcome === "requested") await this.control.tell();
    return outcome;
  }

  async #stop(id: JobId): Promise<CancelOutcome> {
    for (;;) {
      const there = await this.#records.read(id);
      const view = there === undefined ? undefined : viewOf(there.job, this.#now, this.keeping);
      if (there === undefined || view === undefined) return "unknown";
      const { job } = there;
      if (view.status === "running") {
        if (await this.#records.write({ ...job, cancelRequested: true }, there)) return "requested";
      } else if (view.finishedAt !== undefined) return "finished";
      else if (await this.#ended(cancelled(job, this.#now), there)) return "cancelled";
    }
  }

  /** @returns whether there was one. */
  async deleteJob(id: JobId): Promise<boolean> {
    await this.control.read();
    for (;;) {
      const there = await this.#records.read(id);
      const view = there === undefined ? undefined : viewOf(there.job, this.#now, this.keeping);
      if (there === undefined || view === undefined) return false;
      if (!(await this.#ended(deleted(there.job, this.#now), there))) continue;
      if (view.status === "running") await this.control.tell();
      return true;
    }
  }

  /** Deletes the records of jobs that do not run. @returns how many were shown. */
  async clear(isCleared: (status: JobStatus) => boolean): Promise<number> {
    await this.control.read();
    let n = 0;
    for await (const there of this.#records.all()) {
      const view = viewOf(there.job, this.#now, this.keeping);
      if (view === undefined || view.status === "running" || !isCleared(view.status)) continue;
      if (await this.#ended(deleted(there.job, this.#now), there)) n++;
    }
    return n;
  }

  /** Judges a delivery, and lets its attempt begin under the receipt. */
  async admit(facts: JobFacts, content: Buffer, receipt: Receipt, deliveries: number): Promise<Verdict> {
    for (;;) {
      const there = await this.#records.read(facts.id);
      const verdict = judged(there?.job, facts, this.#now);
      if (verdict === "surplus") return { kind: "drop", end: endOf(there?.job, facts, this.#now) };
      if (verdict === "stranger") return { kind: "run", recoveries: deliveries };
      const { nonce = NO_NONCE } = facts;
      const job = caughtUp(there?.job ?? enteredJob(facts, content, nonce, DEFAULT_MAX_RECOVERIES), facts);
      const isLost = job.state === "running";
      // Its acknowledgement was lost; the record holds the job.
      if (isLost && job.kept !== undefined) return { kind: "drop" };
      if (isLost && job.cancelRequested === true) {
        const ended = cancelled(job, this.#now);
        if (await this.#ended(ended, there)) return { kind: "drop", end: endOf(ended, facts, this.#now) };
        continue;
      }
      const before = isLost ? recovered(job) : job;
      const { recoveries } = before;
      if (isLost && recoveries > job.maxRecoveries && there !== undefined)
        return { kind: "poison", indexed: there, recoveries };
      const indexed = await this.#records.write(running(before, receipt, this.#now), there);
      if (indexed === undefined) continue;
      if (job.unique?.until === "started") await this.#freed(job);
      return { kind: "run", indexed, recoveries };
    }
  }

  /** The lease of an attempt has ended. */
  async lapse(held: Indexed, facts: JobFacts, receipt: Receipt): Promise<Verdict> {
    for (let there: Indexed | undefined = held; ; there = await this.#records.read(held.job.id)) {
      if (there?.job.run?.receipt !== receipt || there.job.state !== "running") return { kind: "back" };
      const { job } = there;
      if (job.cancelRequested === true) {
        const ended = cancelled(job, this.#now);
        if (await this.#ended(ended, there)) return { kind: "drop", end: endOf(ended, facts, this.#now) };
        continue;
      }
      const next = recovered(job);
      if (next.recoveries > job.maxRecoveries)
        return { kind: "poison", indexed: there, recoveries: next.recoveries };
      if (await this.#records.write(next, there)) return { kind: "back" };
    }
  }

  /** What is written of a running job; nothing when the receipt is not its own any more. */
  async owned(id: JobId, receipt: Receipt): Promise<Indexed | undefined> {
    const there = await this.#records.read(id);
    return there?.job.run?.receipt === receipt ? there : undefined;
  }

  /**
   * Writes an outcome that publishes nothing, before the message is let go.
   *
   * @param isKept whether there is no message, so that nothing else hands the job back.
   * @returns what counts instead; `lost` when the receipt may not end the job any more.
   */
  async settle(held: Indexed, settlement: Settlement, isKept: boolean): Promise<Settlement | "lost"> {
    const { receipt, kind } = settlement;
    const releaseMs = kind === "release" ? settlement.delayMs : 0;
    const isMove = kind === "retry" || kind === "fail" || (releaseMs > 0 && !isKept);
    const { id } = held.job;
    for (let there = isMove ? await this.owned(id, receipt) : held; ; there = await this.owned(id, receipt)) {
      if (there === undefined) {
        const isWritten = kind === "release" && !isMove && (await this.#isReleased(held.job));
        return isWritten ? settlement : "lost";
      }
      const { job } = there;
      // The same outcome was written, and the answer was not heard.
      if (job.state === "completed" && kind === "complete") return settlement;
      if (job.state === "cancelled") return cancelOf(receipt, job.error);
      if (isOver(job)) return "lost";
      const isAsked = job.cancelRequested === true && kind !== "complete";
      if (isMove && !isAsked) return settlement;
      const now = this.#now;
      if (kind === "complete") {
        if (await this.#ended(completed(job, now), there)) return settlement;
      } else if (kind === "release" && !isAsked) {
        if (await this.#records.write(released(job, now, releaseMs), there)) return settlement;
      } else {
        const error = kind === "cancel" || kind === "retry" || kind === "fail" ? settlement.error : undefined;
        if (await this.#ended(cancelled(job, now, error), there)) return cancelOf(receipt, error);
      }
    }
  }

  /** Writes an outcome whose message is stored. @param at when it was, in epoch milliseconds. */
  async moved(id: JobId, settlement: Settlement, at: number): Promise<void> {
    for (;;) {
      const there = await this.owned(id, settlement.receipt);
      if (there === undefined || isOver(there.job)) return;
      const next = this.#outcome(there.job, settlement, at);
      if (isOver(next) ? await this.#ended(next, there) : await this.#records.write(next, there)) return;
    }
  }

  /** A job lies in the dead letters as poison. */
  async poisoned(
    { job }: Indexed,
    recoveries: number,
    error: NonNullable<IndexedJob["error"]>,
    at: number,
  ): Promise<void> {
    await this.#update(job.id, job.nonce, (before) =>
      failed({ ...before, recoveries, attempt: before.attempts + 1 }, "poison", error, at),
    );
  }

  /** A dead letter was stored as pending again. */
  async redriven(facts: JobFacts, before: Indexed | undefined): Promise<void> {
    // Whoever has it already has written more.
    if (before !== undefined) await this.#records.write(redriven(before.job, facts), before);
  }

  read(id: JobId): Promise<Indexed | undefined> {
    return this.#records.read(id);
  }

  /** A new job was put straight into the dead letters. */
  async buried(
    { job }: Indexed,
    reason: NonNullable<IndexedJob["reason"]>,
    error: NonNullable<IndexedJob["error"]>,
    at: number,
  ): Promise<void> {
    await this.#update(job.id, job.nonce, (before) => failed(before, reason, error, at));
  }

  /** The letters of these jobs are gone. */
  async lettersGone(ids: readonly JobId[]): Promise<void> {
    for (const id of ids) {
      const there = await this.#records.read(id);
      if (there?.job.state === "failed") await this.#records.write(deleted(there.job, this.#now), there);
    }
  }

  get #now(): number {
    return this.#parts.clock.now();
  }

  #outcome(job: IndexedJob, settlement: Settlement, at: number): IndexedJob {
    if (settlement.kind === "fail") return failed(job, settlement.reason ?? "failed", settlement.error, at);
    if (job.cancelRequested === true) return cancelled(job, at);
    if (settlement.kind === "retry") return retried(job, settlement, at);
    return released(job, at, settlement.kind === "release" ? settlement.delayMs : 0);
  }

  /** Whether nobody has a job: it was handed back, and the answer was not heard. */
  async #isReleased({ id, nonce }: IndexedJob): Promise<boolean> {
    const job = (await this.#records.read(id))?.job;
    return job !== undefined && job.nonce === nonce && job.run === undefined && !isOver(job);
  }

  async #update(id: JobId, nonce: string, change: (job: IndexedJob) => IndexedJob): Promise<void> {
    for (;;) {
      const there = await this.#records.read(id);
      if (there === undefined || there.job.nonce !== nonce || isOver(there.job)) return;
      if (await this.#ended(change(there.job), there)) return;
    }
  }

  /** Writes that a job has ended, which frees its key. @returns whether nobody else was first. */
  async #ended(job: IndexedJob, over: Indexed | undefined): Promise<boolean> {
    if ((await this.#records.write(job, over)) === undefined) return false;
    await this.#freed(job);
    return true;
  }

  async #freed(job: IndexedJob): Promise<void> {
    try {
      await this.#unique.free(job);
    } catch {
      // Whoever wants it finds that its job has ended.
    }
  }
}

function cancelOf(receipt: Receipt, error: IndexedJob["error"]): Settlement {
  return { receipt, kind: "cancel", ...(error === undefined ? {} : { error }) };
}
