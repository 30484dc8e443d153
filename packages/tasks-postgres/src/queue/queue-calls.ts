import {
  ClosedError,
  type EnqueueManyOptions,
  type JobId,
  type NewJob,
  type QueuePolicy,
  QueueUnavailableError,
} from "@lexigram/contracts";
import type { TransactionClient } from "../connection/transaction-client.ts";
import { channelOf } from "../connection/channel.ts";
import { toOrderedText } from "../connection/ordered-text.ts";
import type { Row } from "../connection/pg-clients.ts";
import { isCode } from "../connection/refusals.ts";
import type { Statement } from "../connection/statement.ts";
import type { StoredSchema } from "../migrations/stored-schema.ts";
import { arePlain, loneOfferOf, offersOf } from "./enqueue-call.ts";
import { policyValues } from "./policy-rules.ts";

/** What an exchange is given, as the functions take it. */
export interface ExchangeValues {
  readonly name: readonly [session: string, seq: number];
  readonly settles: string | null;
  readonly starts: string | null;
  readonly claim: readonly number[];
  /** Whether the outcomes are completions, and no delivery is named twice. */
  readonly isPlain: boolean;
}

/** How the head of an answer begins that sends the call the other way. */
const REFUSED = '{"refused":';

/** The news that there is work, and that no job has ended. */
const SOME_WORK = "1[]";

/** What a call answers whose jobs are all accepted. */
const ACCEPTED: Row = Object.freeze({});

/** Whether the short way is worth trying: after a refusal a number of calls go the other one at once. */
class ShortWay {
  readonly #pause: number;
  #judged = 0;

  constructor(pause: number) {
    this.#pause = pause;
  }

  /** To be asked once for each call. */
  get mayBePlain(): boolean {
    return this.#judged === 0 || this.#judged-- === 0;
  }

  refused(): void {
    this.#judged = this.#pause;
  }
}

/** The functions of the queues, and how many values each takes. */
const FUNCTIONS = {
  open: 1,
  enqueue: 5,
  enqueue_plain: 5,
  enqueue_one: 10,
  enqueue_in: 3,
  settle_in: 4,
  exchange: 10,
  exchange_plain: 10,
  extend: 3,
  cancel: 2,
  update: 6,
  delete: 2,
  clear: 3,
  pause: 2,
  set_policy: 9,
  refile: 1,
  await: 1,
  bury: 4,
  redrive: 2,
  unbury: 2,
  each: 7,
  get: 2,
  outcomes: 2,
  counts: 1,
  stats: 1,
  meta: 1,
  letters: 1,
  watch: 3,
  list: 8,
} as const;

export type QueueFunction = keyof typeof FUNCTIONS;

export interface QueueCallsParts {
  readonly name: string;
  readonly stored: StoredSchema;
  /** How long a call is remembered, in milliseconds. */
  readonly rememberMs: number;
  /** Rules to set before the first call; absent: those that are stored stay. */
  readonly policy: QueuePolicy | undefined;
}

/**
 * The functions of one queue. Before the first of them it learns the queue's number, once. After `close` every call
 * rejects with `ClosedError`.
 */
export class QueueCalls {
  /** Told that there may be work. */
  readonly wakeChannel: string;
  /** Told which jobs ended, while somebody waits for some. */
  readonly settledChannel: string;
  readonly #parts: QueueCallsParts;
  readonly #statements = new Map<QueueFunction, Statement>();
  readonly #lone = new ShortWay(100);
  readonly #enqueues = new ShortWay(100);
  readonly #exchanges = new ShortWay(20);
  #opening: Promise<number> | undefined;
  #number: number | undefined;
  #closed = false;

  constructor(parts: QueueCallsParts) {
    this.#parts = parts;
    const { name, stored } = parts;
    this.wakeChannel = channelOf(stored.name.name, "work", name);
    this.settledChannel = channelOf(stored.name.name, "settled", name);
  }

  close(): void {
    this.#closed = true;
  }

  /** @throws ClosedError once it is closed. */
  checkOpen(): void {
    if (this.#closed) throw new ClosedError({ resource: `queue "${this.#parts.name}"` });
  }

  /** Calls a function of the queue. @returns its rows. */
  async rows(name: QueueFunction, ...values: readonly unknown[]): Promise<readonly Row[]> {
    this.checkOpen();
    const number = this.#number ?? (await this.#ready());
    return this.#run(name, [number, ...values]);
  }

  /** Calls a function that answers one row, and passes on what it brought about. */
  async row(name: QueueFunction, ...values: readonly unknown[]): Promise<Row> {
    const [row = {}] = await this.rows(name, ...values);
    this.tell(row["news"]);
    return row;
  }

  /** Calls a function that answers one value. */
  async value(name: QueueFunction, ...values: readonly unknown[]): Promise<unknown> {
    const [row = {}] = await this.rows(name, ...values);
    return row[`queue_${name}`];
  }

  /**
   * Goes the short way where the jobs concern nothing but themselves, until the store refuses it.
   *
   * @returns what the function answers: `stale`, or `answers` of the jobs.
   */
  async enqueue(jobs: readonly NewJob[], { session, seq }: EnqueueManyOptions): Promise<Row> {
    const call = [`e${toOrderedText(session)}`, seq, this.#parts.rememberMs];
    try {
      return (await this.#enqueuePlain(call, jobs)) ?? (await this.row("enqueue", ...call, offersOf(jobs)));
    } catch (error) {
      throw withIds(error, jobs);
    }
  }

  /** @returns nothing where the other way has to judge. */
  async #enqueuePlain(call: readonly unknown[], jobs: readonly NewJob[]): Promise<Row | undefined> {
    try {
      const lone = this.#lone.mayBePlain ? loneOfferOf(jobs) : undefined;
      if (lone !== undefined && (await this.#enqueueOne(call, lone))) return ACCEPTED;
      if (!this.#enqueues.mayBePlain || !arePlain(jobs)) return undefined;
      const row = await this.row("enqueue_plain", ...call, offersOf(jobs));
      if (row["refused"] !== true) return row;
      this.#enqueues.refused();
    } catch (error) {
      // Somebody else stores a job of the same id at the same moment.
      if (!isCode(error, "23505")) throw error;
    }
    return undefined;
  }

  async #enqueueOne(call: readonly unknown[], job: readonly unknown[]): Promise<boolean> {
    const isAccepted = await this.value("enqueue_one", ...call, ...job);
    if (isAccepted === null) this.#lone.refused();
    if (isAccepted !== true) return false;
    this.tell(SOME_WORK);
    return true;
  }

  /** As {@link enqueue}. @returns the rows of an exchange. */
  async exchange({ name, settles, starts, claim, isPlain }: ExchangeValues): Promise<readonly Row[]> {
    const { rememberMs } = this.#parts;
    if (isPlain && this.#exchanges.mayBePlain) {
      const rows = await this.rows("exchange_plain", ...name, rememberMs, settles, starts, ...claim);
      const head = String(rows[0]?.["head"]);
      if (!head.startsWith(REFUSED)) return rows;
      if (head.includes("mostly")) this.#exchanges.refused();
    }
    return this.rows("exchange", ...name, rememberMs, settles, starts, ...claim);
  }

  /**
   * Stores jobs with a transaction of the caller's.
   *
   * @returns the answers of the jobs.
   */
  async enqueueIn(client: TransactionClient, jobs: readonly NewJob[]): Promise<readonly string[]> {
    try {
      const answer = await this.#valueIn(client, "enqueue_in", offersOf(jobs), this.wakeChannel);
      return JSON.parse(answer) as string[];
    } catch (error) {
      throw withIds(error, jobs);
    }
  }

  /** Settles with a transaction of the caller's. @returns whether the delivery was held. */
  async settleIn(client: TransactionClient, settlement: object): Promise<boolean> {
    const values = [JSON.stringify(settlement), this.wakeChannel, this.settledChannel];
    return (await this.#valueIn(client, "settle_in", ...values)) === "settled";
  }

  /** Begins a transaction for some work of the application's, and commits it. */
  async inTransaction<T>(work: (client: TransactionClient) => Promise<T>): Promise<T> {
    await this.#ready();
    const { stored, name: subject } = this.#parts;
    return stored.database.lend({ subject }, work);
  }

  async setPolicy(policy: QueuePolicy): Promise<void> {
    await this.#setPolicy(await this.#ready(), policy);
  }

  /** Tells those who wait what a committed call brought about. */
  tell(news: unknown): void {
    if (typeof news !== "string") return;
    const { database } = this.#parts.stored;
    const from = news.indexOf("[");
    if (from > 0) database.notify(this.wakeChannel);
    if (news.length === from + 2) return;
    for (const part of partsOf(JSON.parse(news.slice(from)) as string[]))
      database.notify(this.settledChannel, part);
  }

  async #valueIn(
    client: TransactionClient,
    name: QueueFunction,
    ...values: readonly unknown[]
  ): Promise<string> {
    const number = await this.#ready();
    const { stored, name: subject } = this.#parts;
    const session = stored.database.join(client, { subject });
    const [row] = await session.run(this.#statement(name), [number, ...values]);
    return String(row?.[`queue_${name}`]);
  }

  #statement(name: QueueFunction): Statement {
    let statement = this.#statements.get(name);
    if (statement === undefined)
      this.#statements.set(name, (statement = this.#parts.stored.call(`queue_${name}`, FUNCTIONS[name])));
    return statement;
  }

  async #ready(): Promise<number> {
    this.checkOpen();
    if (this.#number !== undefined) return this.#number;
    this.#opening ??= this.#open();
    try {
      const number = await this.#opening;
      this.checkOpen();
      return number;
    } finally {
      this.#opening = undefined;
    }
  }

  async #open(): Promise<number> {
    const { name, policy } = this.#parts;
    const [row] = await this.#run("open", [toOrderedText(name)]);
    const number = Number(row?.["queue_open"]);
    if (policy !== undefined) {
      await this.#setPolicy(number, policy);
    }
    this.#number = number;
    return number;
  }

  async #setPolicy(number: number, policy: QueuePolicy): Promise<void> {
    const [set] = await this.#run("set_policy", [number, ...policyValues(policy)]);
    let answer = set?.["queue_set_policy"];
    while (answer === "refiling") {
      const [filed] = await this.#run("refile", [number]);
      answer = filed?.["queue_refile"];
    }
    this.tell(answer);
  }

  #run(name: QueueFunction, values: readonly unknown[]): Promise<readonly Row[]> {
    const { stored, name: subject } = this.#parts;
    return stored.run(this.#statement(name), values, { subject });
  }
}

/** Characters that one notification may hold in any case: four bytes each at most. */
const LONGEST_NEWS = 1_900;

/** Lists of ids, each short enough for one notification. */
function* partsOf(ids: readonly string[]): Iterable<string> {
  let part: string[] = [];
  let length = 0;
  for (const id of ids) {
    if (length + id.length > LONGEST_NEWS && part.length > 0) {
      yield JSON.stringify(part);
      part = [];
      length = 0;
    }
    part.push(id);
    length += id.length + 3;
  }
  yield JSON.stringify(part);
}

/** Names the jobs whose fate is unknown. */
function withIds(error: unknown, jobs: readonly NewJob[]): unknown {
  if (!(error instanceof QueueUnavailableError) || error.fields.accepted !== "unknown") return error;
  const ids: JobId[] = jobs.map(({ id }) => id);
  return new QueueUnavailableError({ ...error.fields, ids }, { cause: error.cause, hint: error.hint });
}
