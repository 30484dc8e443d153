import {
  type AnySchema,
  type CancelOutcome,
  type Clock,
  type Duration,
  type Enqueued,
  type JobEvent,
  type JobId,
  type JobStatus,
  type JobView,
  milliseconds,
  type ProgressSnapshot,
  type QueueReplies,
  type ProgressTrackerProtocol,
  refuseUnknownOptions,
  RemoteTaskError,
  ResultUnavailableError,
  type SerializedError,
  signalOption,
  type StateStoreProtocol,
  TaskCancelledError,
  TaskDiscardedError,
  type TaskEvents,
  TaskExpiredError,
  type TaskQueueProtocol,
  UnsupportedError,
} from "@lexigram/contracts";
import { parseResult } from "../define/input-validation.ts";
import type { TaskEmitter } from "../events/task-emitter.ts";
import { cancelTopic } from "../job/cancel-topic.ts";
import type { CodecRegistry } from "../job/codec-registry.ts";
import { followProgress, type JobEnd } from "../progress/followed-progress.ts";
import { JOB_STATUS_OF } from "../results/result-record.ts";
import { waitForOutcome, waitForReply } from "../results/result-waiter.ts";
import type { ResultRecord } from "../results/result-store.ts";
import type { WaitOptions } from "../results/waiter-hub.ts";
import type { Arrival } from "./arrival.ts";
import { StoredEndings } from "./stored-endings.ts";

export interface ResultOptions {
  /** How long to wait. Default: without limit. */
  readonly timeout?: Duration;
  readonly signal?: AbortSignal;
}

/** A job that was enqueued, or one that stands for it. Holds no resources; all methods may run concurrently. */
export interface TaskHandle<O = unknown> {
  readonly id: JobId;
  /** The queue's name in the application. */
  readonly queueName: string;
  /** `existing`: nothing was stored, as a job holds the unique key; the handle is that job's. */
  readonly outcome: Enqueued["outcome"];
  /**
   * Waits until the job is over and gives what its handler returned.
   *
   * @throws RemoteTaskError when it failed; TaskCancelledError, TaskDiscardedError and TaskExpiredError when it ended so.
   * @throws ResultTimeoutError when the time is up (the job goes on); ResultUnavailableError when the job, or its
   *   result, is no longer kept; the reason of `signal` when that is aborted.
   */
  result(options?: ResultOptions): Promise<O>;
  /** Where it stands; `unknown` when the queue holds no record of it. */
  status(): Promise<JobStatus | "unknown">;
  /** Cancels it at once when it has not started; otherwise asks its handler to stop. */
  cancel(): Promise<CancelOutcome>;
  /**
   * One item per change, beginning with what is known, ending with the job: the last item is complete or failed as the
   * job is, also when its handler reported nothing or never ran. A job that is gone ends it without such an item.
   * Rejects as `result` does when the queue cannot be asked any more.
   */
  readonly progress: AsyncIterable<ProgressSnapshot>;
  /** Everything the store can tell of it. */
  job(): Promise<JobView | undefined>;
}

/** What the handles of one queue share. */
export interface HandleSource {
  readonly queueName: string;
  readonly queue: TaskQueueProtocol;
  /** Holds the results of queues that keep none. */
  readonly state: StateStoreProtocol | undefined;
  /** Where outcomes come to that no shared store holds; `state`, if any, is this process's alone. */
  readonly replies?: QueueReplies | undefined;
  readonly codecs: CodecRegistry;
  readonly clock: Clock;
  readonly emitter: TaskEmitter | undefined;
  readonly progress: ProgressTrackerProtocol | undefined;
}

const NO_ERROR = "it left no error";

/** How a job ended, wherever that was kept. */
interface Ending {
  readonly status: string;
  readonly error: SerializedError | undefined;
  readonly value: () => unknown;
}

export class QueuedTaskHandle<O> implements TaskHandle<O> {
  readonly id: JobId;
  readonly outcome: Enqueued["outcome"];
  readonly #source: HandleSource;
  /** Unknown of a job that was found by its id. */
  readonly #taskName: string | undefined;
  readonly #output: AnySchema | undefined;
  /** Of a job that its queue does not know yet. */
  readonly #arrival: Arrival | undefined;

  constructor(
    source: HandleSource,
    id: JobId,
    outcome: Enqueued["outcome"],
    taskName: string | undefined,
    output: AnySchema | undefined,
    arrival?: Arrival,
  ) {
    this.#source = source;
    this.id = id;
    this.outcome = outcome;
    this.#taskName = taskName;
    this.#output = output;
    this.#arrival = arrival;
  }

  get queueName(): string {
    return this.#source.queueName;
  }

  async result(options: ResultOptions = {}): Promise<O> {
    refuseUnknownOptions("handle.result", options, ["timeout", "signal"]);
    signalOption("handle.result", options.signal);
    const { id } = this;
    const ending =
      this.#arrival === undefined
        ? await this.#ending(options)
        : await this.#arrival.resultOf(options, (left) => this.#ending(left));
    switch (ending.status) {
      case "completed": {
        const value = ending.value();
        return (this.#output === undefined ? value : await parseResult(this.#output, value, id)) as O;
      }
      case "failed":
        throw new RemoteTaskError({
          jobId: id,
          error: ending.error ?? { name: "Error", message: NO_ERROR },
        });
      case "expired":
        await this.#announce("task.expired", {});
        throw new TaskExpiredError({ jobId: id });
      default:
        throw stopped(id, ending.error);
    }
  }

  async status(): Promise<JobStatus | "unknown"> {
    const { queue, state, replies } = this.#source;
    const { lookup, results } = queue.capabilities;
    const [told] = replies === undefined ? [] : await replies.read([this.id]);
    if (told !== undefined && !(told instanceof Error)) return told.status;
    if (!results && state !== undefined) return (await this.#stored(state).status(this.id)) ?? "unknown";
    if (results && lookup) return (await queue.results([this.id]))[0]?.status ?? "unknown";
    return lookup ? ((await queue.getJob(this.id))?.status ?? "unknown") : "unknown";
  }

  async cancel(): Promise<CancelOutcome> {
    const { queue, state } = this.#source;
    const outcome = await queue.cancel(this.id);
    if (outcome === "requested") this.#hasten();
    if (outcome !== "cancelled") return outcome;
    if (!queue.capabilities.results && state !== undefined) await this.#stored(state).cancelled(this.id);
    await this.#announce("task.cancelled", { attempt: 0, reason: "cancelled before it ran" });
    return outcome;
  }

  get progress(): AsyncIterable<ProgressSnapshot> {
    const { id } = this;
    const { progress: tracker, queueName, queue, state, clock } = this.#source;
    if (tracker !== undefined) {
      const tellsEndings = queue.capabilities.results || state !== undefined;
      const ending = tellsEndings ? (signal: AbortSignal) => this.#end(signal) : undefined;
      return followProgress({ id, tracker, clock, ending });
    }
    throw new UnsupportedError(
      { subject: `the dispatcher of queue "${queueName}"`, capability: "progress" },
      {
        hint: "give it a progress tracker",
      },
    );
  }

  job(): Promise<JobView | undefined> {
    return this.#source.queue.getJob(this.id);
  }

  async #ending(options: ResultOptions): Promise<Ending> {
    const { queue, state, clock, codecs, replies } = this.#source;
    const timeoutMs = options.timeout === undefined ? undefined : milliseconds(options.timeout);
    if (replies !== undefined && this.#arrival === undefined)
      return this.#replied(replies, { clock, timeoutMs, signal: options.signal });
    if (queue.capabilities.results || state === undefined) {
      const { status, error, result } = await waitForOutcome(queue, this.id, {
        clock,
        timeoutMs,
        signal: options.signal,
      });
      return { status, error, value: () => codecs.decodeValue(result) };
    }
    return endingOf(await this.#stored(state).wait(this.id, { timeoutMs, signal: options.signal }));
  }

  /** The end of a job of a queue whose outcomes come to whoever enqueued it; this process may have run it as well. */
  async #replied(replies: QueueReplies, options: WaitOptions & { readonly clock: Clock }): Promise<Ending> {
    const { state, codecs } = this.#source;
    try {
      const { status, error, result } = await waitForReply(replies, this.id, options);
      return { status, error, value: () => codecs.decodeValue(result) };
    } catch (error) {
      if (!(error instanceof ResultUnavailableError) || state === undefined) throw error;
      const kept = await this.#stored(state).kept(this.id);
      if (kept === undefined) throw error;
      return endingOf(kept);
    }
  }

  /** The job's end as its progress tells it; `undefined` when the job is gone. */
  async #end(signal: AbortSignal): Promise<JobEnd | undefined> {
    try {
      const { status, error } = await this.#ending({ signal });
      return { completed: status === "completed", error: reasonOf(this.id, status, error) };
    } catch (error) {
      if (error instanceof ResultUnavailableError) return undefined;
      throw error;
    }
  }

  #stored(state: StateStoreProtocol): StoredEndings {
    const { queue, clock } = this.#source;
    let stored = endings.get(this.#source);
    if (stored === undefined) endings.set(this.#source, (stored = new StoredEndings(queue, state, clock)));
    return stored;
  }

  /** Tells workers at once what the renewal of a lease would tell them later; so it may fail, and is not waited for. */
  #hasten(): void {
    const { queue, state } = this.#source;
    state?.publish(cancelTopic(queue.name), this.id).catch(() => {});
  }

  /** Tells what this process learnt of the job, when somebody listens. A handle made from an id asks for its task first. */
  async #announce<E extends "task.expired" | "task.cancelled">(
    event: E,
    more: Omit<TaskEvents[E], keyof JobEvent>,
  ): Promise<void> {
    const { emitter, queueName, queue } = this.#source;
    if (emitter === undefined || !emitter.has(event)) return;
    const { id } = this;
    const taskName = this.#taskName ?? (await queue.getJob(id))?.task ?? "";
    emitter.emit(event, { taskName, queueName, jobId: id, taskId: id, ...more } as TaskEvents[E]);
  }
}

const endingOf = ({ status, error, value }: ResultRecord): Ending => ({
  status: JOB_STATUS_OF[status],
  error,
  value: () => value,
});

/** Handles of one source share what they wait with. */
const endings = new WeakMap<HandleSource, StoredEndings>();

/** Why a job did not complete, in the words that its worker would report. */
function reasonOf(id: JobId, status: string, error: SerializedError | undefined): string {
  if (error !== undefined) return error.message;
  if (status === "expired") return new TaskExpiredError({ jobId: id }).message;
  return status === "cancelled" ? stopped(id, error).message : NO_ERROR;
}

/** A discarded job ends as cancelled, with an error that says so. */
function stopped(id: JobId, error: SerializedError | undefined): Error {
  const reason = error?.message.replace(/^job ".*?" was (?:discarded|cancelled): /, "") ?? "it was cancelled";
  return error?.code === "LEX_ERR_TASK_DISCARDED"
    ? new TaskDiscardedError({ jobId: id, reason })
    : new TaskCancelledError({ jobId: id, reason });
}
