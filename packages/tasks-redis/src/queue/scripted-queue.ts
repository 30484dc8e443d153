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
  type Random,
  type Receipt,
  type Result,
  type Settlement,
  type TaskQueueError,
  type TaskQueueProtocol,
  TaskValidationError,
  type TransactionHandle,
  TransitionNotAllowedError,
  UnsupportedError,
} from "@lexigram/contracts";
import type { RedisConnection } from "../connection/redis-connection.ts";
import { acceptanceOf, judgedJobs, mixedPriority } from "./enqueue-call.ts";
import {
  exchangeArguments,
  exchangeReplyOf,
  type ExchangeTuple,
  receiptArguments,
  refuseStale,
} from "./exchange-call.ts";
import { dataOf, encodingOf } from "./job-content.ts";
import { outcomeOf, type OutcomeTuple, present, viewOf, type ViewTuple } from "./job-view.ts";
import { pageOf, STATUS_LETTERS } from "./job-listing.ts";
import { QueueScripts } from "./queue-scripts.ts";
import { RedisDeadLetters } from "./redis-dead-letters.ts";
import { SettledNews } from "./settled-news.ts";
import { WorkSignal } from "./work-signal.ts";

const DEFAULT_ENQUEUE_TIMEOUT_MS = 10_000;
/** Jobs that one step of `clear` removes. */
const CLEAR_STEP = 500;
/** Ids whose outcome one step reads. */
const RESULTS_STEP = 1_000;
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

/** A queue on Redis: every method is one script, which is one atomic step of the server. */
export class ScriptedQueue implements TaskQueueProtocol {
  readonly name: string;
  readonly capabilities = FULL_CAPABILITIES;
  readonly deadLetters: RedisDeadLetters;
  readonly #scripts: QueueScripts;
  readonly #onClose: RedisQueueSource["onClose"];
  readonly #shorthands: QueueShorthands;
  readonly #rememberMs: number;
  readonly #work: WorkSignal;
  readonly #news: SettledNews;
  #closed = false;

  constructor(source: RedisQueueSource) {
    const { name, namespace, connection, clock, random, policy } = source;
    this.name = name;
    this.#onClose = source.onClose;
    const enqueueTimeoutMs = source.enqueueTimeoutMs ?? DEFAULT_ENQUEUE_TIMEOUT_MS;
    // Twice the time after which a producer gives up: so long may one of its resends still arrive.
    this.#rememberMs = 2 * enqueueTimeoutMs;
    const scripts = new QueueScripts({ name, namespace, connection, rememberMs: this.#rememberMs, policy });
    this.#scripts = scripts;
    this.#shorthands = new QueueShorthands(this, {
      clock,
      session: `${hostname()}-${process.pid}-${chanceName(random)}`,
      enqueueTimeoutMs,
    });
    this.deadLetters = new RedisDeadLetters(name, scripts);
    this.#work = new WorkSignal({ connection, clock, name, scripts });
    this.#news = new SettledNews({ connection, clock, name, scripts });
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
    this.#scripts.checkOpen();
    checkJobs(jobs);
    checkCall(options);
    if (options.transaction !== undefined) return jobs.map(() => err(this.#noTransactions()));
    const judged = judgedJobs(jobs);
    const sent = this.#scripts.enqueue(judged.valid, options);
    // A worker of this process asks right behind it, in the same packet: the server's word would come a round trip later.
    this.#work.wake();
    const answers = await sent;
    refuseStale(answers, options);
    return acceptanceOf(this.name, jobs, judged, answers);
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    this.#scripts.checkOpen();
    checkExchange(request);
    const args = exchangeArguments(this.#scripts.keys, request, this.#rememberMs);
    const heard = this.#work.asks();
    const reply = (await this.#scripts.exchange(args, request.settle.length > 0)) as ExchangeTuple;
    refuseStale(reply, request);
    // Nothing is claimed until new rules are applied, and who set them may be gone; what fails here, the next does.
    if (reply[5] === 1) await this.#scripts.control("refile").catch(() => {});
    const answer = exchangeReplyOf(reply, request.claim.leaseMs);
    const { slots, ahead } = request.claim;
    if (answer.deliveries.length < slots + ahead && !answer.paused)
      this.#work.foundNoMore(heard, reply[6] ?? 0, answer.nextDueInMs);
    return answer;
  }

  async extend(receipts: readonly Receipt[], leaseMs: number): Promise<ExtendReply> {
    this.#scripts.checkOpen();
    checkExtend(receipts, leaseMs);
    const { wakeChannel, settledChannel } = this.#scripts.keys;
    const args = [wakeChannel, settledChannel, Math.ceil(leaseMs), ...receiptArguments(receipts)];
    const [lost, cancelled] = (await this.#scripts.extend(args)) as [Receipt[], Receipt[]];
    return { lost, cancelled };
  }

  async waitForWork(maxMs: number, signal: AbortSignal): Promise<void> {
    this.#scripts.checkOpen();
    checkWait(maxMs, signal);
    await this.#work.wait(maxMs, signal);
  }

  async settleIn(_transaction: TransactionHandle, _settlement: Settlement): Promise<"settled" | "lost"> {
    this.#scripts.checkOpen();
    throw this.#noTransactions();
  }

  async setPolicy(policy: QueuePolicy): Promise<void> {
    this.#scripts.checkOpen();
    checkPolicy(policy);
    await this.#scripts.setPolicy(policy);
  }

  async getPolicy(): Promise<QueuePolicy> {
    const [policy] = (await this.#scripts.look("meta")) as [string, number];
    return policy === "" ? {} : (JSON.parse(policy) as QueuePolicy);
  }

  async pause(): Promise<void> {
    await this.#scripts.control("pause", 1);
  }

  async resume(): Promise<void> {
    await this.#scripts.control("pause", 0);
  }

  async isPaused(): Promise<boolean> {
    const [, paused] = (await this.#scripts.look("meta")) as [string, number];
    return paused === 1;
  }

  async cancel(id: JobId): Promise<CancelOutcome> {
    this.#scripts.checkOpen();
    checkJobId(id);
    return (await this.#scripts.control("cancel", id)) as CancelOutcome;
  }

  async update(id: JobId, change: JobChange): Promise<Result<JobView, TaskQueueError>> {
    this.#scripts.checkOpen();
    checkJobId(id);
    const issues = changeIssues(change);
    if (issues !== undefined) return err(new TaskValidationError({ subject: "job change", issues }));
    const { runAt, priority, body } = change;
    const answer = (await this.#scripts.control(
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
    this.#scripts.checkOpen();
    checkJobId(id);
    const tuple = present<ViewTuple>((await this.#scripts.look("get", id)) as ViewTuple | []);
    return tuple === undefined ? undefined : viewOf(tuple);
  }

  async deleteJob(id: JobId): Promise<boolean> {
    this.#scripts.checkOpen();
    checkJobId(id);
    return (await this.#scripts.control("delete", id)) === 1;
  }

  async list(query: JobQuery): Promise<Page<JobView>> {
    this.#scripts.checkOpen();
    checkJobQuery(query);
    const { items, cursor } = await pageOf(this.#scripts, query);
    return cursor === undefined ? { items: items.map(viewOf) } : { items: items.map(viewOf), cursor };
  }

  async listActive(query: { cursor?: string; limit?: number } = {}): Promise<Page<JobView>> {
    this.#scripts.checkOpen();
    checkActiveQuery(query);
    return this.list({ limit: 100, ...query, status: "running" });
  }

  async count(status?: JobStatus): Promise<number> {
    this.#scripts.checkOpen();
    checkStatus(status);
    return (await this.#scripts.look("count", status === undefined ? "" : STATUS_LETTERS[status])) as number;
  }

  getTaskCount(): Promise<number> {
    return this.count("pending");
  }

  async stats(): Promise<QueueStats> {
    const [counts, paused, capacity, oldestPendingMs, workers] = (await this.#scripts.look("stats")) as [
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
    this.#scripts.checkOpen();
    checkClearQuery(query);
    let n = 0;
    for (const status of query.status === undefined ? CLEARED : [query.status])
      for (;;) {
        const answer = await this.#scripts.control("clear", STATUS_LETTERS[status], CLEAR_STEP);
        const [removed, mayBeMore] = answer as [number, number];
        n += removed;
        if (mayBeMore === 0) break;
      }
    return n;
  }

  async results(ids: readonly JobId[]): Promise<readonly JobOutcome[]> {
    this.#scripts.checkOpen();
    checkJobIds(ids);
    const told = this.#news.outcomesOf(ids);
    if (told !== undefined) return told;
    const outcomes: JobOutcome[] = [];
    for (let at = 0; at < ids.length; at += RESULTS_STEP) {
      const part = ids.slice(at, at + RESULTS_STEP);
      const tuples = (await this.#scripts.outcomes(part)) as (OutcomeTuple | [])[];
      for (const [i, id] of part.entries()) outcomes.push(outcomeOf(id, present<OutcomeTuple>(tuples[i])));
    }
    return outcomes;
  }

  onSettled(ids: readonly JobId[], signal: AbortSignal): AsyncIterable<JobId> {
    this.#scripts.checkOpen();
    checkSettledWatch(ids, signal);
    return this.#news.follow(ids, signal);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#scripts.close();
    this.#work.close();
    this.#news.close();
    await this.#shorthands.close();
    await this.#onClose(this);
  }

  #noTransactions(): UnsupportedError {
    return new UnsupportedError({ subject: `redis queue "${this.name}"`, capability: "transactions" });
  }
}

function chanceName(random: Random): string {
  const part = (): string => Math.floor(random() * 2 ** 32).toString(36);
  return part() + part();
}
