import {
  checkJobs,
  type Clock,
  ClosedError,
  type Enqueued,
  InterruptibleWait,
  type NewJob,
  ok,
  type OutboxProtocol,
  type OutboxReply,
  type OutboxRequest,
  type Result,
  type TaskQueueError,
  type TransactionHandle,
} from "@lexigram/contracts";
import { channelOf } from "../connection/channel.ts";
import { toOrderedText } from "../connection/ordered-text.ts";
import type { Row } from "../connection/pg-clients.ts";
import type { Statement } from "../connection/statement.ts";
import type { StoredSchema } from "../migrations/stored-schema.ts";
import { clientOf } from "../queue/caller-transaction.ts";
import { judgedJobs } from "../queue/enqueue-call.ts";
import { jobOfOutbox, outboxJob } from "./outbox-job.ts";

/** Bytes of the jobs of a batch, at most; one is given whatever its size. */
const LARGEST_BATCH = 4 * 1024 * 1024;
/** A notification may be missed. */
const LOOK_AGAIN_MS = 1_000;

const FUNCTIONS = { open: 1, add: 3, take: 8, rename: 3, release: 2 } as const;
type OutboxFunction = keyof typeof FUNCTIONS;

export interface PostgresOutboxSource {
  /** Of the queue that it leads to. */
  readonly name: string;
  readonly stored: StoredSchema;
  readonly clock: Clock;
  /** Called once, when it is closed. */
  readonly onClose: (outbox: OutboxProtocol) => void;
}

/** An outbox in the tables `outbox_*`: every method is one function of the schema. */
export class PostgresOutbox implements OutboxProtocol {
  readonly #source: PostgresOutboxSource;
  readonly #subject: string;
  readonly #channel: string;
  readonly #statements = new Map<OutboxFunction, Statement>();
  readonly #waits = new Set<InterruptibleWait>();
  #opening: Promise<number> | undefined;
  #listening: Promise<() => void> | undefined;
  /** Notifications that were heard, and how many of them before the last look that found nothing. */
  #heard = 0;
  #emptyAt = -1;
  #closed = false;

  constructor(source: PostgresOutboxSource) {
    this.#source = source;
    this.#subject = `outbox of ${source.name}`;
    this.#channel = channelOf(source.stored.name.name, "outbox", source.name);
  }

  async add(
    transaction: TransactionHandle,
    jobs: readonly NewJob[],
  ): Promise<readonly Result<Enqueued, TaskQueueError>[]> {
    this.#checkOpen();
    checkJobs(jobs);
    const { valid, refusals } = judgedJobs(jobs);
    const client = clientOf(transaction);
    if (valid.length > 0) {
      const route = await this.#route();
      const session = this.#source.stored.database.join(client, { subject: this.#subject });
      const values = [route, JSON.stringify(valid.map(outboxJob)), this.#channel];
      await session.run(this.#statement("add"), values);
    }
    return jobs.map(({ id }, i) => refusals.get(i) ?? ok({ id, outcome: "accepted" as const }));
  }

  async take({ holder, leaseMs, limit, report }: OutboxRequest): Promise<OutboxReply> {
    const heard = this.#heard;
    const [row = {}] = await this.#rows(
      "take",
      holder,
      Math.ceil(leaseMs),
      limit,
      LARGEST_BATCH,
      report?.seq ?? null,
      report?.again ?? [],
      JSON.stringify(report?.refused ?? []),
    );
    const { state, number, session, jobs } = row;
    switch (state) {
      case "b":
        return {
          state: "batch",
          batch: { session: String(session), seq: Number(number), jobs: jobsOf(jobs) },
        };
      case "h":
        return { state: "held", retryInMs: Number(number) };
      default:
        this.#emptyAt = heard;
        return { state: "empty" };
    }
  }

  async rename(holder: string, seq: number): Promise<void> {
    await this.#rows("rename", holder, seq);
  }

  async release(holder: string): Promise<void> {
    await this.#rows("release", holder);
  }

  async waitForJobs(maxMs: number, signal: AbortSignal): Promise<void> {
    this.#checkOpen();
    const wait = new InterruptibleWait(this.#source.clock, signal);
    this.#waits.add(wait);
    try {
      await Promise.race([this.#listen(), wait.over]);
      if (signal.aborted || this.#heard !== this.#emptyAt) return;
      await wait.atMost(Math.min(maxMs, LOOK_AGAIN_MS));
    } finally {
      this.#waits.delete(wait);
      wait.end();
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake();
    this.#listening?.then(
      (end) => end(),
      () => {},
    );
    this.#source.onClose(this);
  }

  #wake(): void {
    this.#heard++;
    for (const wait of this.#waits) wait.wake();
  }

  async #listen(): Promise<void> {
    const wake = (): void => this.#wake();
    this.#listening ??= this.#source.stored.database
      .listen(this.#channel, { message: wake, missed: wake }, this.#subject)
      .then(
        (end) => {
          // What was told before it was heard.
          this.#wake();
          return end;
        },
        (error: unknown) => {
          this.#listening = undefined;
          throw error;
        },
      );
    await this.#listening;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ClosedError({ resource: this.#subject });
  }

  /** The number of its route, which is made outside of any transaction of a caller's. */
  async #route(): Promise<number> {
    this.#opening ??= this.#run("open", [toOrderedText(this.#source.name)]).then(
      ([row]) => Number(row?.["outbox_open"]),
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  async #rows(name: OutboxFunction, ...values: readonly unknown[]): Promise<readonly Row[]> {
    this.#checkOpen();
    return this.#run(name, [await this.#route(), ...values]);
  }

  #run(name: OutboxFunction, values: readonly unknown[]): Promise<readonly Row[]> {
    return this.#source.stored.run(this.#statement(name), values, { subject: this.#subject });
  }

  #statement(name: OutboxFunction): Statement {
    let statement = this.#statements.get(name);
    if (statement === undefined)
      this.#statements.set(name, (statement = this.#source.stored.call(`outbox_${name}`, FUNCTIONS[name])));
    return statement;
  }
}

type TakenJob = readonly [waitedMs: number, job: Parameters<typeof jobOfOutbox>[0]];

function jobsOf(stored: unknown): readonly NewJob[] {
  const jobs = JSON.parse(String(stored)) as readonly TakenJob[];
  return jobs.map(([waitedMs, job]) => jobOfOutbox(job, waitedMs));
}
