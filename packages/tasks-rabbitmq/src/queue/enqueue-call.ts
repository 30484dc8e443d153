import {
  type CallName,
  type Clock,
  type Enqueued,
  type EnqueueManyOptions,
  err,
  type JobId,
  type NewJob,
  ok,
  QueueFullError,
  QueueUnavailableError,
  type Result,
  type TaskQueueError,
} from "@lexigram/contracts";
import { shownError } from "../connection/refusals.ts";
import { type EnteredJobs, enterJobs } from "../job-index/entered-jobs.ts";
import { nonceOf } from "../job-index/entering.ts";
import type { JobIndex } from "../job-index/job-index.ts";
import type { Topology } from "../topology/topology.ts";
import type { DueTimes } from "./due-times.ts";
import type { Housekeeping } from "./housekeeping.ts";
import { type JobMessage, REPLY_TO } from "./message.ts";
import { judgedJob } from "./new-jobs.ts";
import type { Fate, Outgoing, Publisher } from "./publisher.ts";

export interface EnqueueParts {
  readonly queue: string;
  readonly clock: Clock;
  readonly topology: Topology;
  readonly publisher: Publisher;
  readonly housekeeping: Housekeeping;
  readonly due: DueTimes;
  /** Whether outcomes can come back. */
  readonly hasReplies: boolean;
  /** Absent: nothing is kept of jobs but their messages. */
  readonly index: JobIndex | undefined;
}

/** Calls that were stored in part, which may be sent again. */
const MOST_PARTIAL = 1_000;

type Answer = Result<Enqueued, TaskQueueError>;

/** A call whose messages were sent, by the places of its jobs. */
interface Published {
  readonly jobs: readonly NewJob[];
  /** Those that the same call had stored before. */
  readonly before: ReadonlySet<number>;
  /** Those that were sent, in their order. */
  readonly places: readonly number[];
  readonly fates: readonly Fate[];
  readonly answers: (Answer | undefined)[];
  readonly entered: EnteredJobs | undefined;
}

/** Stores jobs, each by itself, and answers when the server has confirmed them. */
export class EnqueueCalls {
  readonly #parts: EnqueueParts;
  /** By session: what its latest call has stored, when it could not store all. */
  readonly #partial = new Map<string, { readonly seq: number; readonly stored: ReadonlySet<number> }>();

  constructor(parts: EnqueueParts) {
    this.#parts = parts;
  }

  /** @throws QueueUnavailableError with the ids of jobs whose fate is unknown. */
  async enqueue(jobs: readonly NewJob[], name: EnqueueManyOptions): Promise<Answer[]> {
    const { queue, clock, housekeeping, topology, hasReplies, index } = this.#parts;
    const asksBack = hasReplies && name.replies === true;
    const before = this.#storedBefore(name);
    const now = clock.now();
    const answers = new Array<Answer | undefined>(jobs.length);
    const places: number[] = [];
    const messages: Outgoing[] = [];
    const judgedJobs = jobs.map((job, i) =>
      judgedJob(job, queue, now, index === undefined ? undefined : nonceOf(name, i)),
    );
    const entered =
      index === undefined ? undefined : await enterJobs(index.entering, jobs, judgedJobs, before);
    for (const [i, job] of jobs.entries()) {
      const judged = judgedJobs[i]!;
      const known = entered?.answers.get(i);
      if (!judged.ok) answers[i] = judged;
      else if (before.has(i)) answers[i] = accepted(job.id);
      else if (known !== undefined) answers[i] = known;
      else {
        if (messages.length === 0) await topology.ensure();
        const message = judged.value;
        const outgoing = housekeeping.outgoing(asksBack ? asking(message) : message);
        // Nothing is waited for where nothing must be: that costs more than the rest.
        const ready = outgoing instanceof Promise ? await outgoing : outgoing;
        messages.push(asksBack ? { ...ready, awaits: { id: job.id, delayMs: job.delayMs ?? 0 } } : ready);
        places.push(i);
      }
    }
    const fates = messages.length === 0 ? [] : await this.#parts.publisher.publish(messages);
    await entered?.published(places, fates);
    this.#judge({ jobs, before, places, fates, answers, entered }, name);
    return answers as Answer[];
  }

  #judge({ jobs, before, places, fates, answers, entered }: Published, name: CallName): void {
    const { queue, clock, topology, due } = this.#parts;
    const { maxSize } = topology.rules;
    const stored = new Set(before);
    const unknown: JobId[] = [];
    let isMissing = false;
    for (const [at, i] of places.entries()) {
      const { id, delayMs = 0 } = jobs[i]!;
      const fate = fates[at];
      if (fate === "stored") {
        stored.add(i);
        answers[i] = entered?.answerOf(i) ?? accepted(id);
        if (delayMs > 0) due.add(clock.monotonic() + delayMs);
      } else if (fate === "refused" && maxSize !== undefined)
        answers[i] = err(new QueueFullError({ queue, capacity: maxSize }));
      else if (fate === "unknown") unknown.push(id);
      else isMissing = true;
    }
    if (unknown.length === 0 && !isMissing) {
      this.#partial.delete(name.session);
      return;
    }
    if (isMissing) topology.forget();
    this.#remember(name, stored);
    throw new QueueUnavailableError(
      { queue, retryable: true, accepted: unknown.length > 0 ? "unknown" : "no", ids: unknown },
      {
        cause: shownError(
          new Error(
            unknown.length > 0
              ? "the server did not confirm them in time"
              : "the server has no queue for them, or refused them",
          ),
        ),
      },
    );
  }

  #storedBefore({ session, seq }: CallName): ReadonlySet<number> {
    const partial = this.#partial.get(session);
    return partial?.seq === seq ? partial.stored : new Set();
  }

  #remember({ session, seq }: CallName, stored: ReadonlySet<number>): void {
    this.#partial.delete(session);
    this.#partial.set(session, { seq, stored });
    if (this.#partial.size <= MOST_PARTIAL) return;
    const [oldest] = this.#partial.keys();
    this.#partial.delete(oldest!);
  }
}

const asking = (message: JobMessage): JobMessage => ({
  ...message,
  facts: { ...message.facts, replyTo: REPLY_TO },
});

const accepted = (id: JobId): Answer => ok({ id, outcome: "accepted" });
