import type { Claim, Clock, Delivery, Receipt } from "@lexigram/contracts";
import type { IndexedWork } from "../job-index/indexed-work.ts";
import type { Held, HeldDeliveries } from "./held-deliveries.ts";
import type { Intake } from "./intake.ts";
import { recordOf } from "./message.ts";
import type { ReadyMessage } from "./ready-message.ts";

export interface ClaimsParts {
  readonly clock: Clock;
  readonly intake: Intake;
  readonly held: HeldDeliveries;
  /** Absent without an index of jobs. */
  readonly work: IndexedWork | undefined;
  /** Part of every receipt. */
  readonly mark: string;
}

type HandedOut = Pick<Held, "receipt" | "message" | "indexed"> & Pick<Delivery, "recoveries">;

/** Takes what lies ready and hands it out on leases. */
export class Claims {
  readonly #parts: ClaimsParts;

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
  }

  /**
   * Claims while the server reads the acknowledgements of the same call; what it brings goes back when nothing can be said
   * of these.
   */
  async claim(claim: Claim, read: Promise<void> | undefined): Promise<Delivery[]> {
    const { work } = this.#parts;
    const messages = await this.#claimed(claim, read);
    const receiptOf = (message: ReadyMessage): Receipt => this.#receiptOf(message);
    const handedOut: readonly HandedOut[] =
      work === undefined
        ? messages.map((message) => {
            const { recoveries } = message;
            return { message, receipt: receiptOf(message), recoveries };
          })
        : await work.admit(messages, claim, receiptOf);
    return handedOut.map((one) => this.#handOut(one, claim.leaseMs));
  }

  async #claimed({ slots, maxBytes }: Claim, read: Promise<void> | undefined): Promise<ReadyMessage[]> {
    const { intake } = this.#parts;
    if (read === undefined) return intake.claim(slots, maxBytes, !intake.isFlushing);
    const claiming = intake.claim(slots, maxBytes, false);
    const [, claimed] = await Promise.allSettled([read, claiming]);
    try {
      await read;
    } catch (error) {
      if (claimed.status === "fulfilled") for (const message of claimed.value) intake.giveBack(message, true);
      throw error;
    }
    return claiming;
  }

  #handOut({ message, receipt, recoveries, indexed }: HandedOut, leaseMs: number): Delivery {
    const { clock, held } = this.#parts;
    held.add({ receipt, message, deadline: clock.monotonic() + leaseMs, indexed });
    const { facts } = message;
    return {
      job: recordOf(message),
      receipt,
      attempt: facts.attempts + 1,
      recoveries,
      deferrals: facts.deferrals,
      leaseMs,
      started: true,
    };
  }

  #receiptOf({ generation, tag }: ReadyMessage): Receipt {
    return `${this.#parts.mark}.${generation}.${tag}r` as Receipt;
  }
}
