import {
  err,
  jobIssues,
  type NewJob,
  ok,
  type Result,
  type TaskQueueError,
  TaskValidationError,
  UnsupportedError,
} from "@lexigram/contracts";
import { headerOf, type JobMessage, LARGEST_BODY, LARGEST_HEADER, messageOf } from "./message.ts";

/** Fields of a job that ask for what a queue of the server cannot do, and the capability that they need. */
const UNSUPPORTED = [
  ["unique", "unique"],
  ["dependsOn", "dependencies"],
  ["barrier", "dependencies"],
  ["notifies", "dependencies"],
  ["maxRecoveries", "quarantine"],
] as const satisfies readonly (readonly [keyof NewJob, string])[];

/** Of these, what an index of jobs makes up for. */
const INDEXED: ReadonlySet<string> = new Set(["unique", "quarantine"]);

/** What the header may hold of a job beside what this backend adds on its way. Bytes. */
const LARGEST_JOB_HEADER = LARGEST_HEADER / 2;

/**
 * The message of a new job, or why it is refused.
 *
 * @param now epoch milliseconds.
 * @param nonce names its enqueue, where an index keeps jobs.
 */
export function judgedJob(
  job: NewJob,
  queue: string,
  now: number,
  nonce?: string,
): Result<JobMessage, TaskQueueError> {
  const issues = jobIssues(job);
  if (issues !== undefined) return err(new TaskValidationError({ subject: "job", issues }));
  for (const [field, capability] of UNSUPPORTED)
    if (job[field] !== undefined && (nonce === undefined || !INDEXED.has(capability)))
      return err(new UnsupportedError({ subject: `rabbitmq queue "${queue}"`, capability }));
  const message = messageOf(job, now, nonce);
  if (message.content.length > LARGEST_BODY)
    return err(tooLarge("body", `has ${message.content.length} bytes; at most ${LARGEST_BODY} are taken`));
  const header = headerOf(message.facts);
  const bytes = Buffer.byteLength(header);
  if (bytes > LARGEST_JOB_HEADER)
    return err(
      tooLarge("headers", `make ${bytes} bytes with id and task; at most ${LARGEST_JOB_HEADER} are taken`),
    );
  return ok({ ...message, header });
}

function tooLarge(path: string, message: string): TaskValidationError {
  return new TaskValidationError({ subject: "job", issues: [{ path, message }] });
}
