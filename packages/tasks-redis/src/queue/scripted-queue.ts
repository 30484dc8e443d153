import { hostname } from "node:os";
import {
  type CancelOutcome,
  changeIssues,
  checkActiveQuery,
  checkCall,
  checkClearQuery,
  checkExchange,
  checkExtend,
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
  type JobChange,
  type JobId,
  JobNotFoundError,
  type JobOutcome,
  type JobQuery,
  type JobState,
  type JobStatus,
  type JobView,
  type NewJob,
  ok,
  type Page,
  type QueuePolicy,
  QueueShorthands,
  type QueueStats,
  QueueUnavailableError,
  type Random,
  type Receipt,
  type Result,
  type Settlement,
  TaskConfigError,
  type TaskQueueError,
  type TaskQueueProtocol,
  TaskValidationError,
  type TransactionHandle,
  TransitionNotAllowedError,
  UnsupportedError,
} from "@lexigram/contracts";
import type { RedisConnection, RunOptions, ScriptArgument } from "../connection/redis-connection.ts";
import { QueueKeys } from "../lua/keys.ts";
import { QUEUE_SCRIPTS } from "../lua/scripts.ts";
import { acceptanceOf, enqueueArguments, judgedJobs, mixedPriority, plainArguments } from "./enqueue-call.ts";
import { exchangeArguments, exchangeReplyOf, type ExchangeTuple, receiptArguments, refuseStale } from "./exchange-call.ts";
import { dataOf, encodingOf } from "./job-content.ts";
import { outcomeOf, type OutcomeTuple, present, viewOf, type ViewTuple } from "./job-view.ts";
import { policyArguments } from "./policy-rules.ts";
import { RedisDeadLetters } from "./redis-dead-letters.ts";
import { SettledNews } from "./settled-news.ts";
import { WorkSignal } from "./work-signal.ts";

const DEFAULT_ENQUEUE_TIMEOUT_MS = 10_000;
/** The layout that this code writes, and the oldest code that may use it. */
const LAYOUT = 1;
const OLDEST_LAYOUT = 1;
/** Jobs that one step of `clear` removes. */
const CLEAR_STEP = 500;
/** Ids whose outcome one step reads. */
const RESULTS_STEP = 1_000;
/** Enqueues that go the long way at once after the short one was refused: the queue's rules say so, probably. */
const JUDGED_CALLS = 100;
const ALL_ACCEPTED: readonly string[] = [];
/** Places that one page of a filtered listing looks at; a page may be shorter than asked for, and yet have a cursor. */
const LOOK = 5_000;

/** Letters by which scripts name where a job stands. */
const LETTERS: Readonly<Record<JobStatus, string>> = {
  waiting: "w",
  scheduled: "s",
  retrying: "r",
  pending: "p",
  running: "R",
  completed: "c",
  failed: "f",
  cancelled: "x",
  expired: "e",
};

/** Those that wait for others come first, so that no deletion sets one of them going. */
const CLEARED: readonly JobStatus[] = [
  "waiting",
  "scheduled",
  "retrying",
  "pending",
  "completed",
  "failed",
  "cancelled",
  "expired",
];

/** What a backend opens a queue over. */
export interface RedisQueueSource {
  readonly name: string;
  readonly namespace: string;
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly random: Random;
  readonly enqueueTimeoutMs?: number | undefined;
  /** Rules to set when the queue is first used; absent: those that are stored stay. */
  readonly policy?: QueuePolicy | undefined;
  /** Called once, when the queue object is closed. */
  readonly onClose: (queue: TaskQueueProtocol) => Promise<void> | void;
}

/** Runs one of the queue's scripts. */
export interface QueueCalls {
  control(operation: string, ...args: readonly ScriptArgument[]): Promise<unknown>;
  look(question: string, ...args: readonly ScriptArgument[]): Promise<unknown>;
}

/** A queue on Redis: every method is one script, which is one atomic step of the server. */
export class ScriptedQueue implements TaskQueueProtocol, QueueCalls {
  readonly name: string;
  readonly capabilities = FULL_CAPABILITIES;
  readonly deadLetters: RedisDeadLetters;
  readonly #connection: RedisConnection;
  readonly #keys: QueueKeys;
  readonly #onClose: RedisQueueSource["onClose"];
  readonly #policy: QueuePolicy | undefined;
  readonly #shorthands: QueueShorthands;
  readonly #rememberMs: number;
  readonly #work: WorkSignal;
  readonly #news: SettledNews;
  /** How every call that changes something is made. */
  readonly #durable: RunOptions;
  #judged = 0;
  #opening: Promise<void> | undefined;
  #isOpen = false;
  #closed = false;

  constructor(source: RedisQueueSource) {
    const { name, namespace, connection, clock, random } = source;
    this.name = name;
    this.#connection = connection;
    this.#keys = new QueueKeys(namespace, name);
    this.#durable = { subject: name, durable: true };
    this.#onClose = source.onClose;
    this.#policy = source.policy;
    const enqueueTimeoutMs = source.enqueueTimeoutMs ?? DEFAULT_ENQUEUE_TIMEOUT_MS;
    // Twice the time after which a producer gives up: so long may one of its resends still arrive.
    this.#rememberMs = 2 * enqueueTimeoutMs;
    this.#shorthands = new QueueShorthands(this, {
      clock,
      session: `${hostname()}-${process.pid}-${chanceName(random)}`,
      enqueueTimeoutMs,
    });
    this.deadLetters = new RedisDeadLetters(name, this);
    this.#work = new WorkSignal({ connection, clock, channel: this.#keys.wakeChannel, name, calls: this });
    this.#news = new SettledNews({ connection, clock, channel: this.#keys.settledChannel, name, calls: this });
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

  async enqueueMany(
    jobs: readonly NewJob[],
    options: EnqueueManyOptions,
  ): Promise<readonly Result<Enqueued, TaskQueueError>[]> {
    if (this.#closed) throw this.#closedError();
    checkJobs(jobs);
    checkCall(options);
    if (options.transaction !== undefined) return jobs.map(() => err(this.#noTransactions()));
    const judged = judgedJobs(jobs);
    if (!this.#isOpen) await this.open();
    try {
      const answers =
        (await this.#enqueuePlain(judged.valid, options)) ?? (await this.#enqueueAny(judged.valid, options));
      refuseStale(answers, options);
      return acceptanceOf(this.name, jobs, judged, answers);
    } catch (error) {
      throw withIds(error, jobs);
    }
  }

  /** The short way, for jobs that concern nothing but themselves; nothing when the other has to judge. */
  async #enqueuePlain(
    jobs: readonly NewJob[],
    options: EnqueueManyOptions,
  ): Promise<readonly string[] | undefined> {
    if (this.#judged > 0) {
      this.#judged--;
      return undefined;
    }
    const call = plainArguments(this.#keys, options, this.#rememberMs, jobs);
    if (call === undefined) return undefined;
    const answer = await this.#connection.run(QUEUE_SCRIPTS.plainEnqueue, call.keys, call.args, this.#durable);
    if (answer === 1) return ALL_ACCEPTED;
    this.#judged = JUDGED_CALLS;
    return undefined;
  }

  async #enqueueAny(jobs: readonly NewJob[], options: EnqueueManyOptions): Promise<readonly string[]> {
    const args = enqueueArguments(this.#keys, options, this.#rememberMs, jobs);
    return (await this.#connection.run(
      QUEUE_SCRIPTS.enqueue,
      this.#keys.hot,
      args,
      this.#durable,
    )) as readonly string[];
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    if (this.#closed) throw this.#closedError();
    checkExchange(request);
    if (!this.#isOpen) await this.open();
    const reply = (await this.#connection.run(
      QUEUE_SCRIPTS.exchange,
      this.#keys.hot,
      exchangeArguments(this.#keys, request, this.#rememberMs),
      { subject: this.name, durable: request.settle.length > 0 },
    )) as ExchangeTuple;
    refuseStale(reply, request);
    return exchangeReplyOf(reply, request.claim.leaseMs);
  }

  async extend(receipts: readonly Receipt[], leaseMs: number): Promise<ExtendReply> {
    if (this.#closed) throw this.#closedError();
    checkExtend(receipts, leaseMs);
    if (!this.#isOpen) await this.open();
    const { wakeChannel, settledChannel } = this.#keys;
    const args = [wakeChannel, settledChannel, Math.ceil(leaseMs), ...receiptArguments(receipts)];
    const [lost, cancelled] = (await this.#connection.run(QUEUE_SCRIPTS.extend, this.#keys.hot, args, {
      subject: this.name,
    })) as [Receipt[], Receipt[]];
    return { lost, cancelled };
  }

  async waitForWork(maxMs: number, signal: AbortSignal): Promise<void> {
    if (this.#closed) throw this.#closedError();
    checkWait(maxMs, signal);
    await this.#work.wait(maxMs, signal);
  }

  async settleIn(_transaction: TransactionHandle, _settlement: Settlement): Promise<"settled" | "lost"> {
    if (this.#closed) throw this.#closedError();
    throw this.#noTransactions();
  }

  async setPolicy(policy: QueuePolicy): Promise<void> {
    if (this.#closed) throw this.#closedError();
    checkPolicy(policy);
    if (!this.#isOpen) await this.open();
    await this.#setPolicy(policy);
  }

  async getPolicy(): Promise<QueuePolicy> {
    const [policy] = (await this.look("meta")) as [string, number];
    return policy === "" ? {} : (JSON.parse(policy) as QueuePolicy);
  }

  async pause(): Promise<void> {
    await this.control("pause", 1);
  }

  async resume(): Promise<void> {
    await this.control("pause", 0);
  }

  async isPaused(): Promise<boolean> {
    const [, paused] = (await this.look("meta")) as [string, number];
    return paused === 1;
  }

  async cancel(id: JobId): Promise<CancelOutcome> {
    checkOpenly(this.#closed, () => this.#closedError());
    checkJobId(id);
    return (await this.control("cancel", id)) as CancelOutcome;
  }

  async update(id: JobId, change: JobChange): Promise<Result<JobView, TaskQueueError>> {
    checkOpenly(this.#closed, () => this.#closedError());
    checkJobId(id);
    const issues = changeIssues(change);
    if (issues !== undefined) return err(new TaskValidationError({ subject: "job change", issues }));
    const { runAt, priority, body } = change;
    const answer = (await this.control(
      "update",
      id,
      runAt === undefined ? "" : Math.max(0, Math.ceil(runAt)),
      priority ?? "",
      body === undefined ? "" : `${encodingOf(body)}\n${dataOf(body)}`,
    )) as readonly string[];
    switch (answer[0]) {
      case "missing":
        return err(new JobNotFoundError({ queue: this.name, jobId: id }));
      case "state": {
        const [, from, to] = answer as [string, JobStatus, JobState];
        return err(new TransitionNotAllowedError({ jobId: id, from, to }));
      }
      case "mixed":
        return err(mixedPriority(answer[2] ?? "", Number(answer[1])));
      default:
        return ok(viewOf(answer as unknown as ViewTuple));
    }
  }

  async getJob(id: JobId): Promise<JobView | undefined> {
    checkOpenly(this.#closed, () => this.#closedError());
    checkJobId(id);
    const tuple = present<ViewTuple>((await this.look("get", id)) as ViewTuple | []);
    return tuple === undefined ? undefined : viewOf(tuple);
  }

  async deleteJob(id: JobId): Promise<boolean> {
    checkOpenly(this.#closed, () => this.#closedError());
    checkJobId(id);
    return (await this.control("delete", id)) === 1;
  }

  async list(query: JobQuery): Promise<Page<JobView>> {
    checkOpenly(this.#closed, () => this.#closedError());
    checkJobQuery(query);
    const { items, cursor } = await this.page(query);
    return cursor === undefined ? { items: items.map(viewOf) } : { items: items.map(viewOf), cursor };
  }

  async listActive(query: { cursor?: string; limit?: number } = {}): Promise<Page<JobView>> {
    checkOpenly(this.#closed, () => this.#closedError());
    checkActiveQuery(query);
    return this.list({ limit: 100, ...query, status: "running" });
  }

  /** One page of a listing, as scripts tell it. */
  async page(query: JobQuery, direction: "forwards" | "backwards" = "forwards"): Promise<Page<ViewTuple>> {
    const { status, limit, task = "", key = "", cursor = "" } = query;
    if (cursor !== "" && !/^\d+:/.test(cursor))
      throw new TaskValidationError(
        { subject: "job query", issues: [{ path: "cursor", message: "was not given out by this queue" }] },
        { hint: "pass the cursor of the page before, or none for the first page" },
      );
    const [next, items] = (await this.look(
      "list",
      LETTERS[status],
      direction,
      limit,
      task,
      key,
      cursor,
      LOOK,
    )) as [string, ViewTuple[]];
    return next === "" ? { items } : { items, cursor: next };
  }

  async count(status?: JobStatus): Promise<number> {
    checkOpenly(this.#closed, () => this.#closedError());
    checkStatus(status);
    return (await this.look("count", status === undefined ? "" : LETTERS[status])) as number;
  }

  getTaskCount(): Promise<number> {
    return this.count("pending");
  }

  async stats(): Promise<QueueStats> {
    const [counts, paused, capacity, oldestPendingMs, workers] = (await this.look("stats")) as [
      number[],
      number,
      number,
      number,
      number,
    ];
    const [waiting = 0, scheduled = 0, pending = 0, running = 0, completed = 0, failed = 0] = counts;
    const [, , , , , , cancelled = 0, expired = 0, retrying = 0] = counts;
    return {
      counts: {
        waiting,
        scheduled: scheduled + retrying,
        pending,
        running,
        completed,
        failed,
        cancelled,
        expired,
      },
      retrying,
      paused: paused === 1,
      workers,
      ...(capacity < 0 ? {} : { capacity }),
      ...(oldestPendingMs < 0 ? {} : { oldestPendingMs }),
    };
  }

  async clear(query: { status?: JobStatus } = {}): Promise<number> {
    checkOpenly(this.#closed, () => this.#closedError());
    checkClearQuery(query);
    let n = 0;
    for (const status of query.status === undefined ? CLEARED : [query.status])
      for (;;) {
        const removed = (await this.control("clear", LETTERS[status], CLEAR_STEP)) as number;
        n += removed;
        if (removed === 0) break;
      }
    return n;
  }

  async results(ids: readonly JobId[]): Promise<readonly JobOutcome[]> {
    checkOpenly(this.#closed, () => this.#closedError());
    checkJobIds(ids);
    const outcomes: JobOutcome[] = [];
    for (let at = 0; at < ids.length; at += RESULTS_STEP) {
      const part = ids.slice(at, at + RESULTS_STEP);
      const tuples = (await this.look("results", ...part)) as (OutcomeTuple | [])[];
      for (const [i, id] of part.entries()) outcomes.push(outcomeOf(id, present<OutcomeTuple>(tuples[i])));
    }
    return outcomes;
  }

  onSettled(ids: readonly JobId[], signal: AbortSignal): AsyncIterable<JobId> {
    if (this.#closed) throw this.#closedError();
    checkSettledWatch(ids, signal);
    return this.#news.follow(ids, signal);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#work.close();
    this.#news.close();
    await this.#shorthands.close();
    await this.#onClose(this);
  }

  async control(operation: string, ...args: readonly ScriptArgument[]): Promise<unknown> {
    if (this.#closed) throw this.#closedError();
    if (!this.#isOpen) await this.open();
    return this.#control(operation, args);
  }

  async look(question: string, ...args: readonly ScriptArgument[]): Promise<unknown> {
    if (this.#closed) throw this.#closedError();
    if (!this.#isOpen) await this.open();
    return this.#connection.read(QUEUE_SCRIPTS.look, this.#keys.hot, ["", "", question, ...args], {
      subject: this.name,
    });
  }

  /**
   * Makes sure, once, that this code may use what is stored.
   *
   * @throws TaskConfigError when newer code laid the queue out anew; QueueUnavailableError.
   */
  open(): Promise<void> {
    return (this.#opening ??= this.#checkLayout().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    }));
  }

  async #checkLayout(): Promise<void> {
    const [layout, oldest] = (await this.#control("layout", [LAYOUT, OLDEST_LAYOUT])) as [string, string];
    if (Number(oldest) > LAYOUT)
      throw new TaskConfigError(
        `queue "${this.name}" has layout ${layout}, which this version of @lexigram/tasks-redis cannot use`,
        { path: "queueName" },
        { hint: "update @lexigram/tasks-redis in this process, or name another queue or namespace" },
      );
    if (this.#policy !== undefined) await this.#setPolicy(this.#policy);
    this.#isOpen = true;
  }

  async #setPolicy(policy: QueuePolicy): Promise<void> {
    const args = policyArguments(policy);
    let answer = await this.#control("policy", args);
    // Rules of somebody else are being applied to the jobs that are there; ours come after.
    while (answer === "busy") answer = await this.#control("policy", args);
    while (answer === "refiling") answer = await this.#control("refile", []);
  }

  #control(operation: string, args: readonly ScriptArgument[]): Promise<unknown> {
    const { wakeChannel, settledChannel, all } = this.#keys;
    return this.#connection.run(
      QUEUE_SCRIPTS.control,
      all,
      [wakeChannel, settledChannel, operation, ...args],
      this.#durable,
    );
  }

  #closedError(): ClosedError {
    return new ClosedError({ resource: `queue "${this.name}"` });
  }

  #noTransactions(): UnsupportedError {
    return new UnsupportedError({ subject: `redis queue "${this.name}"`, capability: "transactions" });
  }
}

/** A closed queue says so, whatever it is called with. */
function checkOpenly(closed: boolean, error: () => ClosedError): void {
  if (closed) throw error();
}

/** Names the jobs whose fate is unknown. */
function withIds(error: unknown, jobs: readonly NewJob[]): unknown {
  if (!(error instanceof QueueUnavailableError) || error.fields.accepted !== "unknown") return error;
  return new QueueUnavailableError({ ...error.fields, ids: jobs.map(({ id }) => id) }, { cause: error.cause });
}

function chanceName(random: Random): string {
  const part = (): string => Math.floor(random() * 2 ** 32).toString(36);
  return part() + part();
}
