import type { Clock } from "@lexigram/contracts";
import type { Channel, GetMessage, Message } from "amqplib";
import { ChannelKeeper } from "../connection/channel-keeper.ts";
import type { Link } from "../connection/link.ts";
import { unavailable } from "../connection/refusals.ts";
import type { Topology } from "../topology/topology.ts";
import { type Letter, letterOf } from "./letter.ts";

/** Acknowledgements that are sent before the server is asked whether it has read them. */
const ACKS_AT_ONCE = 500;

export interface ShelfParts {
  readonly link: Link;
  readonly clock: Clock;
  readonly callTimeoutMs: number;
  readonly subject: string;
  readonly topology: Topology;
}

/** What is on the shelf while one looks: nobody else sees it then. */
export interface OpenShelf {
  /** The oldest first. */
  readonly letters: readonly Letter[];
  /** Removes one. */
  readonly take: (letter: Letter) => Promise<void>;
}

/**
 * The dead letters of a queue, which are messages of a queue of the server. A look takes all of them, and puts back what is
 * left, in their order; looks of this object follow one another.
 */
export class LetterShelf {
  readonly #parts: ShelfParts;
  readonly #keeper: ChannelKeeper<Channel>;
  #looking: Promise<unknown> = Promise.resolve();

  constructor(parts: ShelfParts) {
    this.#parts = parts;
    const { link, clock, callTimeoutMs, subject } = parts;
    this.#keeper = new ChannelKeeper({
      link,
      clock,
      callTimeoutMs,
      subject,
      make: (model) => model.createChannel(),
    });
  }

  /** @throws QueueUnavailableError; what `work` throws. What was not taken stays. */
  look<T>(work: (shelf: OpenShelf) => Promise<T>): Promise<T> {
    const looked = this.#looking.then(() => this.#look(work));
    this.#looking = looked.catch(() => {});
    return looked;
  }

  close(): Promise<void> {
    return this.#keeper.close();
  }

  async #look<T>(work: (shelf: OpenShelf) => Promise<T>): Promise<T> {
    await this.#parts.topology.ensure();
    const channel = await this.#keeper.ready();
    const messages: Message[] = [];
    try {
      for (let message = await this.#next(channel); message !== false; message = await this.#next(channel))
        messages.push(message);
      const letters = messages.map((message) => letterOf(message));
      let taken = 0;
      const result = await work({
        letters,
        take: async ({ message }) => {
          this.#refuseLost(channel);
          channel.ack(message);
          if (++taken % ACKS_AT_ONCE === 0) await this.#fence(channel);
        },
      });
      if (taken > 0) await this.#fence(channel);
      return result;
    } finally {
      const last = messages.at(-1);
      // What was acknowledged is none of those that go back.
      if (last !== undefined && channel === this.#keeper.current) {
        channel.nack(last, true, true);
        await this.#fence(channel).catch(() => {
          // With the channel everything goes back.
        });
      }
    }
  }

  #next(channel: Channel): Promise<GetMessage | false> {
    return this.#keeper.answered(
      channel,
      channel.get(this.#parts.topology.names.dead, { noAck: false }),
      "the look at a dead letter",
    );
  }

  async #fence(channel: Channel): Promise<void> {
    await this.#keeper.answered(channel, channel.prefetch(1), "a fence");
  }

  #refuseLost(channel: Channel): void {
    if (channel !== this.#keeper.current)
      throw unavailable(this.#parts.subject, new Error("the channel ended"), { accepted: "unknown" });
  }
}
