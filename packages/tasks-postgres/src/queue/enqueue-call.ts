import {
  DuplicateTaskError,
  type Enqueued,
  err,
  jobIssues,
  JobNotFoundError,
  type NewJob,
  ok,
  QueueFullError,
  type Result,
  type TaskQueueError,
  TaskValidationError,
} from "@lexigram/contracts";
import { fromOrderedText } from "../connection/ordered-text.ts";
import { concernsQueue, offerOf } from "./stored-job.ts";

type Judgement = Result<Enqueued, TaskQueueError>;

/** Jobs that may be sent, and the refusals of the others, by position. */
export interface JudgedJobs {
  readonly valid: readonly NewJob[];
  readonly refusals: ReadonlyMap<number, Judgement>;
}

const NONE: ReadonlyMap<number, Judgement> = new Map();

export function judgedJobs(jobs: readonly NewJob[]): JudgedJobs {
  let refusals: Map<number, Judgement> | undefined;
  for (let i = 0; i < jobs.length; i++) {
    const issues = jobIssues(jobs[i] as NewJob);
    if (issues !== undefined)
      (refusals ??= new Map()).set(i, err(new TaskValidationError({ subject: "job", issues })));
  }
  if (refusals === undefined) return { valid: jobs, refusals: NONE };
  const known = refusals;
  return { valid: jobs.filter((_, i) => !known.has(i)), refusals };
}

/** The jobs of a call as the functions are given them. */
export function offersOf(jobs: readonly NewJob[]): string {
  return JSON.stringify(jobs.map(offerOf));
}

/** Whether the jobs concern nothing but themselves, and none of their ids comes twice. */
export function arePlain(jobs: readonly NewJob[]): boolean {
  return !jobs.some(concernsQueue) && new Set(jobs.map(({ id }) => id)).size === jobs.length;
}

/** A job that comes alone, without a delay, and concerns nothing but itself, as the shortest way is given it. */
export function loneOfferOf(jobs: readonly NewJob[]): readonly unknown[] | undefined {
  const [job] = jobs;
  if (job === undefined || jobs.length > 1 || concernsQueue(job)) return undefined;
  const { i, t, p, d, e, h = null, y } = offerOf(job);
  return y === undefined ? [i, t, p, d, e, h] : undefined;
}

/** @param answers of the jobs that were sent; none when all are accepted. */
export function acceptanceOf(
  queue: string,
  jobs: readonly NewJob[],
  { refusals }: JudgedJobs,
  answers: readonly string[],
): readonly Judgement[] {
  const results = new Array<Judgement>(jobs.length);
  let sent = 0;
  for (let i = 0; i < jobs.length; i++) {
    const refusal = refusals.size === 0 ? undefined : refusals.get(i);
    if (refusal !== undefined) results[i] = refusal;
    else
      results[i] = judgementOf(
        queue,
        jobs[i] as NewJob,
        answers.length === 0 ? "a" : (answers[sent++] ?? ""),
      );
  }
  return results;
}

function judgementOf(queue: string, job: NewJob, answer: string): Judgement {
  const rest = fromOrderedText(answer.slice(1));
  switch (answer[0]) {
    case "a":
      return ok({ id: job.id, outcome: "accepted" });
    case "r":
      return ok({ id: job.id, outcome: "replaced" });
    case "e":
      return ok({ id: rest, outcome: "existing" });
    case "d":
      return err(new DuplicateTaskError({ queue, jobId: job.id, existingId: rest }));
    case "u":
      return err(
        new DuplicateTaskError({
          queue,
          jobId: job.id,
          existingId: rest,
          ...(job.unique === undefined ? {} : { key: job.unique.key }),
        }),
      );
    case "b":
    case "k":
      return err(
        new DuplicateTaskError(
          {
            queue,
            jobId: job.id,
            existingId: answer === "b" ? job.id : "",
            ...(answer === "b" || job.unique === undefined ? {} : { key: job.unique.key }),
          },
          { hint: "a job of a transaction that has not ended holds it; try again when that has" },
        ),
      );
    case "n":
      return err(new JobNotFoundError({ queue, jobId: rest }));
    case "f":
      return err(new QueueFullError({ queue, capacity: Number(rest) }));
    case "p":
      return err(mixedPriority(job.key ?? "", Number(rest)));
    default:
      throw new Error(`the store answered ${JSON.stringify(answer)} to an enqueue`);
  }
}

export function mixedPriority(key: string, required: number): TaskValidationError {
  return new TaskValidationError(
    {
      subject: "job",
      issues: [
        {
          path: "priority",
          message: `must be ${required}, as that of the unfinished jobs of key "${key}", which start in their order`,
        },
      ],
    },
    { hint: `enqueue it with priority ${required}, or under another key` },
  );
}
