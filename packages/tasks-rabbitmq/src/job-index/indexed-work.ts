import type { Claim, Clock, Receipt, Settlement } from "@lexigram/contracts";
import { EarlyAcks } from "../early-ack/early-acks.ts";
import type { LeaseRecord } from "../early-ack/lease-records.ts";
import { LeaseSweep } from "../early-ack/lease-sweep.ts";
import type { Held, HeldDeliveries } from "../queue/held-deliveries.ts";
import type { Housekeeping } from "../queue/housekeeping.ts";
import type { Intake } from "../queue/intake.ts";
import type { Fate, Publisher } from "../queue/publisher.ts";
import type { ReadyMessage } from "../queue/ready-message.ts";
import type { Replier } from "../queue/replier.ts";
import type { Topology } from "../topology/topology.ts";
import type { Indexed, JobEnd } from "./indexed-job.ts";
import type { JobIndex, Verdict } from "./job-index.ts";
import { bury } from "./poison.ts";

export interface IndexedWorkParts {
  readonly index: JobIndex;
  readonly clock: Clock;
  readonly topology: Topology;
  readonly publisher: Publisher;
  readonly housekeeping: Housekeeping;
  readonly intake: Intake;
  readonly held: HeldDeliveries;
  readonly replier: Replier;
  readonly subject: string;
  /** After which the server takes a delivery away that is not acknowledged, in milliseconds; absent: never. */
  readonly ackTimeoutMs: number | undefined;
}

/** What an exchange is told before it does anything. */
export interface Briefing {
  readonly paused: boolean;
  /** Receipts whose jobs were deleted, or have another holder. */
  readonly fenced: readonly Receipt[];
}

/** A message that may be handed out. */
export interface Admitted {
  readonly message: ReadyMessage;
  readonly receipt: Receipt;
  readonly indexed: Indexed | undefined;
  readonly recoveries: number;
}

/** An outcome whose message takes the place of the delivery's. */
export interface Moved {
  readonly held: Held;
  readonly settlement: Settlement;
  /** When it was, in epoch milliseconds. */
  readonly at: number;
}

const PAUSED_LOOK_MS = 1_000;

/** Deliveries of one process, as the index of their queue judges them. */
export class IndexedWork {
  readonly #parts: IndexedWorkParts;
  readonly #early: EarlyAcks;
  readonly #sweep: LeaseSweep;
  readonly #lapsing = new Set<Promise<void>>();
  readonly #end = new AbortController();
  #seen = 0;
  #listening = false;

  constructor(parts: IndexedWorkParts) {
    this.#parts = parts;
    this.#early = new EarlyAcks(parts);
    this.#sweep = new LeaseSweep({ ...parts, bury: (verdict) => bury(parts, verdict) });
  }

  /** Learns whether the queue is paused, and what was asked of the jobs that run here. */
  async brief(): Promise<Briefing> {
    this.#listen();
    await this.quiet();
    const { paused, version, hasLeases } = await this.#parts.index.control.read();
    if (hasLeases === true) this.#sweep.start();
    if (version === this.#seen) return { paused, fenced: [] };
    const fenced = await this.#look();
    this.#seen = version;
    return { paused, fenced };
  }

  /** Receipts whose jobs were asked to stop. */
  get cancelled(): Receipt[] {
    const asked: Receipt[] = [];
    for (const { receipt, indexed } of this.#parts.held.all())
      if (indexed?.job.cancelRequested === true) asked.push(receipt);
    return asked;
  }

  /** The end of a lease, which what follows waits for. */
  lapsed(held: Held): void {
    const lapsing = this.#lapse(held).finally(() => this.#lapsing.delete(lapsing));
    this.#lapsing.add(lapsing);
  }

  async quiet(): Promise<void> {
    await Promise.all(this.#lapsing);
  }

  /**
   * Takes of claimed messages what may be handed out, and claims again in the place of what may not.
   *
   * @throws what the index throws, when nothing could be taken; the messages go back.
   */
  async admit(
    claimed: readonly ReadyMessage[],
    { slots, maxBytes }: Claim,
    receiptOf: (message: ReadyMessage) => Receipt,
  ): Promise<Admitted[]> {
    const { intake } = this.#parts;
    const admitted: Admitted[] = [];
    let bytes = 0;
    for (let messages = claimed; messages.length > 0;) {
      const judged = await Promise.allSettled(
        messages.map((message) => this.#admit(message, receiptOf(message))),
      );
      let dropped = 0;
      let failed: Error | undefined;
      for (const [i, outcome] of judged.entries()) {
        const message = messages[i]!;
        if (outcome.status === "rejected") {
          intake.giveBack(message, true);
          failed = outcome.reason as Error;
        } else if (outcome.value === undefined) dropped++;
        else {
          admitted.push(outcome.value);
          bytes += message.content.length;
        }
      }
      if (failed !== undefined && admitted.length === 0) throw failed;
      if (dropped > 0) await intake.flush(false);
      const left = slots - admitted.length;
      if (failed !== undefined || dropped === 0 || left <= 0 || (bytes > 0 && bytes >= maxBytes)) break;
      messages = await intake.claim(left, Math.max(1, maxBytes - bytes), true);
    }
    return admitted;
  }

  /** Deliveries are about to be settled. @returns what ends that. */
  begin(settlements: readonly Settlement[]): Promise<() => void> {
    return this.#early.begin(settlements);
  }

  /** Renews the leases that the index has. Those that are lost are held no more. */
  renew(receipts: readonly Receipt[], leaseMs: number): Promise<void> {
    return this.#early.renew(receipts, leaseMs);
  }

  /** A job without a message, whose attempt is written as handed back, gets one. Otherwise the sweep sees to it. */
  async handBack(lease: LeaseRecord): Promise<void> {
    await this.#sweep.end(lease).catch(() => {});
  }

  /** What of these outcomes counts: those that are not `lost` are written, or will be by {@link moved}. */
  async settle(
    settlements: readonly Settlement[],
    settled: ReadonlySet<Receipt>,
  ): Promise<{ readonly settlements: Settlement[]; readonly lost: Receipt[] }> {
    const { held, index, intake } = this.#parts;
    const lost: Receipt[] = [];
    const seen = new Set<Receipt>();
    const judged = await Promise.all(
      settlements.map(async (settlement) => {
        const { receipt } = settlement;
        const one = held.get(receipt);
        const isFirst = !seen.has(receipt);
        seen.add(receipt);
        if (!isFirst || one?.indexed === undefined || settled.has(receipt)) return settlement;
        const outcome = await index.settle(one.indexed, settlement, one.lease !== undefined);
        if (outcome !== "lost" && (outcome.kind === "complete" || outcome.kind === "cancel"))
          await this.#early.forget(one);
        return outcome;
      }),
    );
    const counted = judged.flatMap((outcome, i) => {
      if (outcome !== "lost") return [outcome];
      const { receipt } = settlements[i]!;
      const one = held.get(receipt);
      held.remove(receipt);
      // Another delivery has its job, or nobody.
      if (one !== undefined) intake.ack(one.message);
      lost.push(receipt);
      return [];
    });
    if (lost.length > 0) await intake.flush(false);
    return { settlements: counted, lost };
  }

  /**
   * Writes the outcomes whose messages are stored.
   *
   * @returns why some could not be written; their deliveries are to be kept.
   */
  async moved(moves: readonly Moved[], fates: readonly Fate[]): Promise<ReadonlyMap<Receipt, Error>> {
    const unwritten = new Map<Receipt, Error>();
    await Promise.all(
      moves.map(async ({ held, settlement, at }, i) => {
        const { message, indexed, receipt } = held;
        if (indexed === undefined || fates[i] !== "stored") return;
        try {
          await this.#parts.index.moved(message.facts.id, settlement, at);
          await this.#early.forget(held);
        } catch (error) {
          unwritten.set(receipt, error as Error);
        }
      }),
    );
    return unwritten;
  }

  /** Waits until the queue is not paused any more. */
  async whilePaused(maxMs: number, signal: AbortSignal): Promise<number> {
    const { clock, index } = this.#parts;
    const until = clock.monotonic() + maxMs;
    while (!signal.aborted && !this.#end.signal.aborted && (await index.control.read()).paused) {
      const leftMs = until - clock.monotonic();
      if (leftMs <= 0) return 0;
      await this.#pauseFor(Math.min(leftMs, PAUSED_LOOK_MS), signal);
    }
    return Math.max(0, until - clock.monotonic());
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#early.close();
    await Promise.allSettled(this.#lapsing);
    await this.#sweep.close();
  }

  /** @returns the receipts of what is not held by right any more. */
  async #look(): Promise<Receipt[]> {
    const { held, index, intake } = this.#parts;
    const fenced: Receipt[] = [];
    await Promise.all(
      [...held.all()].map(async (one) => {
        if (one.indexed === undefined) return;
        const indexed = await index.owned(one.message.facts.id, one.receipt);
        if (held.get(one.receipt) !== one) return;
        if (indexed !== undefined) {
          one.indexed = indexed;
          return;
        }
        held.remove(one.receipt);
        intake.ack(one.message);
        fenced.push(one.receipt);
      }),
    );
    if (fenced.length > 0) await intake.flush(false);
    return fenced;
  }

  async #admit(message: ReadyMessage, receipt: Receipt): Promise<Admitted | undefined> {
    const { index, intake } = this.#parts;
    const { facts, content } = message;
    const verdict = await index.admit(facts, content, receipt, message.recoveries);
    if (verdict.kind === "run")
      return { message, receipt, indexed: verdict.indexed, recoveries: verdict.recoveries };
    if (verdict.kind === "poison") await bury(this.#parts, { message, ...verdict });
    if (verdict.kind === "drop") this.#tell(message, verdict.end);
    intake.ack(message);
    return undefined;
  }

  async #lapse(held: Held): Promise<void> {
    const { index, intake } = this.#parts;
    await held.recording;
    const { message, indexed, receipt, lease } = held;
    if (lease !== undefined) return this.handBack(lease);
    try {
      const verdict: Verdict =
        indexed === undefined ? { kind: "back" } : await index.lapse(indexed, message.facts, receipt);
      if (verdict.kind === "poison") await bury(this.#parts, { message, ...verdict });
      if (verdict.kind === "drop") this.#tell(message, verdict.end);
      if (verdict.kind === "back") intake.giveBack(message, false);
      else {
        intake.ack(message);
        await intake.flush(false);
      }
    } catch {
      // Whoever gets it next finds an attempt that began and did not end.
      intake.giveBack(message, false);
    }
  }

  /** An end that no settlement brings, when it is written. Who waits takes the first word on it. */
  #tell({ facts }: ReadyMessage, end: JobEnd | undefined): void {
    if (end !== undefined) this.#parts.replier.tell(facts, end);
  }

  /** Wakes who waits when there is news. A hint: every exchange looks. */
  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    const { index, intake } = this.#parts;
    const listen = async (): Promise<void> => {
      for await (const _ of await index.news(this.#end.signal)) intake.wake();
    };
    listen().catch(() => {
      this.#listening = false;
    });
  }

  #pauseFor(ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    return new Promise((resolve) => {
      const over = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", over);
        this.#end.signal.removeEventListener("abort", over);
        resolve();
      };
      const timer = clock.setTimer(over, ms);
      signal.addEventListener("abort", over);
      this.#end.signal.addEventListener("abort", over);
    });
  }
}
