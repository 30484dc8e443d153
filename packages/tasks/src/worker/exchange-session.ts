import {
  type Claim,
  type Clock,
  ClosedError,
  type ExchangeReply,
  type ExchangeRequest,
  QueueUnavailableError,
  type Random,
  type Receipt,
  type Settlement,
  type TaskQueueProtocol,
} from "@lexigram/contracts";
import type { Activity } from "./activity.ts";

const FIRST_RESEND_MS = 25;
const LONGEST_RESEND_MS = 2_000;
/** How often a call that fails for no reason of availability is repeated before it counts as unanswerable. */
const UNEXPECTED_TRIES = 3;

export interface SessionParts {
  readonly queue: TaskQueueProtocol;
  readonly clock: Clock;
  readonly random: Random;
  readonly activity: Activity;
}

export type SessionAnswer =
  | { readonly kind: "reply"; readonly reply: ExchangeReply; readonly sentAt: number }
  /** Given up by `stopped`, or the queue was closed (`closed`): nothing is known of the call. */
  | { readonly kind: "abandoned"; readonly closed?: ClosedError }
  /** The store breaks on this very call, again and again. */
  | { readonly kind: "unanswerable"; readonly error: unknown };

/**
 * One line of named calls to a queue, one in flight at a time. A call that gets no answer is sent again under the
 * same number with the same body, so the store applies it once.
 */
export class ExchangeSession {
  readonly #name: string;
  readonly #parts: SessionParts;
  readonly #stopped: () => boolean;
  #seq = 0;
  #wake: (() => void) | undefined = undefined;
  busy = false;

  /** @param stopped whether to give up instead of sending again. */
  constructor(name: string, parts: SessionParts, stopped: () => boolean) {
    this.#name = name;
    this.#parts = parts;
    this.#stopped = stopped;
  }

  /** Never rejects. @param failed told each time that no answer came. */
  async send(
    settle: readonly Settlement[],
    started: readonly Receipt[],
    claim: Claim,
    failed: (error: unknown) => void,
  ): Promise<SessionAnswer> {
    const request: ExchangeRequest = { session: this.#name, seq: ++this.#seq, settle, started, claim };
    // A lease that is handed out again by a resend has run since the call was first sent.
    const { queue, clock, activity } = this.#parts;
    const sentAt = clock.monotonic();
    let unexpected = 0;
    for (let tries = 0; ; tries++) {
      try {
        return { kind: "reply", reply: await queue.exchange(request), sentAt };
      } catch (error) {
        if (error instanceof ClosedError) return { kind: "abandoned", closed: error };
        failed(error);
        if (this.#stopped()) return { kind: "abandoned" };
        if (!(error instanceof QueueUnavailableError) && ++unexpected >= UNEXPECTED_TRIES)
          return { kind: "unanswerable", error };
        // Between two tries nothing is under way; only time can go on.
        activity.end();
        await this.#pause(tries);
        activity.begin();
        if (this.#stopped()) return { kind: "abandoned" };
      }
    }
  }

  /** Ends a wait between two tries. */
  wake(): void {
    this.#wake?.();
  }

  #pause(tries: number): Promise<void> {
    const longest = Math.min(FIRST_RESEND_MS * 2 ** Math.min(tries, 16), LONGEST_RESEND_MS);
    const { clock, random } = this.#parts;
    return new Promise((resolve) => {
      const timer = clock.setTimer(resolve, longest * (0.5 + 0.5 * random()));
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
