import {
  type Claim,
  type Clock,
  type ExchangeReply,
  type Logger,
  type Random,
  serializeError,
  type Settlement,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import type { Activity } from "./activity.ts";
import { type Attempt, Stage } from "./attempt.ts";
import { ExchangeSession } from "./exchange-session.ts";

/** Settlements, and jobs claimed, of one call at most. */
export const MAX_BATCH = 500;
/** What makes a second call worth sending while one is under way. */
const SECOND_CALL_BATCH = 64;

const NO_REPLY: ExchangeReply = { lost: [], cancelled: [], deliveries: [], paused: false };

/** Who owns a line. */
export interface LineOwner {
  readonly leaseMs: number;
  readonly maxClaimBytes: number;
  /** The store has spoken: about these outcomes, these starts, this claim. */
  replied(call: LineCall, reply: ExchangeReply, sentAt: number): void;
  /** Nothing will be known of these. */
  abandoned(call: LineCall): void;
  /** The queue was closed: no call of it will be answered. */
  closed(error: unknown): void;
  /** A call was not answered and will be sent again. */
  failed(error: unknown, call: LineCall): void;
}

/** What one exchange was about. */
export interface LineCall {
  readonly settling: readonly Attempt[];
  readonly begun: readonly Attempt[];
  readonly slots: number;
  readonly ahead: number;
  /** Slots that are still kept free for what it brings. */
  reserved: number;
}

export interface LineParts {
  readonly queue: TaskQueueProtocol;
  /** Whether outcomes go out by themselves, so that no claim waits for the store's answer to them. */
  readonly apart: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly activity: Activity;
}

/**
 * The exchanges of one queue. Outcomes, and starts of deliveries that were claimed ahead, gather here and go out
 * together with the next claim: one call at a time, or two for many slots. Apart, one call of each kind may be under way.
 */
export class ExchangeLine {
  readonly #parts: LineParts;
  readonly #owner: LineOwner;
  #sessions: ExchangeSession[] = [];
  #outcomes: Attempt[] = [];
  #begun: Attempt[] = [];
  #inFlight = 0;
  #givenUp = false;
  #onQuiet: (() => void) | undefined = undefined;

  constructor(parts: LineParts, owner: LineOwner) {
    this.#parts = parts;
    this.#owner = owner;
  }

  /** Begins anew, under names that no earlier call had. */
  start(name: string): void {
    this.#givenUp = false;
    this.#sessions = [0, 1].map((n) => new ExchangeSession(`${name}:${n}`, this.#parts, () => this.#givenUp));
  }

  /** Outcomes that were not sent. */
  get waiting(): number {
    return this.#outcomes.length;
  }

  get hasNews(): boolean {
    return this.#outcomes.length > 0 || this.#begun.length > 0;
  }

  /** Whether what has gathered is worth a call, after so many in this turn. What is left after a full call is; a trickle waits. */
  worthCall(calls: number): boolean {
    if (this.#parts.apart) return false;
    return calls === 0 ? this.hasNews : this.waiting >= MAX_BATCH;
  }

  settle(attempt: Attempt): void {
    this.#outcomes.push(attempt);
  }

  nameStarted(attempt: Attempt): void {
    this.#begun.push(attempt);
  }

  /** Takes an outcome back that was not sent. */
  retract(attempt: Attempt): void {
    this.#outcomes = this.#outcomes.filter((other) => other !== attempt);
  }

  /**
   * The session on which a claim could be sent now, if there is one.
   *
   * @param second whether a second call may be under way.
   * @param wanted slots and jobs beyond them that it would ask for.
   */
  free(second: boolean, wanted: number): ExchangeSession | undefined {
    const [first, other] = this.#sessions;
    if (this.#parts.apart) return other?.busy === false ? other : undefined;
    if (first?.busy === false) return first;
    const worthIt = second && this.#outcomes.length + wanted >= SECOND_CALL_BATCH;
    return worthIt && other?.busy === false ? other : undefined;
  }

  /** Sends a claim, with what has gathered unless that goes by itself. @param session one that is free. */
  send(session: ExchangeSession, slots: number, ahead: number): void {
    const gathered = this.#parts.apart ? { settling: [], begun: [] } : this.#gathered();
    this.#begin(session, { ...gathered, slots, ahead, reserved: slots });
  }

  /** Sends what has gathered by itself, where that is the way of this line and no such call is under way. */
  report(): void {
    const [session] = this.#sessions;
    if (!this.#parts.apart || session === undefined || session.busy || !this.hasNews) return;
    this.#begin(session, { ...this.#gathered(), slots: 0, ahead: 0, reserved: 0 });
  }

  /** Takes what the next call tells. */
  #gathered(): Pick<LineCall, "settling" | "begun"> {
    const settling = this.#outcomes.length <= MAX_BATCH ? this.#outcomes : this.#outcomes.slice(0, MAX_BATCH);
    this.#outcomes = settling === this.#outcomes ? [] : this.#outcomes.slice(MAX_BATCH);
    // What ended since is told by its settlement alone: a start named after it would be refused.
    const begun = this.#begun.filter(({ stage }) => stage === Stage.Running || stage === Stage.Stopping);
    this.#begun = [];
    return { settling, begun };
  }

  #begin(session: ExchangeSession, call: LineCall): void {
    session.busy = true;
    this.#inFlight++;
    this.#parts.activity.begin();
    void this.#run(session, call);
  }

  /** Resolves when nothing waits and nothing is under way. */
  quiet(): Promise<void> {
    if (this.#inFlight === 0 && !this.hasNews) return Promise.resolve();
    return new Promise((resolve) => (this.#onQuiet = resolve));
  }

  /** Ends the wait for a store that does not answer. */
  giveUp(): void {
    this.#givenUp = true;
    const settling = this.#outcomes;
    this.#outcomes = [];
    this.#begun = [];
    this.#owner.abandoned({ settling, begun: [], slots: 0, ahead: 0, reserved: 0 });
    for (const session of this.#sessions) session.wake();
    this.#checkQuiet();
  }

  async #run(session: ExchangeSession, call: LineCall): Promise<void> {
    const settle: Settlement[] = [];
    for (const attempt of call.settling) {
      attempt.sent = true;
      settle.push(attempt.settlement!);
    }
    const started = call.begun.map((attempt) => attempt.receipt);
    const { leaseMs, maxClaimBytes } = this.#owner;
    const claim: Claim = { slots: call.slots, ahead: call.ahead, leaseMs, maxBytes: maxClaimBytes };
    const answer = await session.send(settle, started, claim, (error) => this.#owner.failed(error, call));
    try {
      if (answer.kind === "unanswerable") await this.#singly(session, call);
      // From here on it may be busy again: what the owner hears can make it send the next call.
      session.busy = false;
      if (answer.kind === "reply") this.#owner.replied(call, answer.reply, answer.sentAt);
      else if (answer.kind === "abandoned") {
        this.#owner.abandoned(call);
        if (answer.closed !== undefined) this.#owner.closed(answer.closed);
      }
    } catch (error) {
      this.#parts.logger.error("the loop of a queue failed", { error: serializeError(error) });
    }
    this.#inFlight--;
    this.#parts.activity.end();
    this.#checkQuiet();
  }

  /** The store breaks on a call: each of its settlements is sent by itself, so that one cannot hold up the others. */
  async #singly(session: ExchangeSession, call: LineCall): Promise<void> {
    const claim: Claim = { slots: 0, ahead: 0, leaseMs: this.#owner.leaseMs, maxBytes: 1 };
    this.#owner.replied({ ...call, settling: [], begun: [] }, NO_REPLY, this.#parts.clock.monotonic());
    for (const attempt of call.settling) {
      const one: LineCall = { settling: [attempt], begun: [], slots: 0, ahead: 0, reserved: 0 };
      const answer =
        call.settling.length === 1
          ? undefined
          : await session.send([attempt.settlement!], [], claim, (error) => this.#owner.failed(error, one));
      if (answer?.kind === "reply") {
        this.#owner.replied(one, answer.reply, answer.sentAt);
        continue;
      }
      this.#parts.logger.error("the outcome of a job could not be settled; it will run again", {
        task: attempt.taskName,
        job: attempt.jobId,
      });
      this.#owner.abandoned(one);
    }
  }

  #checkQuiet(): void {
    if (this.#inFlight > 0 || this.hasNews) return;
    this.#onQuiet?.();
    this.#onQuiet = undefined;
  }
}
