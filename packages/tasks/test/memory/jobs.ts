import { ManualClock } from "@lexigram/conformance";
import type {
  Claim,
  Delivery,
  Enqueued,
  ExchangeReply,
  NewJob,
  QueuePolicy,
  Receipt,
  Result,
  Settlement,
  TaskBackend,
  TaskQueueError,
  TaskQueueProtocol,
} from "@lexigram/contracts";
import { memoryBackend, type MemoryBackendOptions } from "../../src/memory/memory-backend.ts";

let named = 0;

export function job(given: Partial<NewJob> = {}): NewJob {
  return {
    id: `job-${++named}`,
    task: "task",
    body: { data: "{}", encoding: "json" },
    headers: {},
    priority: 5,
    ...given,
  };
}

export const failure = { name: "Error", message: "it broke" };

/** A worker and producer on a queue of its own, on a clock that stands still until it is moved. */
export class Bench {
  readonly clock = new ManualClock();
  readonly backend: TaskBackend;
  readonly queue: TaskQueueProtocol;
  #enqueueSeq = 0;
  #exchangeSeq = 0;

  constructor(options: MemoryBackendOptions = {}) {
    this.backend = memoryBackend({ clock: this.clock, ...options });
    this.queue = this.backend.queue("bench");
  }

  static async withPolicy(policy: QueuePolicy): Promise<Bench> {
    const bench = new Bench();
    await bench.queue.setPolicy(policy);
    return bench;
  }

  put(...jobs: NewJob[]): Promise<readonly Result<Enqueued, TaskQueueError>[]> {
    return this.queue.enqueueMany(jobs, { session: "producer", seq: ++this.#enqueueSeq });
  }

  exchange(
    part: Partial<Claim> & {
      settle?: readonly Settlement[];
      started?: readonly Receipt[];
      session?: string;
    } = {},
  ): Promise<ExchangeReply> {
    const { settle = [], started = [], session = "worker", ...claim } = part;
    return this.queue.exchange({
      session,
      seq: ++this.#exchangeSeq,
      settle,
      started,
      claim: { slots: 0, ahead: 0, leaseMs: 15_000, maxBytes: 1e9, ...claim },
    });
  }

  async claim(slots: number, ahead = 0): Promise<readonly Delivery[]> {
    return (await this.exchange({ slots, ahead })).deliveries;
  }

  async claimIds(slots: number, ahead = 0): Promise<readonly string[]> {
    return (await this.claim(slots, ahead)).map((delivery) => delivery.job.id);
  }

  complete(...deliveries: readonly Delivery[]): Promise<ExchangeReply> {
    return this.exchange({ settle: deliveries.map(({ receipt }) => ({ receipt, kind: "complete" })) });
  }

  fail(...deliveries: readonly Delivery[]): Promise<ExchangeReply> {
    return this.exchange({
      settle: deliveries.map(({ receipt }) => ({ receipt, kind: "fail", error: failure })),
    });
  }

  /** Claims one at a time and completes each. @returns the ids in the order they came. */
  async drain(): Promise<string[]> {
    const ids: string[] = [];
    for (;;) {
      const deliveries = await this.claim(1);
      if (deliveries.length === 0) return ids;
      ids.push(...deliveries.map((delivery) => delivery.job.id));
      await this.complete(...deliveries);
    }
  }
}
