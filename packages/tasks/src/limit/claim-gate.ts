import { type Clock, ClosedError, type TaskQueueProtocol, type Timer } from "@lexigram/contracts";
import type { CircuitBreaker } from "../breaker/circuit-breaker.ts";
import type { PermitUser } from "./permit-hand.ts";
import type { Tolls } from "./shared-limits.ts";

export interface ClaimGateParts {
  readonly queue: TaskQueueProtocol;
  readonly clock: Clock;
  readonly tolls: Tolls | undefined;
  readonly breaker: CircuitBreaker | undefined;
  /** Counts what is under way, for tests that wait until nothing is. */
  readonly activity: { begin(): void; end(): void };
  /** Leases of this queue in this process. */
  readonly leases: () => number;
  /** Something may be claimed now. */
  readonly onReady: () => void;
  readonly onError: (error: unknown) => void;
  readonly onLost: () => void;
}

/** Permits of other processes come free without a word. Milliseconds. */
const PERMIT_POLL_MS = 100;
const RETRY_MS = 1_000;

/**
 * What stands before the claims of one queue: permits and tokens of limits over several queues, a breaker. Both are taken
 * for free slots before a claim goes out, and what it did not use is given back; no job is held that has to wait.
 */
export class ClaimGate implements PermitUser {
  readonly #parts: ClaimGateParts;
  /** Slots granted to the next claim, and of claims under way. */
  #spoken = 0;
  #asking = false;
  /** Somebody was told that there is nothing. */
  #isMissed = false;
  /** Jobs that the queue had when it was last counted and that were not claimed since; others may have claimed some. */
  #backlog = 0;
  /** Jobs that a claim for nothing brought and that went back; a count may not see them yet. */
  #handedBack = 0;
  /** The queue looked empty: one claim may find out for nothing. */
  #look = false;
  /** Slots of such a claim under way: what it brings goes back. */
  #unpaid = 0;
  #stopped = false;
  #timer: Timer | undefined;
  readonly #probes: PermitUser;
  readonly #watch: Disposable | undefined;

  constructor(parts: ClaimGateParts) {
    this.#parts = parts;
    for (const hand of parts.tolls?.permits ?? []) hand.add(this);
    this.#probes = { used: () => (parts.breaker?.status === "half-open" ? this.#spoken : 0) };
    parts.breaker?.probes.add(this.#probes);
    this.#watch = parts.breaker?.onChange(() => this.#changed());
  }

  used(): number {
    return this.#parts.leases() + this.#spoken;
  }

  permitsLost(): void {
    this.#parts.onLost();
  }

  /** Slots that may be spoken for besides those that are. */
  get allowance(): number {
    const { breaker, tolls } = this.#parts;
    let n = breaker?.allowance ?? Infinity;
    if (tolls !== undefined) {
      for (const hand of tolls.permits) n = Math.min(n, hand.free);
      if (tolls.tokens !== undefined) n = Math.min(n, tolls.tokens.inHand);
    }
    if (n > 0) return n;
    return this.#look && this.#spoken === 0 ? 1 : 0;
  }

  /** Whether one slot more may be spoken for. Where not, what is missing is taken by the next `ask`. */
  opens(): boolean {
    if (this.allowance > 0) return true;
    this.#isMissed = true;
    return false;
  }

  /**
   * Takes what somebody missed since. Called once a turn, so that slots which come free together are asked for together.
   *
   * @param wanted slots, at best.
   */
  ask(wanted: number): void {
    if (!this.#isMissed || wanted === 0) return;
    this.#isMissed = false;
    this.#ask(wanted);
  }

  /** So many slots go to the next claim. */
  speakFor(n: number): void {
    if (n === 0) return;
    this.#spoken += n;
    if (this.#look) this.#unpaid = n;
    else this.#parts.tolls?.tokens?.spend(n);
  }

  /** Slots of a claim that was answered. @param used of them. */
  answered(n: number, used: number): void {
    if (n > 0 && !this.#look) this.#handedBack = 0;
    this.#backlog = used < n ? 0 : this.#backlog - used;
    this.#leave(n, used);
  }

  /** Slots of a claim that will not go out. */
  revoked(n: number): void {
    this.#leave(n, 0);
  }

  #leave(n: number, used: number): void {
    this.#spoken -= n;
    if (n > 0 && this.#look) this.#look = false;
    else this.#parts.tolls?.tokens?.back(n, n - used);
    this.#unpaid = 0;
    if (used < n) this.freed();
  }

  /** Whether a delivery was claimed for nothing and has to go back. */
  refuses(): boolean {
    if (this.#unpaid === 0) return false;
    this.#unpaid--;
    this.#handedBack++;
    return true;
  }

  /** A lease is over. */
  freed(): void {
    for (const hand of this.#parts.tolls?.permits ?? []) hand.freed();
    if (this.#parts.breaker?.status === "half-open") this.#parts.breaker.probes.freed();
  }

  stop(): void {
    this.#stopped = true;
    this.#watch?.[Symbol.dispose]();
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const hand of this.#parts.tolls?.permits ?? []) hand.remove(this);
    this.#parts.breaker?.probes.remove(this.#probes);
  }

  /** The breaker stands elsewhere: there is no need to wait any longer. */
  #changed(): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#parts.onReady();
  }

  #ask(wanted: number): void {
    // A claim under way may empty the queue, so that what is taken now would be taken in vain.
    if (this.#asking || this.#spoken > 0 || this.#timer !== undefined || this.#stopped) return;
    this.#asking = true;
    const { activity, onError } = this.#parts;
    activity.begin();
    this.#take(wanted)
      .catch((error: unknown) => {
        if (!(error instanceof ClosedError)) onError(error);
        return RETRY_MS;
      })
      .then((retryInMs) => {
        if (retryInMs === undefined) return;
        this.#asking = false;
        this.#later(retryInMs);
      })
      .finally(() => activity.end())
      .catch(onError);
  }

  /** There is something to claim with. */
  #go(): undefined {
    this.#asking = false;
    if (!this.#stopped) this.#parts.onReady();
  }

  /** @returns when to ask again; `undefined` when there was something to claim with. */
  async #take(wanted: number): Promise<number | undefined> {
    const { queue, breaker, tolls } = this.#parts;
    let n = wanted;
    if (breaker !== undefined) {
      n = Math.min(n, await breaker.admit(n));
      if (n <= 0) return breaker.retryInMs;
    }
    if (tolls === undefined) return this.#go();
    if (this.#backlog < n) this.#backlog = Math.max(await queue.getTaskCount(), this.#handedBack);
    // What is due is found by a claim alone, and an empty queue must take nothing from the others.
    this.#look = this.#backlog === 0;
    if (this.#look) return this.#go();
    n = Math.min(n, this.#backlog);
    for (const hand of tolls.permits) {
      n = Math.min(n, await hand.want(n));
      if (n <= 0) return this.#gaveUp(PERMIT_POLL_MS);
    }
    if (tolls.tokens === undefined) return this.#go();
    const { inHand, retryInMs = PERMIT_POLL_MS } = await tolls.tokens.take(n, () => this.#go());
    return inHand > 0 ? undefined : this.#gaveUp(retryInMs);
  }

  #gaveUp(retryInMs: number): number {
    this.freed();
    return retryInMs;
  }

  #later(ms: number): void {
    if (this.#stopped) return;
    this.#timer = this.#parts.clock.setTimer(
      () => {
        this.#timer = undefined;
        this.#parts.onReady();
      },
      Math.max(1, Math.ceil(ms)),
    );
  }
}
