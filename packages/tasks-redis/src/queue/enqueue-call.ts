import {
  type CallName,
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
import type { ScriptArgument } from "../connection/redis-connection.ts";
import { QueueKeys } from "../lua/keys.ts";
import { contentOf } from "./job-content.ts";

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

export function enqueueArguments(
  keys: QueueKeys,
  { session, seq }: CallName,
  rememberMs: number,
  jobs: readonly NewJob[],
): ScriptArgument[] {
  const args: ScriptArgument[] = new Array<ScriptArgument>(5 + 4 * jobs.length);
  args[0] = keys.wakeChannel;
  args[1] = keys.settledChannel;
  args[2] = session;
  args[3] = seq;
  args[4] = rememberMs;
  let at = 5;
  for (const job of jobs) {
    const { delayMs } = job;
    args[at++] = job.id;
    args[at++] = job.priority;
    args[at++] = delayMs === undefined || delayMs === 0 ? "" : Math.ceil(delayMs);
    args[at++] = contentOf(job);
  }
  return args;
}

/** Whether a job concerns nothing but itself, as far as its fields tell. */
const isPlain = (content: string): boolean => content.charCodeAt(0) !== 83; /* S */

/**
 * A call of the short way through an enqueue; nothing when some job has to be judged.
 *
 * @param after session of the call of the same seq without which this one is not applied; empty: none.
 */
export function plainArguments(
  keys: QueueKeys,
  { session, seq }: CallName,
  rememberMs: number,
  jobs: readonly NewJob[],
  after: string,
): { readonly keys: readonly string[]; readonly args: ScriptArgument[] } | undefined {
  const [first] = jobs;
  if (first === undefined) return undefined;
  const oneLevel = jobs.every(({ priority }) => priority === first.priority);
  const args: ScriptArgument[] = new Array<ScriptArgument>(6 + 4 * jobs.length);
  args[0] = keys.wakeChannel;
  args[1] = session;
  args[2] = seq;
  args[3] = rememberMs;
  args[4] = oneLevel ? first.priority : 0;
  args[5] = after;
  let at = 6;
  for (const job of jobs) {
    const content = contentOf(job);
    if (!isPlain(content)) return undefined;
    const { priority, delayMs } = job;
    args[at++] = job.id;
    args[at++] = QueueKeys.FIRST_PLAIN_LEVEL + (oneLevel ? 0 : priority);
    args[at++] = delayMs === undefined || delayMs === 0 ? "" : Math.ceil(delayMs);
    args[at++] = content + (priority < 10 ? `0${priority}` : priority);
  }
  return { keys: oneLevel ? (keys.plainLevel[first.priority] ?? keys.plain) : keys.plain, args };
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
  const rest = answer.slice(1);
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
