import { hostname } from "node:os";
import {
  checkCall,
  checkClearQuery,
  checkExchange,
  checkExtend,
  checkJobs,
  checkStatus,
  checkWait,
  type Clock,
  ClosedError,
  type Delivery,
  type Enqueued,
  type EnqueueManyOptions,
  type ExchangeReply,
  type ExchangeRequest,
  type ExtendReply,
  isTerminal,
  type JobId,
  type JobStatus,
  type NewJob,
  type QueueCapabilities,
  type QueuePolicy,
  QueueShorthands,
  type QueueStats,
  type Random,
  type Receipt,
  type Result,
  type StateStoreProtocol,
  TaskConfigError,
  type TaskQueueError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import type { Broker } from "../connection/broker.ts";
import { IndexedWork } from "../job-index/indexed-work.ts";
import { openIndex } from "../job-index/job-index.ts";
import { QueueNames } from "../topology/names.ts";
import { DELIVERY_LIMIT, type DeclaredRules, type QueueType, Topology } from "../topology/topology.ts";
import { AmqpDeadLetters } from "./amqp-dead-letters.ts";
import { CAPABILITIES, INDEXED_CAPABILITIES } from "./capabilities.ts";
import { Claims } from "./claims.ts";
import { DueTimes } from "./due-times.ts";
import { EnqueueCalls } from "./enqueue-call.ts";
import { HeldDeliveries } from "./held-deliveries.ts";
import { Housekeeping } from "./housekeeping.ts";
import { IndexedCalls } from "./indexed-calls.ts";
import { Intake } from "./intake.ts";
import { LetterShelf } from "./letter-shelf.ts";
import { Publisher } from "./publisher.ts";
import { DEFAULT_RULES, policyOf, rulesOf, sameRules } from "./queue-rules.ts";
import { Replier } from "./replier.ts";
import { openReplies } from "./replies.ts";
import { Sessions } from "./sessions.ts";
import { Settlements } from "./settlements.ts";

/** What a backend opens a queue over. */
export interface BrokerQueueSource {
  readonly name: string;
  readonly namespace: string;
  readonly broker: Broker;
  readonly type: QueueType;
  readonly enqueueTimeoutMs?: number | undefined;
  /** What its queues on the server are declared with. */
  readonly rules?: DeclaredRules | undefined;
  /** Whom the server serves first; absent: all alike. */
  readonly consumerPriority?: number | undefined;
  /** After which the server takes a delivery away that is not acknowledged; absent: never. */
  readonly ackTimeoutMs?: number | undefined;
  /** Milliseconds after which the outcome of a job that was enqueued here counts as lost; absent: none are asked for. */
  readonly replyWithinMs?: number | undefined;
  /** Default 1,000. */
  readonly deliveryLimit?: number | undefined;
  /** Where an index of the jobs is kept; absent: nothing is known of a job but by its message. */
  readonly state?: StateStoreProtocol | undefined;
  /** For how long the index keeps what was not confirmed. Milliseconds. */
  readonly indexLeaseMs?: number | undefined;
  /** Called once, when the queue object is closed. */
  readonly onClose: (queue: TaskQueueProtocol) => Promise<void> | void;
}

/** A queue on RabbitMQ: its jobs are messages, and a delivery is this process's while its channel lasts. */
export class BrokerQueue extends IndexedCalls implements TaskQueueProtocol {
  readonly capabilities: QueueCapabilities;
  readonly deadLetters: AmqpDeadLetters;
  readonly deliveryLimitMs?: number;
  readonly #clock: Clock;
  readonly #onClose: BrokerQueueSource["onClose"];
  readonly #topology: Topology;
  readonly #publisher: Publisher;
  readonly #replier: Replier;
  readonly #intake: Intake;
  readonly #held: HeldDeliveries;
  readonly #work: IndexedWork | undefined;
  readonly #settlements: Settlements;
  readonly #claims: Claims;
  readonly #sessions: Sessions;
  readonly #enqueues: EnqueueCalls;
  readonly #due = new DueTimes();
  readonly #shelf: LetterShelf;
  readonly #shorthands: QueueShorthands;
  /** Part of every receipt of this object, since those of others settle nothing here. */
  readonly #mark: string;
  #closed = false;

  constructor(source: BrokerQueueSource) {
    const { name, namespace, broker, type, rules = DEFAULT_RULES, deliveryLimit = DELIVERY_LIMIT } = source;
    super(
      name,
      openIndex(source, () => this.#topology.rules.keepFailed.ageMs),
      openReplies(source),
    );
    const { index, replies } = this;
    this.capabilities = index === undefined ? CAPABILITIES : INDEXED_CAPABILITIES;
    const { clock, random, callTimeoutMs } = broker;
    this.#clock = clock;
    this.#onClose = source.onClose;
    const { ackTimeoutMs } = source;
    // With an index, what is held for long is acknowledged before.
    if (ackTimeoutMs !== undefined && index === undefined) this.deliveryLimitMs = ackTimeoutMs;
    this.#mark = chanceName(random);
    const names = new QueueNames(namespace, name);
    const [consuming, publishing] = [broker.link("consuming"), broker.link("publishing")];
    const shared = { clock, callTimeoutMs, subject: name };
    const topology = new Topology({ ...shared, link: consuming, names, type, deliveryLimit, rules });
    const publisher = new Publisher({ ...shared, link: publishing, replies });
    const replier = new Replier({ ...shared, link: publishing });
    const housekeeping = new Housekeeping({ clock, topology, publisher, deliveryLimit });
    const held = new HeldDeliveries({
      clock,
      ended: (one) =>
        this.#work === undefined ? this.#intake.giveBack(one.message, false) : this.#work.lapsed(one),
    });
    this.#topology = topology;
    this.#publisher = publisher;
    this.#replier = replier;
    this.#held = held;
    this.#intake = new Intake({
      ...shared,
      link: consuming,
      topology,
      housekeeping,
      consumerPriority: source.consumerPriority,
      expired: (facts) => replier.tell(facts, { status: "expired", attempt: facts.attempts }),
      working: () => held.unacknowledged,
      lost: () => {
        held.lost();
        this.#sessions.lost();
      },
    });
    this.#sessions = new Sessions({ clock, attend: () => this.#intake.attend() });
    const parts = { clock, topology, publisher, housekeeping };
    const working = { ...parts, intake: this.#intake, held, replier, subject: name };
    this.#work = index === undefined ? undefined : new IndexedWork({ ...working, index, ackTimeoutMs });
    this.#claims = new Claims({ ...working, work: this.#work, mark: this.#mark });
    this.#settlements = new Settlements({ ...working, work: this.#work });
    const hasReplies = replies !== undefined;
    this.#enqueues = new EnqueueCalls({ ...parts, queue: name, due: this.#due, hasReplies, index });
    this.#shelf = new LetterShelf({ ...shared, link: consuming, topology });
    this.deadLetters = new AmqpDeadLetters({
      queue: name,
      clock,
      topology,
      publisher,
      shelf: this.#shelf,
      checkOpen: () => this.checkOpen(),
      index,
      mark: this.#mark,
    });
    this.#shorthands = new QueueShorthands(this, {
      clock,
      session: `${hostname()}-${process.pid}-${this.#mark}`,
      ...(source.enqueueTimeoutMs === undefined ? {} : { enqueueTimeoutMs: source.enqueueTimeoutMs }),
    });
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
    this.checkOpen();
    checkJobs(jobs);
    checkCall(options);
    if (options.transaction !== undefined) throw this.unsupported("transactions");
    return this.#enqueues.enqueue(jobs, options);
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    this.checkOpen();
    checkExchange(request);
    const { settle, started, claim } = request;
    if (claim.ahead > 0) throw this.unsupported("started");
    const session = this.#sessions.begin(request, claim.leaseMs);
    await this.#intake.ready();
    await this.#sessions.attend(session);
    this.#held.expire();
    const { paused = false } = (await this.#work?.brief()) ?? {};
    const lost = started.filter((receipt) => this.#held.get(receipt) === undefined);
    const applied = await this.#settlements.apply(settle, session.settled);
    lost.push(...applied.lost);
    const deliveries = await this.#claims.claim(paused ? { ...claim, slots: 0 } : claim, applied.read);
    const nextDueInMs = this.#nextDueInMs();
    return {
      lost,
      cancelled: this.#work?.cancelled ?? [],
      deliveries,
      paused,
      ...(nextDueInMs === undefined ? {} : { nextDueInMs }),
    };
  }

  async extend(receipts: readonly Receipt[], leaseMs: number): Promise<ExtendReply> {
    this.checkOpen();
    checkExtend(receipts, leaseMs);
    this.#held.expire();
    const deadline = this.#clock.monotonic() + leaseMs;
    for (const receipt of receipts)
      if (this.#held.get(receipt)?.lease === undefined) this.#held.extend(receipt, deadline);
    await this.#work?.renew(receipts, leaseMs);
    // A lease of a delivery that the server waits for does not hang on the store that the index lies in.
    await this.#work?.brief().catch(() => {});
    const asked = new Set(receipts);
    return {
      lost: receipts.filter((receipt) => this.#held.get(receipt) === undefined),
      cancelled: this.#work?.cancelled.filter((receipt) => asked.has(receipt)) ?? [],
    };
  }

  async waitForWork(maxMs: number, signal: AbortSignal): Promise<void> {
    this.checkOpen();
    checkWait(maxMs, signal);
    const leftMs = (await this.#work?.whilePaused(maxMs, signal)) ?? maxMs;
    await this.#intake.wait(leftMs, signal);
  }

  /**
   * Rules are arguments of queues of the server: they are set by whoever declares these first, and stay.
   *
   * @throws TaskConfigError when the queues are there with others; UnsupportedError for what the server cannot keep.
   */
  async setPolicy(policy: QueuePolicy): Promise<void> {
    this.checkOpen();
    const rules = rulesOf(policy, this.name);
    await this.index?.control.keep(policy.keepCompleted);
    if (sameRules(rules, this.#topology.rules)) return;
    await this.#topology.declareWith(rules);
  }

  async getPolicy(): Promise<QueuePolicy> {
    this.checkOpen();
    const { keepCompleted } = (await this.index?.control.read()) ?? {};
    return { ...policyOf(this.#topology.rules), ...(keepCompleted === undefined ? {} : { keepCompleted }) };
  }

  /**
   * Without an index and a status: the jobs that lie ready, those that wait as far as this object knows of them, and
   * those that run here. With an index the call costs as much as there are records.
   */
  async count(status?: JobStatus): Promise<number> {
    this.checkOpen();
    checkStatus(status);
    if (this.index !== undefined) {
      await this.quiet();
      return this.index.count((own) => (status === undefined ? !isTerminal(own) : own === status));
    }
    if (status === "pending") return this.getTaskCount();
    if (status !== undefined) throw this.unsupported("lookup");
    return (await this.getTaskCount()) + (await this.#scheduled()) + this.#held.size;
  }

  async getTaskCount(): Promise<number> {
    this.checkOpen();
    if (!(await this.#isThere())) return 0;
    return sum(await this.#topology.counts(this.#topology.names.bands)) + this.#intake.buffered;
  }

  async stats(): Promise<QueueStats> {
    this.checkOpen();
    await this.#sessions.settled();
    const { names, rules } = this.#topology;
    const [workers, dead, ...bands] = await this.#topology.counts([
      names.workers,
      names.dead,
      ...names.bands,
    ]);
    return {
      counts: {
        waiting: 0,
        scheduled: await this.#scheduled(),
        pending: sum(bands) + this.#intake.buffered,
        running: this.#held.size,
        completed: 0,
        failed: dead?.messageCount ?? 0,
        cancelled: 0,
        expired: 0,
      },
      retrying: 0,
      paused: await this.isPaused(),
      workers: workers?.consumerCount ?? 0,
      ...(rules.maxSize === undefined ? {} : { capacity: rules.maxSize }),
    };
  }

  async clear(query: { status?: JobStatus } = {}): Promise<number> {
    this.checkOpen();
    checkClearQuery(query);
    const { names } = this.#topology;
    const waiting = this.#topology.rungs;
    const cleared = {
      pending: names.bands,
      scheduled: waiting,
      failed: [names.dead],
    } as Partial<Record<JobStatus, readonly string[]>>;
    const queues =
      query.status === undefined ? [...waiting, ...names.bands, names.dead] : cleared[query.status];
    if (queues === undefined && this.index === undefined) throw this.unsupported("lookup");
    let n = 0;
    for (const queue of queues ?? []) n += await this.#topology.purge(queue);
    if (this.index === undefined) return n;
    await this.quiet();
    return this.index.clear((own) => query.status === undefined || own === query.status);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#shorthands.close();
    this.#sessions.close();
    await this.#work?.close();
    await this.#intake.close();
    this.#held.drop();
    this.replies?.close();
    await this.#replier.close();
    await Promise.all([this.#publisher.close(), this.#shelf.close(), this.#topology.close()]);
    await this.#onClose(this);
  }

  /** Whoever is sent messages unasked needs no clock to learn that one is due. */
  #nextDueInMs(): number | undefined {
    const lease = this.#held.nextEndInMs();
    const due = this.#intake.isSent ? undefined : this.#due.nextInMs(this.#clock.monotonic());
    if (lease === undefined || due === undefined) return lease ?? due;
    return Math.min(lease, due);
  }

  /** Declares nothing that is not there: rules to declare it with may be about to be set. */
  async #isThere(): Promise<boolean> {
    if (!(await this.#topology.exists())) return false;
    try {
      await this.#topology.ensure();
    } catch (error) {
      if (!(error instanceof TaskConfigError) || error.fields.path === "queueType") throw error;
    }
    return true;
  }

  async #scheduled(): Promise<number> {
    return sum(await this.#topology.counts(this.#topology.rungs));
  }

  protected override async quiet(): Promise<void> {
    this.#held.expire();
    await this.#work?.quiet();
  }

  protected override checkOpen(): void {
    if (this.#closed) throw new ClosedError({ resource: `queue "${this.name}"` });
  }
}

function sum(counts: readonly { readonly messageCount: number }[]): number {
  return counts.reduce((n, { messageCount }) => n + messageCount, 0);
}

function chanceName(random: Random): string {
  const part = (): string => Math.floor(random() * 2 ** 32).toString(36);
  return part() + part();
}
