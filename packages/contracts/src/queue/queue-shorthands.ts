import type { Clock } from "../clock.ts";
import {
  ClosedError,
  LeaseLostError,
  QueueUnavailableError,
  TaskValidationError,
} from "../errors/task-errors.ts";
import type { TaskQueueError } from "../errors/task-queue-error.ts";
import type { SerializedError } from "../errors/serialized-error.ts";
import type { Delivery, Receipt, Settlement } from "../job/delivery.ts";
import type { JobId, NewJob } from "../job/job.ts";
import { err, ok, type Result } from "../result.ts";
import { jobIssues } from "./job-check.ts";
import { checkDequeue, checkJobId, checkNack } from "./query-check.ts";
import type { CallName, Enqueued, EnqueueManyOptions, ExchangeReply, ExchangeRequest } from "./task-queue.ts";

/** The two calls that everything here is made of. */
export interface ShorthandCalls {
  readonly name: string;
  enqueueMany(
    jobs: readonly NewJob[],
    options: EnqueueManyOptions,
  ): Promise<readonly Result<Enqueued, TaskQueueError>[]>;
  exchange(request: ExchangeRequest): Promise<ExchangeReply>;
}

export interface ShorthandOptions {
  readonly clock: Clock;
  /** Names the sessions of this object; must be unique among all processes on the store. */
  readonly session: string;
  /** Milliseconds after which an unconfirmed enqueue is given up. Default 10,000. */
  readonly enqueueTimeoutMs?: number;
  /** Jobs that share one call at most. Default 500. */
  readonly maxBatch?: number;
}

const DEFAULT_ENQUEUE_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_BATCH = 500;
const DEFAULT_DEQUEUE_LEASE_MS = 300_000;
const FIRST_RESEND_MS = 25;
const LONGEST_RESEND_MS = 1_000;

interface Waiting {
  readonly job: NewJob;
  readonly resolve: (result: Result<JobId, TaskQueueError>) => void;
  readonly reject: (error: unknown) => void;
}

interface HandedOut {
  readonly receipt: Receipt;
  /** Deliveries of this job, handed out by this object, that were not settled. */
  open: number;
}

/**
 * Sends a named call until it is answered or the time is up. A resend repeats the name, so a store that remembers
 * sessions applies it once. A call that is under way when the time is up is given up with it; the store may yet apply it.
 *
 * @param giveUp makes the error to reject with when `timeoutMs` have passed.
 * @throws what `call` rejects with, when it is not a `QueueUnavailableError` that may be retried.
 */
export async function resending<T>(
  call: () => Promise<T>,
  options: {
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly stopped?: () => boolean;
    readonly giveUp: (cause: unknown) => unknown;
  },
): Promise<T> {
  const { clock, timeoutMs, giveUp } = options;
  const deadline = clock.monotonic() + timeoutMs;
  let waitMs = FIRST_RESEND_MS;
  let refused: QueueUnavailableError | undefined;
  for (let left = timeoutMs; ; left = deadline - clock.monotonic()) {
    try {
      return await within(left, call(), clock);
    } catch (error) {
      if (error instanceof Unanswered) throw giveUp(unanswered(timeoutMs, refused));
      if (!(error instanceof QueueUnavailableError) || !error.fields.retryable) throw error;
      refused = error;
      left = deadline - clock.monotonic();
      if (left <= 0 || options.stopped?.() === true) throw giveUp(error);
      await new Promise<void>((resolve) => clock.setTimer(resolve, Math.min(waitMs, left)));
      waitMs = Math.min(waitMs * 2, LONGEST_RESEND_MS);
    }
  }
}

class Unanswered extends Error {}

/** Why there was none is what an earlier try was refused with. */
function unanswered(timeoutMs: number, refused: QueueUnavailableError | undefined): Error {
  const cause = refused?.cause ?? refused;
  return new Error(`the store gave no answer within ${timeoutMs} ms`, cause === undefined ? {} : { cause });
}

/** The call's outcome, if it comes in time. */
function within<T>(ms: number, call: Promise<T>, clock: Clock): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.setTimer(() => reject(new Unanswered()), ms);
    call.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}

/**
 * The ancestor's one-job calls over the two batched ones, the same for every backend: `enqueue` gathers the calls of
 * one turn, and all that arrive while a batch is in flight, into the next; `dequeue`, `ack` and `nack` are exchanges
 * of one job.
 */
export class QueueShorthands {
  readonly #calls: ShorthandCalls;
  readonly #clock: Clock;
  readonly #session: string;
  readonly #timeoutMs: number;
  readonly #maxBatch: number;
  #gathered: Waiting[] = [];
  #flushing = false;
  #enqueueSeq = 0;
  #exchangeSeq = 0;
  #exchanging: Promise<unknown> = Promise.resolve();
  #closed = false;
  readonly #handedOut = new Map<JobId, HandedOut>();

  constructor(calls: ShorthandCalls, options: ShorthandOptions) {
    this.#calls = calls;
    this.#clock = options.clock;
    this.#session = options.session;
    this.#timeoutMs = options.enqueueTimeoutMs ?? DEFAULT_ENQUEUE_TIMEOUT_MS;
    this.#maxBatch = options.maxBatch ?? DEFAULT_MAX_BATCH;
  }

  enqueue(job: NewJob): Promise<Result<JobId, TaskQueueError>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(this.#closedError());
        return;
      }
      if (typeof job !== "object" || job === null) {
        // What is no job must not be among those of others, whose ids are read together.
        resolve(err(new TaskValidationError({ subject: "job", issues: jobIssues(job) ?? [] })));
        return;
      }
      this.#gathered.push({ job, resolve, reject });
      if (this.#flushing) return;
      this.#flushing = true;
      queueMicrotask(() => void this.#flush());
    });
  }

  async dequeue(options?: { leaseMs?: number }): Promise<Delivery | undefined> {
    checkDequeue(options);
    const leaseMs = options?.leaseMs ?? DEFAULT_DEQUEUE_LEASE_MS;
    const reply = await this.#exchange([], { slots: 1, leaseMs });
    const [delivery] = reply.deliveries;
    if (delivery !== undefined) {
      const open = (this.#handedOut.get(delivery.job.id)?.open ?? 0) + 1;
      this.#handedOut.set(delivery.job.id, { receipt: delivery.receipt, open });
    }
    return delivery;
  }

  async ack(id: JobId): Promise<void> {
    checkJobId(id);
    return this.#settle(id, (receipt) => ({ receipt, kind: "complete" }));
  }

  async nack(id: JobId, options?: { requeue?: boolean; delayMs?: number; reason?: string }): Promise<void> {
    checkJobId(id);
    checkNack(options);
    const error: SerializedError = { name: "Nack", message: options?.reason ?? "given back by its consumer" };
    return this.#settle(id, (receipt) =>
      options?.requeue === false
        ? { receipt, kind: "fail", error, reason: "rejected" }
        : { receipt, kind: "retry", delayMs: options?.delayMs ?? 0, countAttempt: true, error },
    );
  }

  /** Refuses further calls and waits for what is in flight. Deliveries that were handed out keep their lease until it ends. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#exchanging.catch(() => undefined);
  }

  #closedError(): ClosedError {
    return new ClosedError({ resource: `queue "${this.#calls.name}"` });
  }

  async #settle(id: JobId, settlement: (receipt: Receipt) => Settlement): Promise<void> {
    if (this.#closed) throw this.#closedError();
    const handedOut = this.#handedOut.get(id);
    if (handedOut === undefined) return;
    if (handedOut.open > 1) {
      // Who calls cannot be told: it may be the holder whose lease ended, and this would settle its successor's work.
      handedOut.open--;
      throw new LeaseLostError({ queue: this.#calls.name, jobId: id });
    }
    this.#handedOut.delete(id);
    const reply = await this.#exchange([settlement(handedOut.receipt)], { slots: 0, leaseMs: 1 });
    if (reply.lost.length > 0) throw new LeaseLostError({ queue: this.#calls.name, jobId: id });
  }

  #exchange(
    settle: readonly Settlement[],
    claim: { readonly slots: number; readonly leaseMs: number },
  ): Promise<ExchangeReply> {
    if (this.#closed) return Promise.reject(this.#closedError());
    // One call in flight per session: each waits for the one before it, whatever became of that.
    const run = this.#exchanging.then(() => {
      const request: ExchangeRequest = {
        session: `${this.#session}:x`,
        seq: ++this.#exchangeSeq,
        settle,
        started: [],
        claim: { ...claim, ahead: 0, maxBytes: Number.MAX_SAFE_INTEGER },
      };
      return this.#resending(() => this.#calls.exchange(request), "no", []);
    });
    this.#exchanging = run.catch(() => undefined);
    return run;
  }

  async #flush(): Promise<void> {
    while (this.#gathered.length > 0) {
      const batch = this.#gathered.splice(0, this.#maxBatch);
      const name: CallName = { session: `${this.#session}:e`, seq: ++this.#enqueueSeq };
      const jobs = batch.map((waiting) => waiting.job);
      try {
        const results = await this.#resending(
          () => this.#calls.enqueueMany(jobs, name),
          "unknown",
          jobs.map((job) => job.id),
        );
        for (const [i, waiting] of batch.entries()) {
          const result = results[i];
          if (result === undefined) waiting.reject(new Error("the store answered fewer results than jobs"));
          else waiting.resolve(result.ok ? ok(result.value.id) : result);
        }
      } catch (error) {
        for (const waiting of batch) waiting.reject(error);
      }
    }
    this.#flushing = false;
  }

  #resending<T>(call: () => Promise<T>, accepted: "no" | "unknown", ids: readonly JobId[]): Promise<T> {
    return resending(call, {
      clock: this.#clock,
      timeoutMs: this.#timeoutMs,
      stopped: () => this.#closed,
      giveUp: (cause) =>
        new QueueUnavailableError({ queue: this.#calls.name, retryable: true, accepted, ids }, { cause }),
    });
  }
}
