import type { Delivery, ExchangeReply } from "@lexigram/contracts";
import type { ClaimAccount } from "./claim-account.ts";
import { mayClaimAhead } from "./claim-ahead.ts";
import type { ConsumedQueue } from "./consumed-queue.ts";
import { Prefetch } from "./prefetch.ts";
import { WorkWaiter } from "./work-waiter.ts";
import type { WorkerServices } from "./worker-services.ts";
import type { WorkerSettings } from "./worker-settings.ts";

/** From so many slots and held jobs on, a second exchange keeps the store busy while the first is under way. */
const TWO_CALLS_FROM = 500;
/** UTF-8 bytes of one UTF-16 unit, at most. */
const MOST_BYTES_PER_UNIT = 3;

export interface SupplyParts {
  readonly binding: ConsumedQueue;
  readonly account: ClaimAccount;
  readonly settings: WorkerSettings;
  readonly services: WorkerServices;
  readonly onWork: () => void;
  readonly onError: (error: unknown) => void;
}

/** Judges how much to claim from a queue, and when to look again. */
export class JobSupply {
  readonly #parts: SupplyParts;
  readonly #prefetch: Prefetch;
  readonly #waiter: WorkWaiter;
  #ended = 0;
  #endedMs = 0;

  constructor(parts: SupplyParts) {
    const { binding, settings, services, onWork, onError } = parts;
    this.#parts = parts;
    this.#prefetch = new Prefetch(settings.prefetch);
    this.#waiter = new WorkWaiter({
      queue: binding.queue,
      clock: services.clock,
      pollIntervalMs: settings.pollIntervalMs,
      onWork,
      onError,
    });
  }

  /** Whether a claim may find something. */
  get hungry(): boolean {
    return this.#waiter.hungry;
  }

  /** Whether two calls may be under way at once. */
  get twoCalls(): boolean {
    return this.#parts.account.slots + this.held >= TWO_CALLS_FROM;
  }

  /** Jobs to hold ready beyond the slots. */
  get held(): number {
    return this.#prefetch.target(this.#parts.account.slots);
  }

  /** Jobs to claim beyond the slots, `most` at most, when so many are held already. */
  roomAhead(held: number, most: number): number {
    if (!this.#waiter.hungry || this.#parts.account.paused) return 0;
    return Math.min(most, Math.max(0, this.held - held - this.#parts.account.claimingAhead));
  }

  start(): void {
    this.#waiter.start();
    void this.readPolicy();
  }

  stop(): void {
    this.#waiter.stop();
  }

  /** Looks anew whether the queue's rules leave room for claiming ahead. */
  async readPolicy(): Promise<void> {
    const { binding, services } = this.#parts;
    this.#prefetch.allow(false);
    const allowed = await mayClaimAhead(binding, services.sharedLimits?.holdsFor(binding.name) ?? false);
    this.#prefetch.allow(allowed);
    if (allowed) this.#parts.onWork();
  }

  sawAttempt(durationMs: number): void {
    this.#ended++;
    this.#endedMs += durationMs;
  }

  /** @param ms from the moment the call was sent to its answer. */
  sawCall(ms: number): void {
    this.#prefetch.sawExchange(ms);
    if (this.#ended > 0) this.#prefetch.sawAttempts(this.#ended, this.#endedMs);
    this.#ended = 0;
    this.#endedMs = 0;
  }

  /** What a claim brought says about the next one. */
  judge(asked: number, reply: ExchangeReply): void {
    const { deliveries } = reply;
    if (deliveries.length > 0) this.#waiter.foundWork();
    if (asked === 0) return;
    if (!reply.paused && (deliveries.length >= asked || this.#mayBeCut(deliveries)))
      this.#waiter.mayHaveMore();
    else this.#waiter.ranDry(reply.nextDueInMs);
  }

  /** Jobs that were held ready had to wait. */
  slowDown(): void {
    this.#prefetch.slowDown();
  }

  /** Whether a claim may have ended at its limit of bytes rather than for want of jobs. */
  #mayBeCut(deliveries: readonly Delivery[]): boolean {
    let units = 0;
    for (const { job } of deliveries) units += job.body.data.length;
    return units * MOST_BYTES_PER_UNIT >= this.#parts.settings.maxClaimBytes;
  }
}
