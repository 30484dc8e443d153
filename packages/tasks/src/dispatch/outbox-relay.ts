import {
  type Clock,
  ClosedError,
  DuplicateTaskError,
  type Enqueued,
  isStaleCall,
  type Logger,
  type NewJob,
  type OutboxBatch,
  type OutboxProtocol,
  type OutboxReport,
  QueueFullError,
  QueueUnavailableError,
  type Result,
  type SerializedError,
  serializeError,
  type TaskQueueError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";

export interface OutboxRelayParts {
  /** The queue's name in the application. */
  readonly name: string;
  readonly outbox: OutboxProtocol;
  /** Where its jobs go: an object of the relay's own, which remembers calls for as long as a relay may be away. */
  readonly queue: TaskQueueProtocol;
  /** Unlike that of any other relay. */
  readonly holder: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long others wait for a relay that has died. */
const LEASE_MS = 5_000;
const BATCH = 500;
const SHORTEST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/** What is left of a batch, by position. */
type Leftover = Pick<OutboxReport, "again" | "refused">;

/**
 * Moves jobs from an outbox to their queue, in their order and at least once: each batch under the name that it keeps
 * until it is reported, so that a queue that remembers calls takes every job once, whichever relay dies at which moment.
 * One relay delivers at a time; the others of the same outbox stand by.
 */
export class OutboxRelay {
  readonly #parts: OutboxRelayParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #report: OutboxReport | undefined;
  /** Jobs to be sent one by one, since one of them may be what a whole batch failed of. */
  #singly = 0;
  #pauseMs = 0;

  constructor(parts: OutboxRelayParts) {
    this.#parts = parts;
  }

  /** Starts in the background. Idempotent. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when the batch under way is over and others may go on. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted)
      try {
        await this.#turn();
      } catch (error) {
        if (error instanceof ClosedError) return;
        await this.#failed(error);
      }
    await this.#letGo(true);
  }

  async #turn(): Promise<void> {
    const { outbox, holder } = this.#parts;
    const { signal } = this.#stopping;
    const report = this.#report;
    const limit = this.#singly > 0 ? 1 : BATCH;
    const reply = await outbox.take({
      holder,
      leaseMs: LEASE_MS,
      limit,
      ...(report === undefined ? {} : { report }),
    });
    this.#report = undefined;
    switch (reply.state) {
      case "held":
        return this.#pause(reply.retryInMs);
      case "empty":
        this.#pauseMs = 0;
        // The lease is renewed before half of it is over.
        return outbox.waitForJobs(LEASE_MS / 5, signal);
      default:
        return this.#deliver(reply.batch);
    }
  }

  async #deliver(batch: OutboxBatch): Promise<void> {
    const { seq, session, jobs } = batch;
    const { queue, outbox, holder } = this.#parts;
    let left: Leftover;
    try {
      left = await this.#leftover(jobs, await queue.enqueueMany(jobs, { session, seq }));
    } catch (error) {
      if (error instanceof QueueUnavailableError || error instanceof ClosedError) throw error;
      // The queue has seen a later batch.
      if (isStaleCall(error)) return outbox.rename(holder, seq);
      left = this.#apart(jobs, error);
    }
    this.#report = { seq, ...left };
    this.#singly = Math.max(0, this.#singly - 1);
    if (left.again.length === 0) this.#pauseMs = 0;
    else {
      if (this.#pauseMs === 0)
        this.#parts.logger.warn("an outbox waits for room in its queue", {
          queue: this.#parts.name,
          jobs: left.again.length,
        });
      await this.#backOff();
    }
  }

  async #leftover(
    jobs: readonly NewJob[],
    answers: readonly Result<Enqueued, TaskQueueError>[],
  ): Promise<Leftover> {
    const again: number[] = [];
    const refused: { at: number; error: SerializedError }[] = [];
    for (const [at, answer] of answers.entries()) {
      const job = jobs[at];
      if (answer.ok || job === undefined) continue;
      const { error } = answer;
      if (error instanceof QueueFullError) again.push(at);
      else if (error instanceof DuplicateTaskError) {
        if (!(await this.#isSettled(job, error))) again.push(at);
      } else if (!(await this.#bury(job, error))) refused.push({ at, error: serializeError(error) });
    }
    return { again, refused };
  }

  /** Whether a job that met another one needs no further try. */
  async #isSettled(job: NewJob, { fields }: DuplicateTaskError): Promise<boolean> {
    const { queue, name, logger } = this.#parts;
    const { existingId, key } = fields;
    if (existingId === job.id)
      // There, or held by a transaction that may yet be rolled back.
      return !queue.capabilities.lookup || (await queue.getJob(job.id)) !== undefined;
    if (existingId === "") return false;
    logger.info("a job of a transaction was refused by its queue as a duplicate", {
      queue: name,
      task: job.task,
      jobId: job.id,
      existingId,
      ...(key === undefined ? {} : { key }),
    });
    return true;
  }

  /** Puts a job that the queue refuses to its dead letters, without what it was to wait for and whom it was to tell. */
  async #bury(job: NewJob, cause: TaskQueueError): Promise<boolean> {
    const { queue, name, logger } = this.#parts;
    const error = serializeError(cause);
    const about = { queue: name, task: job.task, jobId: job.id, error };
    if (queue.capabilities.deadLetters) {
      const {
        dependsOn: _dependsOn,
        barrier: _barrier,
        notifies: _notifies,
        unique: _unique,
        ...letter
      } = job;
      const buried = await queue.deadLetters.add(letter, error, "rejected");
      if (buried.ok || buried.error instanceof DuplicateTaskError) {
        logger.error("a job of a transaction was refused by its queue, and is in its dead letters", about);
        return true;
      }
    }
    logger.error("a job of a transaction was refused by its queue, and stays set aside in the outbox", about);
    return false;
  }

  /** What fails as a whole is tried one by one, so that one bad job holds up no others. */
  #apart(jobs: readonly NewJob[], error: unknown): Leftover {
    const { name, logger } = this.#parts;
    const what = serializeError(error);
    logger.error("an outbox could not deliver", { queue: name, jobs: jobs.length, error: what });
    if (jobs.length === 1) return { again: [], refused: [{ at: 0, error: what }] };
    this.#singly = jobs.length + 1;
    return { again: [...jobs.keys()], refused: [] };
  }

  async #failed(error: unknown): Promise<void> {
    const { name, logger } = this.#parts;
    if (this.#pauseMs === 0)
      logger.warn("an outbox cannot deliver now", { queue: name, error: serializeError(error) });
    // Another process may reach what this one cannot.
    await this.#letGo(false);
    await this.#backOff();
  }

  async #letGo(isOver: boolean): Promise<void> {
    const { outbox, holder } = this.#parts;
    try {
      if (isOver && this.#report !== undefined)
        await outbox.take({ holder, leaseMs: LEASE_MS, limit: 0, report: this.#report });
      await outbox.release(holder);
    } catch {
      // It ends by itself.
    }
  }

  #backOff(): Promise<void> {
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, this.#pauseMs * 2));
    return this.#pause(this.#pauseMs);
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = this.#parts.clock.setTimer(end, ms);
      signal.addEventListener("abort", end);
    });
  }
}
