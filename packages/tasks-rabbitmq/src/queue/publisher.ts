import type { Clock, JobId } from "@lexigram/contracts";
import type { ConfirmChannel, Message, Options } from "amqplib";
import { ChannelKeeper } from "../connection/channel-keeper.ts";
import type { Link } from "../connection/link.ts";
import { unavailable } from "../connection/refusals.ts";
import { REPLY_TO } from "./message.ts";
import { publishTurn, WRITTEN_AT_ONCE } from "./publish-turn.ts";
import type { Replies } from "./replies.ts";

/** One message to one queue of the server. */
export interface Outgoing {
  readonly queue: string;
  readonly content: Buffer;
  readonly options: Options.Publish;
  /** A new job whose outcome is to come back on the channel that this is published on. */
  readonly awaits?: { readonly id: JobId; readonly delayMs: number };
}

/**
 * What became of a message. `refused`: the server did not take it, which a queue that is full says. `unroutable`: there
 * is no such queue. `unknown`: the connection ended, or nothing was heard in time.
 */
export type Fate = "stored" | "refused" | "unroutable" | "unknown";

/** Messages under way at once, at most; so many lie in this process's memory. */
const WINDOW = 2_000;
/** A channel on which the server refuses messages is left for another, at most this often. Milliseconds. */
const RENEWED_EVERY_MS = 1_000;

export interface PublisherParts {
  readonly link: Link;
  readonly clock: Clock;
  readonly callTimeoutMs: number;
  readonly subject: string;
  /** Where outcomes come to; absent: none are asked for. */
  readonly replies?: Replies | undefined;
}

/** A message under way. */
interface Sent {
  readonly id: string;
  returned: boolean;
  readonly over: (fate: Fate) => void;
}

/** Publishes with confirmation: a message counts as stored when the server says so, and not before. */
export class Publisher {
  readonly #parts: PublisherParts;
  readonly #keeper: ChannelKeeper<ConfirmChannel>;
  readonly #sent = new Set<Sent>();
  readonly #stopListening: () => void;
  /** The beginning of the consumer that outcomes come to, by channel: the server answers on the channel of the question alone. */
  readonly #answering = new WeakMap<ConfirmChannel, Promise<void>>();
  /** Calls whose messages are being written or waited for. */
  #windows = 0;
  #wasRefused = false;
  #renewedAt = -Infinity;

  constructor(parts: PublisherParts) {
    const { link, clock, callTimeoutMs, subject } = parts;
    this.#parts = parts;
    this.#keeper = new ChannelKeeper({
      link,
      clock,
      callTimeoutMs,
      subject,
      make: (model) => model.createConfirmChannel(),
      opened: (channel) => channel.on("return", (message: Message) => this.#returned(message)),
      lost: () => this.#endAll(),
    });
    this.#stopListening = link.onBlocked(() => this.#endAll());
  }

  /**
   * Publishes messages, in their order, and waits for the server's word on each.
   *
   * @throws QueueUnavailableError when none was sent.
   */
  async publish(messages: readonly Outgoing[]): Promise<Fate[]> {
    const fates = new Array<Fate>(messages.length).fill("unknown");
    for (let at = 0; at < messages.length; at += WINDOW) {
      const part = messages.slice(at, at + WINDOW);
      let channel: ConfirmChannel;
      try {
        this.#refuseWhileBlocked();
        channel = await this.#keeper.ready();
        if (part.some(({ awaits }) => awaits !== undefined)) await this.#answers(channel);
        this.#refuseWhileBlocked();
      } catch (error) {
        if (at === 0) throw error;
        return fates;
      }
      await this.#window(channel, part, (i, fate) => (fates[at + i] = fate));
    }
    return fates;
  }

  /**
   * As {@link publish}, for one message that must be stored.
   *
   * @throws QueueUnavailableError
   */
  async publishOne(message: Outgoing): Promise<void> {
    const [fate] = await this.publish([message]);
    if (fate === "stored") return;
    const { subject } = this.#parts;
    throw unavailable(subject, new Error(`a message to "${message.queue}" was ${fate}`), {
      accepted: fate === "unknown" ? "unknown" : "no",
    });
  }

  close(): Promise<void> {
    this.#stopListening();
    this.#endAll();
    return this.#keeper.close();
  }

  /**
   * A channel keeps to the leader of a queue that it met first: when that one's node dies before it is known who leads
   * instead, the server refuses whatever comes on this channel for ever, which nothing tells from a queue that is full.
   */
  #renew(): void {
    const now = this.#parts.clock.monotonic();
    if (now - this.#renewedAt < RENEWED_EVERY_MS) return;
    this.#wasRefused = false;
    this.#renewedAt = now;
    this.#keeper.renew((channel) => this.#parts.replies?.stays(channel) ?? false);
  }

  /** Resolves when outcomes can come on a channel. */
  #answers(channel: ConfirmChannel): Promise<void> {
    let answering = this.#answering.get(channel);
    if (answering === undefined) this.#answering.set(channel, (answering = this.#beginAnswers(channel)));
    return answering;
  }

  async #beginAnswers(channel: ConfirmChannel): Promise<void> {
    const { replies, subject } = this.#parts;
    channel.on("close", () => replies?.lost(channel));
    const consume = channel.consume(REPLY_TO, (message) => replies?.arrived(message), { noAck: true });
    try {
      await this.#keeper.asked(channel, consume, "the beginning of a consumer of outcomes");
    } catch (error) {
      this.#answering.delete(channel);
      throw unavailable(subject, error);
    }
  }

  #refuseWhileBlocked(): void {
    const { link, subject } = this.#parts;
    const { blockedBy } = link;
    if (blockedBy !== undefined)
      throw unavailable(subject, new Error(`the server takes no messages now: ${blockedBy}`));
  }

  #window(
    channel: ConfirmChannel,
    part: readonly Outgoing[],
    tell: (i: number, fate: Fate) => void,
  ): Promise<void> {
    const { clock, callTimeoutMs, replies } = this.#parts;
    this.#windows++;
    return new Promise<void>((resolve) => {
      let left = part.length;
      const mine: Sent[] = [];
      const timer = clock.setTimer(() => {
        for (const sent of mine) sent.over("unknown");
      }, callTimeoutMs);
      const write = (i: number): void => {
        const { queue, content, options, awaits } = part[i]!;
        const sent: Sent = {
          id: String(options.messageId),
          returned: false,
          over: (fate) => {
            if (!this.#sent.delete(sent)) return;
            tell(i, fate);
            if (awaits !== undefined && fate !== "stored" && fate !== "unknown") replies?.gone(awaits.id);
            if (fate === "refused") this.#wasRefused = true;
            if (--left > 0) return;
            timer.cancel();
            // Not sooner: what is yet to be written needs the channel.
            if (--this.#windows === 0 && this.#wasRefused) this.#renew();
            resolve();
          },
        };
        this.#sent.add(sent);
        mine.push(sent);
        if (awaits !== undefined) replies?.sent(awaits.id, awaits.delayMs, channel);
        try {
          channel.publish("", queue, content, options, (error: unknown) =>
            sent.over(this.#fateOf(sent, error)),
          );
        } catch {
          // The channel ended under it.
          sent.over("unknown");
        }
      };
      void inTurns(part.length, write);
    });
  }

  #fateOf({ returned }: Sent, error: unknown): Fate {
    if (returned) return "unroutable";
    if (error === null || error === undefined) return "stored";
    // The library calls back with the end of the channel, or with the server's refusal.
    return this.#keeper.current !== undefined && /nack/i.test((error as Error).message)
      ? "refused"
      : "unknown";
  }

  /** Comes before the confirmation of the same message. */
  #returned({ properties }: Message): void {
    const id = String(properties.messageId);
    for (const sent of this.#sent) if (sent.id === id) sent.returned = true;
  }

  #endAll(): void {
    for (const sent of this.#sent) sent.over("unknown");
  }
}

/** Does something for each of `n`, in order, and gives way now and then. */
async function inTurns(n: number, act: (i: number) => void): Promise<void> {
  for (let i = 0; i < n; i++) {
    if (i > 0 && i % WRITTEN_AT_ONCE === 0) await publishTurn();
    act(i);
  }
}
