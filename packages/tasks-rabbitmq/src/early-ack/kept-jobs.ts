import type { JobId, Receipt } from "@lexigram/contracts";
import {
  endOf,
  type Indexed,
  type IndexedJob,
  isOver,
  type JobEnd,
  NO_NONCE,
} from "../job-index/indexed-job.ts";
import { cancelled, kept, recovered } from "../job-index/job-moves.ts";
import type { JobRecords } from "../job-index/job-records.ts";
import type { JobFacts, JobMessage } from "../queue/message.ts";

export interface KeptJobsParts {
  readonly records: JobRecords;
  readonly now: () => number;
  /** Writes that a job has ended. @returns whether nobody else was first. */
  readonly ended: (job: IndexedJob, over: Indexed) => Promise<boolean>;
}

/** What becomes of a job that a record held, when its lease has ended. */
export type KeptVerdict =
  /** Nothing more: it has ended, or a message holds it. `end` is what nobody may have told who waits for it. */
  | { readonly kind: "over"; readonly facts?: JobFacts; readonly end?: JobEnd | undefined }
  /** It is to be published. */
  | { readonly kind: "back"; readonly message: JobMessage }
  /** To the dead letters: it lost too many workers. */
  | {
      readonly kind: "poison";
      readonly message: JobMessage;
      readonly indexed: Indexed;
      readonly recoveries: number;
    };

/** Jobs that have no message while they run: what the index says of one is all there is of it. */
export class KeptJobs {
  readonly #parts: KeptJobsParts;

  constructor(parts: KeptJobsParts) {
    this.#parts = parts;
  }

  /**
   * Writes that a job's message is about to be acknowledged, while its attempt runs.
   *
   * @returns its record; nothing when the receipt may not end the job any more.
   */
  async keep({ id, replyTo }: JobFacts, receipt: Receipt): Promise<Indexed | undefined> {
    const { records } = this.#parts;
    for (;;) {
      const there = await records.read(id);
      if (there?.job.run?.receipt !== receipt || isOver(there.job)) return undefined;
      if (there.job.kept !== undefined) return there;
      const written = await records.write(kept(there.job, receipt, replyTo), there);
      if (written !== undefined) return written;
    }
  }

  /** Whether an attempt runs whose message is not acknowledged: its lease is about to be recorded, or never was. */
  async isUnkept(id: JobId, receipt: Receipt): Promise<boolean> {
    const job = (await this.#parts.records.read(id))?.job;
    return job?.state === "running" && job.run?.receipt === receipt && job.kept === undefined;
  }

  /**
   * Judges a job that its record holds, and whose lease has ended, and takes it from who had it. May be asked again, by
   * anybody.
   */
  async lapse(id: JobId, receipt: Receipt): Promise<KeptVerdict> {
    const { records, now, ended } = this.#parts;
    for (;;) {
      const there = await records.read(id);
      if (there?.job.kept?.receipt !== receipt) return { kind: "over" };
      const { job } = there;
      const message = messageOf(job);
      const { facts } = message;
      if (isOver(job)) return { kind: "over", facts, end: endOf(job, facts, now()) };
      if (job.state !== "running") {
        // It was taken before, or handed back, and nobody has said that it is stored.
        const { recoveries } = job;
        if (recoveries > job.maxRecoveries) return { kind: "poison", message, indexed: there, recoveries };
        return { kind: "back", message };
      }
      if (job.cancelRequested === true) {
        const end = cancelled(job, now());
        if (await ended(end, there)) return { kind: "over", facts, end: endOf(end, facts, now()) };
      } else {
        // Taken from its holder before anything else: what that one reports from now on is lost.
        await records.write(recovered(job), there);
      }
    }
  }
}

/** The message of a job that has none, from its record. */
function messageOf(job: IndexedJob): JobMessage {
  const { id, task, encoding, form, headers, priority, createdAt, attempts, deferrals, redrives } = job;
  const { nonce, maxRecoveries, key, expiresAt, replayOf, dueAt, kept: { replyTo } = {} } = job;
  return {
    facts: {
      id,
      task,
      encoding,
      form,
      headers,
      priority,
      createdAt,
      attempts,
      deferrals,
      redrives,
      maxRecoveries,
      ...(key === undefined ? {} : { key }),
      // What has begun in time does not expire.
      ...(expiresAt === undefined || job.begun ? {} : { expiresAt }),
      ...(replayOf === undefined ? {} : { replayOf }),
      ...(dueAt === undefined || job.state !== "scheduled" ? {} : { dueAt }),
      ...(replyTo === undefined ? {} : { replyTo }),
      ...(nonce === NO_NONCE ? {} : { nonce }),
    },
    content: Buffer.from(job.body, form === "t" ? "utf8" : "base64"),
  };
}
