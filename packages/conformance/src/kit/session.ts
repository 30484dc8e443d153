import type {
  Claim,
  Delivery,
  Enqueued,
  EnqueueManyOptions,
  ExchangeReply,
  ExchangeRequest,
  NewJob,
  Receipt,
  Result,
  Settlement,
  TaskQueueError,
  TaskQueueProtocol,
} from "@lexigram/contracts";

export interface ExchangePart extends Partial<Claim> {
  readonly settle?: readonly Settlement[];
  readonly started?: readonly (Receipt | Delivery)[];
}

/** One consumer and producer: numbers its calls, and can send its last ones again. */
export class Session {
  readonly queue: TaskQueueProtocol;
  readonly #name: string;
  readonly #leaseMs: number;
  #exchanges = 0;
  #enqueues = 0;
  #lastExchange: ExchangeRequest | undefined;
  #lastEnqueue: { jobs: readonly NewJob[]; options: EnqueueManyOptions } | undefined;

  constructor(queue: TaskQueueProtocol, name: string, leaseMs: number) {
    this.queue = queue;
    this.#name = name;
    this.#leaseMs = leaseMs;
  }

  exchange(part: ExchangePart = {}): Promise<ExchangeReply> {
    this.#lastExchange = {
      session: `${this.#name}:x`,
      seq: ++this.#exchanges,
      settle: part.settle ?? [],
      started: (part.started ?? []).map((s) => (typeof s === "string" ? s : s.receipt)),
      claim: {
        slots: part.slots ?? 0,
        ahead: part.ahead ?? 0,
        leaseMs: part.leaseMs ?? this.#leaseMs,
        maxBytes: part.maxBytes ?? 1_000_000_000,
      },
    };
    return this.queue.exchange(this.#lastExchange);
  }

  /** Sends the last exchange again, through another connection when one is given. */
  resendExchange(through: TaskQueueProtocol = this.queue): Promise<ExchangeReply> {
    if (this.#lastExchange === undefined) throw new Error("no exchange was sent");
    return through.exchange(this.#lastExchange);
  }

  enqueue(jobs: readonly NewJob[]): Promise<readonly Result<Enqueued, TaskQueueError>[]> {
    this.#lastEnqueue = { jobs, options: { session: `${this.#name}:e`, seq: ++this.#enqueues } };
    return this.queue.enqueueMany(jobs, this.#lastEnqueue.options);
  }

  /** Sends the last enqueue again, through another connection when one is given. */
  resendEnqueue(
    through: TaskQueueProtocol = this.queue,
  ): Promise<readonly Result<Enqueued, TaskQueueError>[]> {
    if (this.#lastEnqueue === undefined) throw new Error("no enqueue was sent");
    return through.enqueueMany(this.#lastEnqueue.jobs, this.#lastEnqueue.options);
  }
}
