import { type Clock, type JobOutcome, type Receipt, type Settlement } from "@lexigram/contracts";
import { unavailable } from "../connection/refusals.ts";
import type { IndexedWork } from "../job-index/indexed-work.ts";
import type { Topology } from "../topology/topology.ts";
import type { Held, HeldDeliveries } from "./held-deliveries.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { Intake } from "./intake.ts";
import { type Failure, type JobFacts, publishOptions } from "./message.ts";
import type { Outgoing } from "./publisher.ts";
import type { Replier } from "./replier.ts";

export interface SettlementsParts {
  readonly clock: Clock;
  readonly subject: string;
  readonly topology: Topology;
  readonly housekeeping: Housekeeping;
  readonly intake: Intake;
  readonly held: HeldDeliveries;
  readonly replier: Replier;
  /** Absent without an index of jobs. */
  readonly work: IndexedWork | undefined;
}

/** A job that is over when its acknowledgement was read, or when the index says so. */
interface Ended {
  readonly facts: JobFacts;
  readonly outcome: Omit<JobOutcome, "id">;
  /** Whether the index says it. */
  readonly isWritten: boolean;
}

/** A delivery that is let go when what takes its place is stored. */
interface Move {
  readonly held: Held;
  readonly outgoing: Outgoing;
  readonly settlement: Settlement;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What came of the settlements of a call. */
export interface Applied {
  /** Receipts that are no longer held. */
  readonly lost: Receipt[];
  /** Resolves when the server has read the acknowledgements, if there are any; rejects when that is unknown. */
  readonly read: Promise<void> | undefined;
}

/** Applies what became of deliveries. */
export class Settlements {
  readonly #parts: SettlementsParts;

  constructor(parts: SettlementsParts) {
    this.#parts = parts;
  }

  /**
   * @param settled what the same call has settled before; what is settled now joins it.
   * @throws QueueUnavailableError when some could not be stored and are held still; the rest is applied.
   */
  async apply(settlements: readonly Settlement[], settled: Set<Receipt>): Promise<Applied> {
    const { work } = this.#parts;
    if (work === undefined || settlements.length === 0) return this.#apply(settlements, settled, []);
    const end = await work.begin(settlements);
    try {
      const judged = await work.settle(settlements, settled);
      return await this.#apply(judged.settlements, settled, judged.lost);
    } finally {
      end();
    }
  }

  async #apply(settlements: readonly Settlement[], settled: Set<Receipt>, lost: Receipt[]): Promise<Applied> {
    const { intake, held: deliveries, work } = this.#parts;
    const moving: Settlement[] = [];
    const acked: Receipt[] = [];
    const ended: Ended[] = [];
    const handingBack: Promise<void>[] = [];
    for (const settlement of settlements) {
      const { receipt } = settlement;
      if (settled.has(receipt)) continue;
      const held = deliveries.get(receipt);
      if (held === undefined) {
        lost.push(receipt);
        continue;
      }
      if (settlement.kind === "complete" || settlement.kind === "cancel") {
        deliveries.remove(receipt);
        intake.ack(held.message);
        acked.push(receipt);
        noteEnd(ended, held, settlement);
      } else if (settlement.kind === "release" && work !== undefined && held.lease !== undefined) {
        deliveries.remove(receipt);
        handingBack.push(work.handBack(held.lease));
        acked.push(receipt);
      } else if (settlement.kind === "release" && settlement.delayMs === 0) {
        deliveries.remove(receipt);
        intake.giveBack(held.message, true);
        acked.push(receipt);
      } else if (moving.some((other) => other.receipt === receipt)) lost.push(receipt);
      else moving.push(settlement);
    }
    await Promise.all(handingBack);
    for (const receipt of acked) settled.add(receipt);
    let failed: Error | undefined;
    if (moving.length > 0) failed = await this.#move(moving, settled, ended);
    const read = acked.length > 0 || moving.length > 0 ? this.#read(acked, settled, ended) : undefined;
    if (failed === undefined) return { lost, read };
    await read;
    throw failed;
  }

  async #read(acked: readonly Receipt[], settled: Set<Receipt>, ended: readonly Ended[]): Promise<void> {
    const { intake, replier, work } = this.#parts;
    const told = new Set(ended.filter(({ isWritten }) => isWritten));
    for (const { facts, outcome } of told) replier.tell(facts, outcome);
    try {
      await intake.flush(true);
    } catch (error) {
      // Whether the server has read them cannot be told: they are its own again, or gone. An index knows what counts.
      if (work === undefined) for (const receipt of acked) settled.delete(receipt);
      throw error;
    }
    // Not sooner where nobody else knows: an outcome that a broken connection takes back is none.
    for (const one of ended) if (!told.has(one)) replier.tell(one.facts, one.outcome);
  }

  /** @returns why not all of them could be stored. */
  async #move(
    settlements: readonly Settlement[],
    settled: Set<Receipt>,
    ended: Ended[],
  ): Promise<Error | undefined> {
    const { clock, held: deliveries, intake, housekeeping, topology, subject, work } = this.#parts;
    const moves: Move[] = [];
    let failed: Error | undefined;
    for (const settlement of settlements) {
      const held = deliveries.get(settlement.receipt);
      if (held === undefined) continue;
      // Nobody else may settle it meanwhile, nor may its lease end.
      deliveries.remove(held.receipt);
      try {
        const at = clock.now();
        moves.push({ held, outgoing: await this.#outgoing(held, settlement, at), settlement, at });
      } catch (error) {
        failed = error as Error;
        this.#restore(held);
      }
    }
    if (moves.length === 0) return failed;
    try {
      const fates = await housekeeping.store(moves.map(({ outgoing }) => outgoing));
      const written = await work?.moved(moves, fates);
      for (const [i, { held, settlement, outgoing }] of moves.entries()) {
        const fate = fates[i];
        const unwritten = written?.get(held.receipt);
        if (fate === "stored" && unwritten === undefined) {
          intake.ack(held.message);
          settled.add(held.receipt);
          noteEnd(ended, held, settlement);
          continue;
        }
        if (fate === "unroutable") topology.forget();
        failed = unwritten ?? unavailable(subject, new Error(`a message to "${outgoing.queue}" was ${fate}`));
        this.#restore(held);
      }
    } catch (error) {
      failed = error as Error;
      for (const { held } of moves) this.#restore(held);
    }
    return failed;
  }

  #restore(held: Held): void {
    const { held: deliveries, intake } = this.#parts;
    // What is kept by its record is no channel's.
    if (held.lease !== undefined || intake.isCurrent(held.message)) deliveries.add(held);
  }

  async #outgoing({ message }: Held, settlement: Settlement, now: number): Promise<Outgoing> {
    const { topology, housekeeping } = this.#parts;
    const { facts, content } = message;
    switch (settlement.kind) {
      case "retry": {
        // What has begun in time does not expire.
        const { expiresAt: _, ...begun } = facts;
        const next: JobFacts = {
          ...begun,
          attempts: facts.attempts + (settlement.countAttempt ? 1 : 0),
          deferrals: facts.deferrals + (settlement.countAttempt ? 0 : 1),
        };
        return housekeeping.outgoing({ facts: later(next, now, settlement.delayMs), content });
      }
      case "release":
        return housekeeping.outgoing({ facts: later(facts, now, settlement.delayMs), content });
      case "fail": {
        const { error, reason = "failed" } = settlement;
        const failure: Failure = { reason, error, at: now, attempt: facts.attempts + 1 };
        return { queue: topology.names.dead, content, options: publishOptions(facts, failure) };
      }
      case "complete":
      case "cancel":
        throw new TypeError(`${settlement.kind} moves nothing`);
    }
  }
}

/** Takes note of an end that somebody asked to be told of. */
function noteEnd(ended: Ended[], { message: { facts }, indexed }: Held, settlement: Settlement): void {
  if (facts.replyTo === undefined) return;
  const isWritten = indexed !== undefined;
  const attempt = facts.attempts + 1;
  switch (settlement.kind) {
    case "complete": {
      const { result } = settlement;
      const given = result === undefined ? {} : { result };
      ended.push({ facts, outcome: { status: "completed", attempt, ...given }, isWritten });
      return;
    }
    case "fail":
      ended.push({ facts, outcome: { status: "failed", attempt, error: settlement.error }, isWritten });
      return;
    case "cancel": {
      const { error } = settlement;
      ended.push({
        facts,
        outcome: { status: "cancelled", attempt, ...(error === undefined ? {} : { error }) },
        isWritten,
      });
      return;
    }
    case "retry":
    case "release":
  }
}

const later = (facts: JobFacts, now: number, delayMs: number): JobFacts =>
  delayMs > 0 ? { ...facts, dueAt: now + delayMs } : facts;
