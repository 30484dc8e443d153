import {
  type CancelOutcome,
  checkActiveQuery,
  checkCall,
  checkClearQuery,
  checkJobId,
  checkJobIds,
  checkJobQuery,
  checkJobs,
  checkPolicy,
  checkSettledWatch,
  checkStatus,
  checkWait,
  type Clock,
  ClosedError,
  type Delivery,
  type Enqueued,
  type EnqueueManyOptions,
  err,
  type ExchangeReply,
  type ExchangeRequest,
  type ExtendReply,
  FULL_CAPABILITIES,
  functionOption,
  type JobChange,
  type JobId,
  type JobOutcome,
  type JobQuery,
  type JobStatus,
  type JobView,
  type NewJob,
  type Page,
  queueNameOption,
  type QueuePolicy,
  QueueShorthands,
  type QueueStats,
  type Random,
  type Receipt,
  refuseUnknownOptions,
  type Result,
  serviceOption,
  type Settlement,
  type SettledSubscription,
  spanOption,
  systemClock,
  systemRandom,
  type TaskQueueError,
  type TaskQueueProtocol,
  type TransactionHandle,
  UnsupportedError,
} from "@lexigram/contracts";
import { EnqueueTurns } from "./enqueue-turns.ts";
import { acceptJobs } from "./accept-jobs.ts";
import { cancelJob, clearJobs, deleteJob, updateJob } from "./control-jobs.ts";
import { exchangeJobs, extendLeases } from "./exchange-jobs.ts";
import { MemoryDeadLetters } from "./memory-dead-letters.ts";
import { type MemoryFaults, underFaults } from "./memory-faults.ts";
import { QueueStore } from "./queue-store.ts";
import { countJobs, listJobs, resultsOf, statsOf, viewJob } from "./read-jobs.ts";

const DEFAULT_ENQUEUE_TIMEOUT_MS = 10_000;

export interface MemoryTaskQueueOptions {
  /** Name of the queue. Default `default`. */
  readonly name?: string;
  /** Unfinished jobs that the queue holds at most; short for the same field of `policy`. */
  readonly maxSize?: number;
  /** The queue's rules at first. */
  readonly policy?: QueuePolicy;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Default: the machine's. */
  readonly random?: Random;
  /** Milliseconds after which an unconfirmed enqueue is given up. Default 10,000. */
  readonly enqueueTimeoutMs?: number;
}

/** What a backend opens a queue over: jobs that other queue objects share. */
export interface MemoryQueueSource {
  readonly store: QueueStore;
  readonly faults?: MemoryFaults | undefined;
  /** Called once, when the queue object is closed. */
  readonly onClose: (queue: MemoryTaskQueue) => void;
}

const OPTIONS = [
  "name",
  "maxSize",
  "policy",
  "clock",
  "random",
  "enqueueTimeoutMs",
] as const satisfies readonly (keyof MemoryTaskQueueOptions)[];

/** Tells the sessions of all queue objects of this process apart. */
let opened = 0;

/**
 * A queue in this process's memory, which is gone with the process. It implements the whole protocol but for
 * transactions, and is the model with which other backends are compared.
 *
 * Every method is one step that nothing else comes between, and all may be called concurrently.
 *
 * @throws TaskConfigError for an option that is unknown and a name that is none, TaskValidationError for a policy that is out of range.
 */
export class MemoryTaskQueue implements TaskQueueProtocol {
  readonly name: string;
  readonly capabilities = FULL_CAPABILITIES;
  readonly deadLetters: MemoryDeadLetters;
  readonly #store: QueueStore;
  readonly #faults: MemoryFaults | undefined;
  readonly #onClose: (queue: MemoryTaskQueue) => void;
  readonly #turns = new EnqueueTurns();
  readonly #shorthands: QueueShorthands;
  readonly #rememberMs: number;
  readonly #subscriptions = new Set<SettledSubscription>();
  #closed = false;

  constructor(options: MemoryTaskQueueOptions = {}, source?: MemoryQueueSource) {
    refuseUnknownOptions("MemoryTaskQueue", options, OPTIONS);
    const { name: given = "default" } = options;
    const name = queueNameOption("MemoryTaskQueue", "name", given);
    const clock = serviceOption("MemoryTaskQueue", "clock", "clock", options.clock ?? systemClock);
    const random = functionOption("MemoryTaskQueue", "random", options.random ?? systemRandom);
    this.#store = source?.store ?? new QueueStore(name, clock, random);
    this.#faults = source?.faults;
    this.#onClose = source?.onClose ?? (() => this.#store.close());
    this.name = this.#store.name;
    const enqueueTimeoutMs = spanOption(
      "MemoryTaskQueue",
      "enqueueTimeoutMs",
      options.enqueueTimeoutMs ?? DEFAULT_ENQUEUE_TIMEOUT_MS,
    );
    // Twice the time after which a producer gives up: so long may one of its resends still arrive.
    this.#rememberMs = 2 * enqueueTimeoutMs;
    this.#shorthands = new QueueShorthands(this, {
      clock,
      session: `memory-${++opened}-${Math.floor(random() * 2 ** 32).toString(36)}`,
      enqueueTimeoutMs,
    });
    this.deadLetters = new MemoryDeadLetters(this.#store, (name, apply) => this.#call(name, apply));
    const { maxSize, policy } = options;
    if (maxSize === undefined && policy === undefined) return;
    const rules: QueuePolicy = maxSize === undefined ? { ...policy } : { ...policy, maxSize };
    checkPolicy(rules);
    this.#store.readClock();
    this.#store.setPolicy(rules);
  }

  enqueue(job: NewJob): Promise<Result<JobId, TaskQueueError>> {
    return this.#shorthands.enqueue(job);
  }

  dequeue(options?: { leaseMs?: number }): Promise<Delivery | undefined> {
    return this.#shorthands.dequeue(options);
  }

  ack(id: JobId): Promise<void> {
    return this.#shorthands.ack(id);
  }

  nack(id: JobId, options?: { requeue?: boolean; delayMs?: number; reason?: string }): Promise<void> {
    return this.#shorthands.nack(id, options);
  }

  enqueueMany(
    jobs: readonly NewJob[],
    options: EnqueueManyOptions,
  ): Promise<readonly Result<Enqueued, TaskQueueError>[]> {
    const answer = this.#call(
      "enqueueMany",
      () => {
        checkJobs(jobs);
        checkCall(options);
        if (options.transaction !== undefined) return jobs.map(() => err(this.#noTransactions()));
        const store = this.#store;
        store.readClock();
        const recalled = store.enqueues.recall(options, store.mono);
        if (recalled !== undefined) return recalled;
        return store.step(() => {
          const results = acceptJobs(store, jobs);
          store.enqueues.remember(options, results, store.monoUp, this.#rememberMs);
          return results;
        });
      },
      () => jobs.map((job) => job?.id),
    );
    const turn = Array.isArray(jobs) ? this.#turns.take(jobs.length) : undefined;
    return turn === undefined ? answer : Promise.all([answer, turn]).then(([results]) => results);
  }

  exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    return this.#call("exchange", () =>
      exchangeJobs(this.#store, request, this.#rememberMs, this.#faults?.pick),
    );
  }

  extend(receipts: readonly Receipt[], leaseMs: number): Promise<ExtendReply> {
    return this.#call("extend", () => extendLeases(this.#store, receipts, leaseMs));
  }

  async waitForWork(maxMs: number, signal: AbortSignal): Promise<void> {
    if (this.#closed) throw this.#closedError();
    checkWait(maxMs, signal);
    await this.#store.wake.wait(maxMs, signal, this);
  }

  async settleIn(_transaction: TransactionHandle, _settlement: Settlement): Promise<"settled" | "lost"> {
    if (this.#closed) throw this.#closedError();
    throw this.#noTransactions();
  }

  setPolicy(policy: QueuePolicy): Promise<void> {
    return this.#call("setPolicy", () => {
      checkPolicy(policy);
      this.#store.step(() => this.#store.setPolicy(structuredClone(policy)));
    });
  }

  getPolicy(): Promise<QueuePolicy> {
    return this.#call("getPolicy", () => structuredClone(this.#store.policy));
  }

  pause(): Promise<void> {
    return this.#call("pause", () => {
      this.#store.paused = true;
    });
  }

  resume(): Promise<void> {
    return this.#call("resume", () => {
      this.#store.paused = false;
      this.#store.wake.wakeAll();
    });
  }

  isPaused(): Promise<boolean> {
    return this.#call("isPaused", () => this.#store.paused);
  }

  cancel(id: JobId): Promise<CancelOutcome> {
    return this.#call("cancel", () => {
      checkJobId(id);
      return cancelJob(this.#store, id);
    });
  }

  update(id: JobId, change: JobChange): Promise<Result<JobView, TaskQueueError>> {
    return this.#call("update", () => {
      checkJobId(id);
      return updateJob(this.#store, id, change);
    });
  }

  getJob(id: JobId): Promise<JobView | undefined> {
    return this.#call("getJob", () => {
      checkJobId(id);
      return viewJob(this.#store, id);
    });
  }

  deleteJob(id: JobId): Promise<boolean> {
    return this.#call("deleteJob", () => {
      checkJobId(id);
      return deleteJob(this.#store, id);
    });
  }

  list(query: JobQuery): Promise<Page<JobView>> {
    return this.#call("list", () => {
      checkJobQuery(query);
      return listJobs(this.#store, query);
    });
  }

  listActive(query: { cursor?: string; limit?: number } = {}): Promise<Page<JobView>> {
    return this.#call("listActive", () => {
      checkActiveQuery(query);
      return listJobs(this.#store, { limit: 100, ...query, status: "running" });
    });
  }

  count(status?: JobStatus): Promise<number> {
    return this.#call("count", () => {
      checkStatus(status);
      return countJobs(this.#store, status);
    });
  }

  getTaskCount(): Promise<number> {
    return this.#call("getTaskCount", () => countJobs(this.#store, "pending"));
  }

  stats(): Promise<QueueStats> {
    return this.#call("stats", () => statsOf(this.#store));
  }

  clear(query: { status?: JobStatus } = {}): Promise<number> {
    return this.#call("clear", () => {
      checkClearQuery(query);
      return clearJobs(this.#store, query.status);
    });
  }

  results(ids: readonly JobId[]): Promise<readonly JobOutcome[]> {
    return this.#call("results", () => {
      checkJobIds(ids);
      return resultsOf(this.#store, ids);
    });
  }

  onSettled(ids: readonly JobId[], signal: AbortSignal): AsyncIterable<JobId> {
    if (this.#closed) throw this.#closedError();
    checkSettledWatch(ids, signal);
    const end = (): void => subscription.end();
    const subscription = this.#store.waiters.subscribe(ids, (ended) => {
      this.#subscriptions.delete(ended);
      signal.removeEventListener("abort", end);
    });
    this.#subscriptions.add(subscription);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
    return subscription;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#store.wake.release(this);
    for (const subscription of this.#subscriptions) subscription.end();
    this.#onClose(this);
    await this.#shorthands.close();
  }

  async #call<T>(name: string, apply: () => T, ids: () => readonly JobId[] = () => []): Promise<T> {
    if (this.#closed) throw this.#closedError();
    return this.#faults?.onCall === undefined
      ? apply()
      : underFaults(this.name, name, this.#faults, ids, apply);
  }

  #closedError(): ClosedError {
    return new ClosedError({ resource: `queue "${this.name}"` });
  }

  #noTransactions(): UnsupportedError {
    return new UnsupportedError({ subject: `memory queue "${this.name}"`, capability: "transactions" });
  }
}
