import type { Clock } from "@lexigram/contracts";
import type { Message } from "amqplib";
import { nextRung } from "../topology/ladder.ts";
import { bandOf } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
import { type JobFacts, type JobMessage, publishOptions, rawDeadLetter } from "./message.ts";
import type { Fate, Outgoing, Publisher } from "./publisher.ts";
import type { ReadyMessage } from "./ready-message.ts";

/** The part of its limit of deliveries after which a message is published anew. */
const WORN = 0.8;

export interface HousekeepingParts {
  readonly clock: Clock;
  readonly topology: Topology;
  readonly publisher: Publisher;
  readonly deliveryLimit: number;
}

/** What is done with messages on their way: they wait, move to their band, are published anew, or are put aside. */
export class Housekeeping {
  readonly #parts: HousekeepingParts;

  constructor(parts: HousekeepingParts) {
    this.#parts = parts;
  }

  /** The message that brings a job to where it goes next: a rung of the ladder, or its band. */
  outgoing({ facts, content, header }: JobMessage): Outgoing | Promise<Outgoing> {
    const { clock, topology } = this.#parts;
    const queue = topology.names.band(bandOf(facts.priority));
    if (facts.dueAt === undefined)
      return { queue, content, options: publishOptions(facts, undefined, header) };
    const leftMs = facts.dueAt - clock.now();
    if (leftMs > 0) return this.#waiting({ facts, content }, leftMs);
    const { dueAt: _, ...due } = facts;
    return { queue, content, options: publishOptions(due) };
  }

  async #waiting({ facts, content }: JobMessage, leftMs: number): Promise<Outgoing> {
    const queue = await this.#parts.topology.rung(nextRung(leftMs));
    return { queue, content, options: publishOptions(facts) };
  }

  /** Whether a job that never began should not begin any more. */
  isLate({ expiresAt }: JobFacts): boolean {
    return expiresAt !== undefined && expiresAt <= this.#parts.clock.now();
  }

  /** Whether a message was delivered so often that the server might soon take it away. */
  isWorn(deliveries: number): boolean {
    const { topology, deliveryLimit } = this.#parts;
    return topology.type === "quorum" && deliveries >= deliveryLimit * WORN;
  }

  /** Stores a message once more where it belongs now, with a count of deliveries that begins anew. */
  async moveOn(message: ReadyMessage): Promise<void> {
    await this.#parts.publisher.publishOne(await this.outgoing(message));
  }

  /**
   * Stores what must not be lost where it belongs now. A band that is full takes none; a rung does, from which it comes when
   * there is room.
   *
   * @throws QueueUnavailableError when none was sent.
   */
  async store(messages: readonly Outgoing[]): Promise<Fate[]> {
    const { publisher } = this.#parts;
    const fates = await publisher.publish(messages);
    const full = messages.filter((_, i) => fates[i] === "refused");
    if (full.length === 0) return fates;
    const later = await this.#storeLater(full).catch((): Fate[] => []);
    return fates.map((fate) => (fate === "refused" ? (later.shift() ?? fate) : fate));
  }

  async #storeLater(messages: readonly Outgoing[]): Promise<Fate[]> {
    const { publisher, topology } = this.#parts;
    const queue = await topology.rung(nextRung(0));
    return publisher.publish(messages.map((message) => ({ ...message, queue })));
  }

  /** Puts a message that holds no job into the dead letters, byte for byte. */
  async bury(message: Message): Promise<void> {
    const { clock, topology, publisher } = this.#parts;
    await publisher.publishOne({
      queue: topology.names.dead,
      content: message.content,
      options: rawDeadLetter(message, {
        reason: "invalid",
        error: {
          name: "TaskValidationError",
          message: "the message holds no job that this version can read",
        },
        at: clock.now(),
        attempt: 0,
      }),
    });
  }
}
