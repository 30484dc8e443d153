import {
  type Clock,
  ClosedError,
  type ExchangeReply,
  type ExtendReply,
  type JobId,
  LeaseLostError,
  type Receipt,
  type StateStoreProtocol,
  TaskCancelledError,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import { endPasses } from "../breaker/attempt-passes.ts";
import type { CircuitBreaker } from "../breaker/circuit-breaker.ts";
import type { ClaimGate } from "../limit/claim-gate.ts";
import type { QueueLeases } from "../keeper/side-keeper.ts";
import { type Moment, momentOf } from "../observability/moment.ts";
import { Attempt, Stage } from "./attempt.ts";
import type { AttemptRunner } from "./attempt-runner.ts";
import { ClaimAccount } from "./claim-account.ts";
import type { ConsumedQueue } from "./consumed-queue.ts";
import { breakerOf, gateOf } from "./consumer-gate.ts";
import type { ConsumerParts } from "./consumer-parts.ts";
import { ExchangeLine, type LineCall, type LineOwner, MAX_BATCH } from "./exchange-line.ts";
import type { Contender } from "./fair-share.ts";
import { HeldDeliveries } from "./held-deliveries.ts";
import { JobSupply } from "./job-supply.ts";
import { type LeaseHost, LeaseKeeper } from "./lease-keeper.ts";
import { OutcomeStores } from "./outcome-stores.ts";
import { StoreAvailability } from "./store-availability.ts";
import { TaskPlans } from "./task-plan.ts";
import type { WorkerServices } from "./worker-services.ts";
import { ZombieCount } from "./zombie-count.ts";

const CANCEL_REASON = "it was asked for";

/** One queue as this process works on it: what it claims, holds ready, runs and reports. */
export class QueueConsumer implements Contender, LeaseHost, LineOwner {
  readonly name: string;
  readonly queue: TaskQueueProtocol;
  readonly weight: number;
  readonly leaseMs: number;
  readonly maxClaimBytes: number;
  readonly runner: AttemptRunner;
  readonly services: WorkerServices;
  readonly side: QueueLeases | undefined;
  readonly leases: LeaseKeeper;
  readonly availability: StoreAvailability;
  readonly line: ExchangeLine;
  readonly plans: TaskPlans;
  readonly supply: JobSupply;
  readonly zombies = new ZombieCount();
  readonly outcomes: OutcomeStores;
  readonly breaker: CircuitBreaker | undefined;
  readonly state: StateStoreProtocol | undefined;
  readonly #gate: ClaimGate | undefined;
  readonly #parts: ConsumerParts;
  readonly #clock: Clock;
  readonly #account: ClaimAccount;
  readonly #held: HeldDeliveries;
  /** Attempts in a slot without a lease: completed before they ran, or lost. */
  readonly #unleased = new Set<Attempt>();
  #claims = false;

  constructor(binding: ConsumedQueue, parts: ConsumerParts) {
    const { settings, services, activity, wheel } = parts;
    const { clock, random, logger, retryPolicy } = services;
    this.name = binding.name;
    this.queue = binding.queue;
    this.weight = binding.weight;
    this.leaseMs = settings.leaseMs;
    this.maxClaimBytes = settings.maxClaimBytes;
    this.runner = parts.runner;
    this.services = services;
    this.#parts = parts;
    this.#clock = clock;
    this.outcomes = new OutcomeStores(binding, parts);
    this.state = binding.state;
    this.breaker = breakerOf(binding, parts);
    this.#gate = gateOf(binding, parts, this, () => this.leases.size + this.#unleased.size);
    this.#account = new ClaimAccount(parts.crew, binding.concurrency ?? Infinity, this.#gate);
    this.supply = new JobSupply({
      binding,
      account: this.#account,
      settings,
      services,
      onWork: () => parts.host.pump(),
      onError: (error) => this.availability.failed(error),
    });
    this.plans = new TaskPlans({ settings, defaults: binding.defaults, random, logger, retryPolicy });
    this.side = parts.side?.join({
      name: this.name,
      storeName: this.queue.name,
      backend: binding.backend,
    });
    this.leases = new LeaseKeeper(wheel, this);
    this.availability = new StoreAvailability(this.name, services.emitter, logger);
    // Who cannot hold jobs ready has nothing to run while the store answers.
    const apart = !this.queue.capabilities.started;
    this.line = new ExchangeLine({ queue: this.queue, apart, clock, random, logger, activity }, this);
    const onTooLong = settings.prefetch === "auto" ? () => this.#heldTooLong() : undefined;
    this.#held = new HeldDeliveries({ clock, wheel, onTooLong });
  }

  get held(): number {
    return this.#held.size;
  }

  now(): number {
    return this.#clock.monotonic();
  }

  /** Attempts that take a slot. */
  attempts(): Attempt[] {
    return [...[...this.leases].filter((attempt) => attempt.holdsSlot), ...this.#unleased];
  }

  start(sessionName: string): void {
    this.line.start(sessionName);
    this.#claims = true;
    this.supply.start();
  }

  /** Claims nothing any more and hands back what was only held ready. */
  stopClaiming(): void {
    this.#claims = false;
    this.supply.stop();
    this.#account.revokeGrants();
    this.#release(this.#held.takeAll());
  }

  /** Claims nothing for a while and starts nothing that is held ready. */
  pause(isPaused: boolean): void {
    this.#account.paused = isPaused;
    if (isPaused) this.trimHeld(0);
  }

  /** After the last settlement: no lease and no timer of this queue is kept. */
  end(): void {
    this.#gate?.stop();
    this.leases.stop();
    this.#held.takeAll();
  }

  wantsSlot(): boolean {
    if (!this.#claims || !this.#account.hasRoom) return false;
    if (this.#held.size > 0) return true;
    const { hungry, twoCalls } = this.supply;
    if (!hungry || this.line.free(twoCalls, this.#account.granted + 1) === undefined) return false;
    return this.#account.mayClaim;
  }

  takeSlot(): void {
    const now = this.now();
    let attempt = this.#held.shift();
    // A process that stood still gets here before the timer that would tell.
    for (; attempt !== undefined && this.leases.isOver(attempt, now); attempt = this.#held.shift())
      this.#release([attempt]);
    if (attempt === undefined) return this.#account.grant(1);
    this.line.nameStarted(attempt);
    this.#begin(attempt, now);
  }

  /** Sends what has gathered. Slots that nobody else wants are claimed for on the way. */
  flush(): void {
    const account = this.#account;
    account.askGate();
    this.line.report();
    for (let calls = 0; ; calls++) {
      // What one claim could not ask for is not asked for when that has found the queue empty.
      if (!this.supply.hungry) account.revokeGrants();
      const wanted = account.granted + this.supply.roomAhead(this.#held.size, MAX_BATCH);
      if (wanted === 0 && !this.line.worthCall(calls)) return;
      const session = this.line.free(this.supply.twoCalls, wanted);
      if (session === undefined) return;
      if (this.#claims && !this.supply.hungry && this.#held.size === 0)
        account.grant(this.#parts.crew.available);
      const slots = account.claim(MAX_BATCH);
      const ahead = this.supply.roomAhead(this.#held.size, MAX_BATCH - slots);
      account.claimAhead(ahead);
      this.line.send(session, slots, ahead);
    }
  }

  /** Hands back what is held ready beyond what should be. */
  trimHeld(most = this.supply.held): void {
    this.#release(this.#held.takeNewest(Math.max(0, this.#held.size - most)));
  }

  /** An attempt has its outcome, or has none because its lease was lost meanwhile. */
  finished(attempt: Attempt): void {
    this.#leaveSlot(attempt);
    if (attempt.context !== undefined) this.supply.sawAttempt(attempt.durationMs);
    if (attempt.stage === Stage.Settling && attempt.settlement !== undefined) this.line.settle(attempt);
    else if (attempt.stage === Stage.Settling) {
      attempt.stage = Stage.Over;
      this.#parts.host.report(attempt, momentOf(this.#clock));
    }
    this.#parts.host.slotFreed();
  }

  /** An attempt ends without a settlement: its job is another's. */
  dropped(attempt: Attempt): void {
    this.#parts.wheel.remove(attempt);
    this.zombies.abandon(attempt);
    if (attempt.passes !== undefined) endPasses(attempt.passes, undefined);
    attempt.stage = Stage.Over;
    this.#leaveSlot(attempt);
    this.#parts.host.slotFreed();
  }

  /** Stores the completion of a job before it runs. @param then told whether it was stored. */
  settleFirst(attempt: Attempt, then: (stored: boolean) => void): void {
    attempt.settlement = { receipt: attempt.receipt, kind: "complete" };
    attempt.onSettled = then;
    attempt.stage = Stage.Settling;
    this.line.settle(attempt);
    this.#parts.host.askTurn();
  }

  /** A transaction has completed the job of a running attempt, which keeps its slot without a lease. */
  committed(attempt: Attempt): void {
    this.leases.remove(attempt);
    attempt.sent = false;
    attempt.acknowledged = true;
    if (attempt.stage < Stage.Settling) this.#unleased.add(attempt);
  }

  async extend(receipts: readonly Receipt[]): Promise<ExtendReply | undefined> {
    this.#parts.activity.begin();
    try {
      const reply = await this.queue.extend(receipts, this.leaseMs);
      this.availability.answered();
      return reply;
    } catch (error) {
      if (error instanceof ClosedError) this.closed(error);
      else this.availability.failed(error);
      return undefined;
    } finally {
      this.#parts.activity.end();
    }
  }

  leaseLost(attempt: Attempt): void {
    const { stage } = attempt;
    this.leases.remove(attempt);
    if (stage === Stage.Over || attempt.leaseIsLost) return;
    this.#parts.events.leaseLost(attempt);
    const error = new LeaseLostError({ queue: this.name, jobId: attempt.jobId });
    if (stage === Stage.Running || stage === Stage.Stopping) {
      this.#unleased.add(attempt);
      this.runner.stop(attempt, error);
      return;
    }
    attempt.decided = error;
    attempt.stage = Stage.Over;
    if (stage === Stage.Held) this.#held.remove(attempt);
    else this.line.retract(attempt);
    this.#tellFirst(attempt, false);
  }

  cancelRequested(attempt: Attempt): void {
    if (attempt.cancelRequested || attempt.stage >= Stage.Settling) return;
    attempt.cancelRequested = true;
    const error = new TaskCancelledError({ jobId: attempt.jobId, reason: CANCEL_REASON });
    if (attempt.stage !== Stage.Held) {
      attempt.abort(error);
      return this.runner.interrupt(attempt);
    }
    this.#held.remove(attempt);
    this.runner.cancel(attempt, error, CANCEL_REASON);
  }

  /** Somebody asked for a job's cancellation: the store knows whether that is so. */
  checkCancelled(id: JobId): void {
    for (const attempt of this.leases) if (attempt.jobId === id) void this.leases.renewNow(attempt);
  }

  replied(call: LineCall, reply: ExchangeReply, sentAt: number): void {
    const at = momentOf(this.#clock);
    const now = at.monotonic;
    this.availability.answered();
    this.#account.unclaimAhead(call.ahead);
    this.supply.sawCall(now - sentAt);
    const lost: ReadonlySet<Receipt> | undefined = reply.lost.length === 0 ? undefined : new Set(reply.lost);
    for (const attempt of call.settling) this.#settled(attempt, lost?.has(attempt.receipt) !== true, at);
    if (lost !== undefined)
      for (const attempt of call.begun)
        // Its settlement may have overtaken this call; the store's answer to that is the truth.
        if (lost.has(attempt.receipt) && attempt.leased && !attempt.sent) this.leaseLost(attempt);
    if (reply.cancelled.length > 0) {
      const cancelled = new Set(reply.cancelled);
      for (const attempt of this.leases) if (cancelled.has(attempt.receipt)) this.cancelRequested(attempt);
    }
    const gathered = this.line.hasNews;
    // All are leases before the first of them runs, and may block the loop.
    const attempts = reply.deliveries.map((delivery) => new Attempt(delivery, this, sentAt));
    for (const attempt of attempts) this.leases.add(attempt);
    for (const attempt of attempts) this.#take(attempt, sentAt, now, call);
    this.#account.unclaim(call.reserved);
    this.#gate?.answered(call.slots, call.slots - call.reserved);
    if (this.#claims) {
      this.supply.judge(call.slots + call.ahead, reply);
      this.trimHeld(reply.paused || this.#account.paused ? 0 : Math.max(this.supply.held, call.ahead));
    }
    // What gathered while the call was under way goes out at once; what was begun just now, with the next turn.
    if (gathered) this.#parts.host.pump();
    else this.#parts.host.askTurn();
  }

  abandoned(call: LineCall): void {
    this.#gate?.answered(call.slots, 0);
    this.#account.unclaimAhead(call.ahead);
    this.#account.unclaim(call.reserved);
    for (const attempt of call.settling) {
      this.leases.remove(attempt);
      attempt.stage = Stage.Over;
      this.#tellFirst(attempt, false);
    }
  }

  /** Only a queue that is closed while it is worked on is worth a word. */
  closed(error: unknown): void {
    if (this.#claims) this.availability.failed(error);
  }

  failed(error: unknown, call: LineCall): void {
    this.availability.failed(error);
    // Other queues may have the slots meanwhile; what the answer brings takes what is free then.
    this.#account.unclaim(call.reserved);
    call.reserved = 0;
    this.#parts.host.askTurn();
  }

  #settled(attempt: Attempt, stored: boolean, at: Moment): void {
    this.leases.remove(attempt);
    attempt.sent = false;
    this.outcomes.answered(attempt, stored);
    if (attempt.onSettled !== undefined) return this.#tellFirst(attempt, stored);
    attempt.stage = Stage.Over;
    if (stored) this.#parts.host.report(attempt, at);
    else if (attempt.outcome.kind !== "released") this.#parts.events.leaseLost(attempt);
  }

  #tellFirst(attempt: Attempt, stored: boolean): void {
    const then = attempt.onSettled;
    attempt.onSettled = undefined;
    if (then === undefined) return;
    if (stored) this.#unleased.add(attempt);
    then(stored);
  }

  #take(attempt: Attempt, sentAt: number, now: number, call: LineCall): void {
    const { delivery } = attempt;
    this.#parts.events.received(attempt);
    // A resent claim may have been answered when its leases were nearly over; what was handed back meanwhile comes first.
    const isLate = attempt.leaseDeadline <= now || (!delivery.started && this.#held.isBehind(sentAt));
    if (!this.#claims || isLate || this.#gate?.refuses() === true) return this.#release([attempt]);
    if (delivery.started && call.reserved > 0) {
      call.reserved--;
      this.#account.unclaim(1);
    }
    if (delivery.started && this.#parts.crew.available > 0 && this.#account.hasRoom)
      this.#begin(attempt, this.now());
    else this.#held.push(attempt, now);
  }

  #begin(attempt: Attempt, now: number): void {
    attempt.member = this.#account.take();
    attempt.holdsSlot = true;
    if (this.breaker !== undefined) attempt.passes = [this.breaker.enter()];
    this.runner.begin(attempt, now);
  }

  #leaveSlot(attempt: Attempt): void {
    this.#unleased.delete(attempt);
    if (!attempt.holdsSlot) return;
    attempt.holdsSlot = false;
    this.#account.release(attempt.member!);
  }

  /** Hands deliveries back that were not begun. */
  #release(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) {
      attempt.settlement = { receipt: attempt.receipt, kind: "release", delayMs: 0 };
      attempt.outcome = { kind: "released" };
      attempt.stage = Stage.Settling;
      this.line.settle(attempt);
    }
    if (attempts.length > 0) this.#parts.host.askTurn();
  }

  /** What was to be quick turned out slow: what waits behind it may run elsewhere. */
  #heldTooLong(): void {
    this.supply.slowDown();
    this.#release(this.#held.takeAll());
  }
}
