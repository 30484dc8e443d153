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
  checkSettlement,
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
  type QueueCapabilities,
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
} from "@lexigram/contracts";
import { fromOrderedText, toOrderedText } from "../connection/ordered-text.ts";
import type { StoredSchema } from "../migrations/stored-schema.ts";
import { clientOf, refuseEnded } from "./caller-transaction.ts";
import { acceptanceOf, judgedJobs, mixedPriority } from "./enqueue-call.ts";
import {
  isPlain,
  receiptOf,
  receiptValues,
  refuseStale,
  replyOf,
  type ReplyHead,
  settlementValue,
  settlementValues,
} from "./exchange-call.ts";
import { pageOf } from "./job-listing.ts";
import {
  countsOf,
  outcomeOf,
  STATUS_LETTERS,
  statusOf,
  viewOf,
  type ViewRow,
  viewRowOf,
} from "./job-view.ts";
import { PostgresDeadLetters } from "./postgres-dead-letters.ts";
import { QueueCalls } from "./queue-calls.ts";
import { SettledNews } from "./settled-news.ts";
import { storedBody, whole } from "./stored-job.ts";
import { WorkSignal } from "./work-signal.ts";

/** Every capability at its strongest. */
const CAPABILITIES: QueueCapabilities = { ...FULL_CAPABILITIES, transactions: true };

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
export interface PostgresQueueSource {
  readonly name: string;
  readonly stored: StoredSchema;
  readonly clock: Clock;
  readonly random: Random;
  readonly enqueueTimeoutMs?: number | undefined;
  /** Rules to set when the queue is first used; absent: those that are stored stay. */
  readonly policy?: QueuePolicy | undefined;
  /** Called once, when the queue object is closed. */
  readonly onClose: (queue: TaskQueueProtocol) => Promise<void> | void;
}

/** A queue on PostgreSQL: every method is one function of the schema, which is one transaction of the server. */
export class StoredQueue implements TaskQueueProtocol {
  readonly name: string;
  readonly capabilities: QueueCapabilities = CAPABILITIES;
  readonly deadLetters: PostgresDeadLetters;
  readonly #calls: QueueCalls;
  readonly #onClose: PostgresQueueSource["onClose"];
  readonly #shorthands: QueueShorthands;
  readonly #rememberMs: number;
  readonly #work: WorkSignal;
  readonly #news: SettledNews;
  #closed = false;

  constructor(source: PostgresQueueSource) {
    const { name, stored, clock, random, policy } = source;
    this.name = name;
    this.#onClose = source.onClose;
    const enqueueTimeoutMs = source.enqueueTimeoutMs ?? DEFAULT_ENQUEUE_TIMEOUT_MS;
    // Twice the time after which a producer gives up: so long may one of its resends still arrive.
    this.#rememberMs = 2 * enqueueTimeoutMs;
    const calls = new QueueCalls({ name, stored, rememberMs: this.#rememberMs, policy });
    this.#calls = calls;
    this.#shorthands = new QueueShorthands(this, {
      clock,
      session: `${hostname()}-${process.pid}-${chanceName(random)}`,
      enqueueTimeoutMs,
    });
    this.deadLetters = new PostgresDeadLetters(name, calls);
    const { database } = stored;
    this.#work = new WorkSignal({ database, clock, name, calls });
    this.#news = new SettledNews({ database, clock, name, calls });
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
    this.#calls.checkOpen();
    checkJobs(jobs);
    checkCall(options);
    const judged = judgedJobs(jobs);
    if (options.transaction !== undefined) {
      const client = clientOf(options.transaction);
      const answers = await this.#calls.enqueueIn(client, judged.valid);
      return acceptanceOf(this.name, jobs, judged, answers);
    }
    const { stale, answers } = await this.#calls.enqueue(judged.valid, options);
    refuseStale(stale as number | null, options);
    const given = typeof answers === "string" ? (JSON.parse(answers) as string[]) : [];
    return acceptanceOf(this.name, jobs, judged, given);
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    this.#calls.checkOpen();
    checkExchange(request);
    const { session, seq, settle, started, claim } = request;
    const heard = this.#work.heard;
    const lost: Receipt[] = [];
    const rows = await this.#calls.exchange({
      name: [`x${toOrderedText(session)}`, seq],
      settles: settlementValues(settle, lost),
      starts: receiptValues(started, lost),
      claim: [count(claim.slots), count(claim.ahead), whole(claim.leaseMs), whole(claim.maxBytes)],
      isPlain: isPlain(settle, started),
    });
    const head = JSON.parse(String(rows[0]?.["head"])) as ReplyHead;
    refuseStale(head.stale, request);
    this.#calls.tell(head.news);
    const answer = replyOf(head, rows, lost, claim.leaseMs);
    if (answer.deliveries.length < claim.slots + claim.ahead && !answer.paused)
      this.#work.foundNoMore(heard, answer.nextDueInMs);
    return answer;
  }

  async extend(receipts: readonly Receipt[], leaseMs: number): Promise<ExtendReply> {
    this.#calls.checkOpen();
    checkExtend(receipts, leaseMs);
    const none: Receipt[] = [];
    const held = receiptValues(receipts, none);
    const answer = await this.#calls.value("extend", held, whole(leaseMs));
    const { lost, cancelled } = JSON.parse(String(answer)) as Record<"lost" | "cancelled", string[]>;
    return { lost: [...none, ...lost.map(receiptOf)], cancelled: cancelled.map(receiptOf) };
  }

  async waitForWork(maxMs: number, signal: AbortSignal): Promise<void> {
    this.#calls.checkOpen();
    checkWait(maxMs, signal);
    await this.#work.wait(maxMs, signal);
  }

  async settleIn(transaction: TransactionHandle, settlement: Settlement): Promise<"settled" | "lost"> {
    this.#calls.checkOpen();
    checkSettlement(settlement);
    const client = clientOf(transaction);
    refuseEnded(client);
    const value = settlementValue(settlement);
    if (value === undefined) return "lost";
    return (await this.#calls.settleIn(client, value)) ? "settled" : "lost";
  }

  async inTransaction<T>(work: (transaction: TransactionHandle) => Promise<T>): Promise<T> {
    return this.#calls.inTransaction(work);
  }

  async setPolicy(policy: QueuePolicy): Promise<void> {
    this.#calls.checkOpen();
    checkPolicy(policy);
    await this.#calls.setPolicy(policy);
  }

  async getPolicy(): Promise<QueuePolicy> {
    const { policy } = await this.#calls.row("meta");
    return JSON.parse(String(policy)) as QueuePolicy;
  }

  async pause(): Promise<void> {
    this.#calls.tell(await this.#calls.value("pause", true));
  }

  async resume(): Promise<void> {
    this.#calls.tell(await this.#calls.value("pause", false));
  }

  async isPaused(): Promise<boolean> {
    return (await this.#calls.row("meta"))["paused"] === true;
  }

  async cancel(id: JobId): Promise<CancelOutcome> {
    this.#calls.checkOpen();
    checkJobId(id);
    return (await this.#calls.row("cancel", toOrderedText(id)))["answer"] as CancelOutcome;
  }

  async update(id: JobId, change: JobChange): Promise<Result<JobView, TaskQueueError>> {
    this.#calls.checkOpen();
    checkJobId(id);
    const issues = changeIssues(change);
    if (issues !== undefined) return err(new TaskValidationError({ subject: "job change", issues }));
    const { runAt, priority, body } = change;
    const [encoding, data] = body === undefined ? [null, null] : storedBody(body);
    const { answer, job } = await this.#calls.row(
      "update",
      toOrderedText(id),
      runAt === undefined ? null : Math.max(0, whole(runAt)),
      priority ?? null,
      encoding,
      data,
    );
    const [verdict, ...about] = JSON.parse(String(answer)) as string[];
    switch (verdict) {
      case "missing":
        return err(new JobNotFoundError({ queue: this.name, jobId: id }));
      case "state": {
        const [from = "", to] = about;
        return err(new TransitionNotAllowedError({ jobId: id, from: statusOf(from), to: to as JobState }));
      }
      case "mixed":
        return err(mixedPriority(fromOrderedText(about[1] ?? ""), Number(about[0])));
      default:
        return ok(viewOf(viewRowOf(job) as ViewRow));
    }
  }

  async getJob(id: JobId): Promise<JobView | undefined> {
    this.#calls.checkOpen();
    checkJobId(id);
    const row = viewRowOf(await this.#calls.value("get", toOrderedText(id)));
    return row === undefined ? undefined : viewOf(row);
  }

  async deleteJob(id: JobId): Promise<boolean> {
    this.#calls.checkOpen();
    checkJobId(id);
    return (await this.#calls.row("delete", toOrderedText(id)))["answer"] === true;
  }

  async list(query: JobQuery): Promise<Page<JobView>> {
    this.#calls.checkOpen();
    checkJobQuery(query);
    const { items, cursor } = await pageOf(this.#calls, query);
    return cursor === undefined ? { items: items.map(viewOf) } : { items: items.map(viewOf), cursor };
  }

  async listActive(query: { cursor?: string; limit?: number } = {}): Promise<Page<JobView>> {
    this.#calls.checkOpen();
    checkActiveQuery(query);
    return this.list({ limit: 100, ...query, status: "running" });
  }

  async count(status?: JobStatus): Promise<number> {
    this.#calls.checkOpen();
    checkStatus(status);
    const counts = countsOf(await this.#calls.value("counts"));
    if (status !== undefined) return counts[status];
    const { waiting, scheduled, retrying, pending, running } = counts;
    return waiting + scheduled + retrying + pending + running;
  }

  getTaskCount(): Promise<number> {
    return this.count("pending");
  }

  async stats(): Promise<QueueStats> {
    const { counts, paused, capacity, oldest, workers } = await this.#calls.row("stats");
    const { retrying, ...states } = countsOf(counts);
    return {
      counts: { ...states, scheduled: states.scheduled + retrying },
      retrying,
      paused: paused === true,
      workers: Number(workers),
      ...(capacity === null ? {} : { capacity: Number(capacity) }),
      ...(oldest === null ? {} : { oldestPendingMs: Math.max(0, Number(oldest)) }),
    };
  }

  async clear(query: { status?: JobStatus } = {}): Promise<number> {
    this.#calls.checkOpen();
    checkClearQuery(query);
    let n = 0;
    for (const status of query.status === undefined ? CLEARED : [query.status])
      for (;;) {
        const { answer } = await this.#calls.row("clear", STATUS_LETTERS[status], CLEAR_STEP);
        n += Number(answer);
        if (answer === 0) break;
      }
    return n;
  }

  async results(ids: readonly JobId[]): Promise<readonly JobOutcome[]> {
    this.#calls.checkOpen();
    checkJobIds(ids);
    const outcomes: JobOutcome[] = [];
    for (let at = 0; at < ids.length; at += RESULTS_STEP) {
      const part = ids.slice(at, at + RESULTS_STEP);
      const rows = await this.#calls.rows("outcomes", JSON.stringify(part.map(toOrderedText)));
      for (const [i, id] of part.entries())
        outcomes.push(outcomeOf(id, rows[i] as unknown as Parameters<typeof outcomeOf>[1]));
    }
    return outcomes;
  }

  onSettled(ids: readonly JobId[], signal: AbortSignal): AsyncIterable<JobId> {
    this.#calls.checkOpen();
    checkSettledWatch(ids, signal);
    return this.#news.follow(ids, signal);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#calls.close();
    this.#work.close();
    this.#news.close();
    await this.#shorthands.close();
    await this.#onClose(this);
  }
}

/** More than any worker has slots. */
const count = (n: number): number => Math.min(n, 1_000_000);

function chanceName(random: Random): string {
  const part = (): string => Math.floor(random() * 2 ** 32).toString(36);
  return part() + part();
}
