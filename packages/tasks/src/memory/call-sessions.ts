import type { CallName, Delivery, Enqueued, Receipt, Result, TaskQueueError } from "@lexigram/contracts";
import { staleCall } from "@lexigram/contracts";
import { SlotHeap } from "./slot-heap.ts";

/** The last call of a session, with what it was answered. */
class Session<T> {
  readonly name: string;
  seq = 0;
  answer: T;
  forgetAt = 0;
  slot = -1;

  constructor(name: string, answer: T) {
    this.name = name;
    this.answer = answer;
  }
}

class ForgetHeap<T> extends SlotHeap<Session<T>> {
  protected override slotOf(session: Session<T>): number {
    return session.slot;
  }
  protected override place(session: Session<T>, slot: number): void {
    session.slot = slot;
  }
}

/** What an exchange told of settlements, starts and claims. */
export interface ExchangeAnswer {
  readonly lost: readonly Receipt[];
  readonly deliveries: readonly Delivery[];
}

export type EnqueueAnswer = readonly Result<Enqueued, TaskQueueError>[];

/**
 * Remembers, for a time, the last call of each session, so that a resend is answered and not applied. Instants are of
 * the monotonic clock.
 */
export class CallSessions<T> {
  readonly #sessions = new Map<string, Session<T>>();
  readonly #forgetting = new ForgetHeap<T>();

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * @returns what the call was answered, when it was applied before.
   * @throws TaskValidationError when a later call of the session was applied.
   */
  recall(call: CallName, now: number): T | undefined {
    this.sweep(now, 8);
    const session = this.#sessions.get(call.session);
    if (session === undefined || call.seq > session.seq || session.forgetAt <= now) return undefined;
    if (call.seq === session.seq) return session.answer;
    throw staleCall(call, session.seq);
  }

  remember(call: CallName, answer: T, now: number, forMs: number): void {
    let session = this.#sessions.get(call.session);
    if (session === undefined) {
      session = new Session(call.session, answer);
      this.#sessions.set(call.session, session);
    }
    session.seq = call.seq;
    session.answer = answer;
    session.forgetAt = Math.max(session.forgetAt, now + forMs);
    this.#forgetting.set(session, session.forgetAt);
  }

  sweep(now: number, budget: number): void {
    for (let n = budget; n > 0 && this.#forgetting.topKey <= now; n--) {
      const session = this.#forgetting.shift();
      if (session !== undefined) this.#sessions.delete(session.name);
    }
  }
}
