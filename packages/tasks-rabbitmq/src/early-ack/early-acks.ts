import type { Clock, Receipt, Settlement, Timer } from "@lexigram/contracts";
import { inTime } from "../connection/deadline.ts";
import { unavailable } from "../connection/refusals.ts";
import type { JobIndex } from "../job-index/job-index.ts";
import type { Held, HeldDeliveries } from "../queue/held-deliveries.ts";
import type { Intake } from "../queue/intake.ts";
import type { LeaseRecord } from "./lease-records.ts";

export interface EarlyAcksParts {
  readonly index: JobIndex;
  readonly clock: Clock;
  readonly intake: Intake;
  readonly held: HeldDeliveries;
  readonly subject: string;
  /** After which the server takes a delivery away that is not acknowledged, in milliseconds; absent: never. */
  readonly ackTimeoutMs: number | undefined;
}

/** The part of the server's limit that a delivery is held without a record: as much is left for a store that is away. */
const HELD_PART = 1 / 2;
/** And between two tries to write one. */
const RETRY_PART = 1 / 30;
/** The part of a lease that the store has to renew it, and in which nobody asks for that any more. */
const LAST_PART = 1 / 5;

/**
 * Deliveries that are held for long: each is recorded, and then acknowledged while its attempt runs, so that no limit of
 * the server ends it. From then on the record holds the job, its lease is renewed there, and it is no channel's.
 */
export class EarlyAcks {
  readonly #parts: EarlyAcksParts;
  #timer: Timer | undefined;
  #closed = false;

  constructor(parts: EarlyAcksParts) {
    this.#parts = parts;
    const { held, ackTimeoutMs } = parts;
    if (ackTimeoutMs !== undefined) held.onAdded(() => this.#watch(ackTimeoutMs * HELD_PART));
  }

  /**
   * Renews the leases of those that are recorded. One that the store does not renew until shortly before its end is lost, so
   * that whoever has it stops before somebody else may start it.
   *
   * @throws QueueUnavailableError while there is time to ask again.
   */
  async renew(receipts: readonly Receipt[], leaseMs: number): Promise<void> {
    const { index, held, clock, subject } = this.#parts;
    const lastMs = leaseMs * LAST_PART;
    const deadline = clock.monotonic() + leaseMs;
    let away: unknown;
    await Promise.all(
      receipts.map(async (receipt) => {
        const lease = held.get(receipt)?.lease;
        if (lease === undefined) return;
        let isRenewed = false;
        try {
          isRenewed = await inTime(
            index.leases.renew(lease, leaseMs),
            lastMs,
            clock,
            "the renewal of a lease",
          );
        } catch (error) {
          const one = held.get(receipt);
          if (one === undefined) return;
          if (one.deadline - clock.monotonic() > lastMs) away = error;
          else held.remove(receipt);
          return;
        }
        if (isRenewed) held.extend(receipt, deadline);
        else held.remove(receipt);
      }),
    );
    if (away !== undefined) throw unavailable(subject, away);
  }

  /** Deliveries are about to be settled, and must not be recorded meanwhile. @returns what ends that. */
  async begin(settlements: readonly Settlement[]): Promise<() => void> {
    const { held } = this.#parts;
    const settling: Held[] = [];
    for (const { receipt } of settlements) {
      const one = held.get(receipt);
      if (one === undefined) continue;
      one.isSettling = true;
      settling.push(one);
    }
    for (const { recording } of settling) if (recording !== undefined) await recording;
    return () => {
      for (const one of settling) one.isSettling = false;
    };
  }

  /** A job has ended, or a message holds it again. */
  async forget({ lease }: Held): Promise<void> {
    if (lease === undefined) return;
    try {
      await this.#parts.index.leases.forget(lease);
    } catch {
      // Whoever finds the record finds that its lease is over, and nothing is to be done.
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    for (const { recording } of this.#parts.held.all()) await recording;
  }

  #watch(inMs: number): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = this.#parts.clock.setTimer(() => this.#look(), inMs, { keepAlive: false });
  }

  /** Records what was held for long enough, and looks again when the next may have been. */
  #look(): void {
    const { held, clock, ackTimeoutMs = Infinity } = this.#parts;
    this.#timer = undefined;
    const now = clock.monotonic();
    let nextInMs = Infinity;
    for (const one of held.all()) {
      // Of a job that the index does not know nothing can be recorded.
      if (one.indexed === undefined || one.lease !== undefined) continue;
      const { since = now } = one;
      const leftMs = since + ackTimeoutMs * HELD_PART - now;
      if (leftMs <= 0 && one.recording === undefined && !one.isSettling) {
        one.recording = this.#record(one)
          .catch(() => {
            // Its message is the server's still; the next look tries again.
          })
          .finally(() => {
            one.recording = undefined;
            this.#recorded(one);
          });
      }
      nextInMs = Math.min(nextInMs, Math.max(leftMs, ackTimeoutMs * RETRY_PART));
    }
    if (nextInMs < Infinity) this.#watch(nextInMs);
  }

  async #record(one: Held): Promise<void> {
    const { index, intake, clock } = this.#parts;
    const { message, receipt, deadline } = one;
    await index.control.keepLeases();
    const lease = await this.#put(one, deadline - clock.monotonic());
    const indexed = lease === undefined ? undefined : await index.kept.keep(message.facts, receipt);
    if (lease === undefined || indexed === undefined) {
      if (lease !== undefined) await index.leases.forget(lease);
      return;
    }
    one.indexed = indexed;
    one.lease = lease;
    if (one.deadline > deadline) await index.leases.renew(lease, one.deadline - clock.monotonic());
    intake.ack(message);
    await intake.flush(false);
  }

  /** @returns nothing when the receipt may not end its job any more. */
  async #put({ message, receipt }: Held, leaseMs: number): Promise<LeaseRecord | undefined> {
    const { index } = this.#parts;
    const { id } = message.facts;
    let over: LeaseRecord | undefined;
    while (leaseMs > 0) {
      const { record, there } = await index.leases.put({ id, receipt }, leaseMs, over);
      // It was put, and the answer was not heard.
      const own = record ?? (there?.receipt === receipt ? there : undefined);
      if (own !== undefined) return own;
      // What is there is of a delivery that has lost the job, unless this one has.
      if ((await index.owned(id, receipt)) === undefined) return undefined;
      over = there;
    }
    return undefined;
  }

  /** A delivery whose channel ended meanwhile is held by its record or not at all. */
  #recorded({ receipt, lease, message }: Held): void {
    const { held, intake } = this.#parts;
    if (lease === undefined && !intake.isCurrent(message)) held.remove(receipt);
  }
}
