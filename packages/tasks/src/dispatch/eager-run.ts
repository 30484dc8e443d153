import {
  type CancelOutcome,
  type JobId,
  type JobStatus,
  type JobView,
  type Logger,
  type NewJob,
  type ProgressSnapshot,
  RemoteTaskError,
  serializeError,
  withFields,
} from "@lexigram/contracts";
import type { HandlerRegistry } from "../define/handler-registry.ts";
import { followProgress } from "../progress/followed-progress.ts";
import { attemptReporter } from "../worker/attempt-progress.ts";
import type { TaskContext } from "../worker/task-context.ts";
import type { HandleSource, TaskHandle } from "./task-handle.ts";

/** What became of a job that ran where it was enqueued. */
type Ending =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** The handle of a job that is over before the caller has it. */
class EagerTaskHandle implements TaskHandle<never> {
  readonly id: JobId;
  readonly queueName: string;
  readonly outcome = "accepted";
  readonly #ending: Ending;
  readonly #source: HandleSource;

  constructor(source: HandleSource, id: JobId, ending: Ending) {
    this.id = id;
    this.queueName = source.queueName;
    this.#source = source;
    this.#ending = ending;
  }

  async result(): Promise<never> {
    const ending = this.#ending;
    if (ending.ok) return ending.value as never;
    throw new RemoteTaskError(
      { jobId: this.id, error: serializeError(ending.error) },
      { cause: ending.error },
    );
  }

  async status(): Promise<JobStatus> {
    return this.#ending.ok ? "completed" : "failed";
  }

  async cancel(): Promise<CancelOutcome> {
    return "finished";
  }

  get progress(): AsyncIterable<ProgressSnapshot> {
    const { progress: tracker, clock } = this.#source;
    if (tracker === undefined) return nothing();
    const ending = this.#ending;
    const end = { completed: ending.ok, error: ending.ok ? "" : messageOf(ending.error) };
    return followProgress({ id: this.id, tracker, clock, ending: async () => end });
  }

  async job(): Promise<JobView | undefined> {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return serializeError(error, { stack: false }).message;
}

async function* nothing(): AsyncIterable<never> {}

/**
 * Runs a job once, here and now, instead of storing it: through the codec and validation, without delay, retries and
 * time limit. What its handler throws is the handle's to tell.
 *
 * @throws TaskNotFoundError when no handler is registered.
 */
export async function runEagerly(
  job: NewJob,
  labels: Readonly<Record<string, string>>,
  source: HandleSource,
  registry: HandlerRegistry,
  logger: Logger,
): Promise<TaskHandle> {
  const { codecs, clock, progress, queueName } = source;
  let isOver = false;
  const reporter = attemptReporter(job.id, progress, () => isOver);
  const context: Partial<TaskContext> = {
    job: { id: job.id, task: job.task, queue: queueName, priority: job.priority, createdAt: clock.now() },
    headers: job.headers,
    labels,
    log: withFields(logger, { job: job.id, task: job.task, attempt: 1 }),
    progress: reporter,
  };
  registry.require(job.task);
  let ending: Ending;
  try {
    const value = await registry.execute({ name: job.task, input: codecs.decode(job.body).input }, context);
    ending = {
      ok: true,
      value: codecs.decodeValue(codecs.encodeValue(value, `the result of task "${job.task}"`)),
    };
  } catch (error) {
    ending = { ok: false, error };
  }
  isOver = true;
  if (reporter.reported) reporter.end(ending.ok ? undefined : messageOf(ending.error));
  return new EagerTaskHandle(source, job.id, ending);
}
