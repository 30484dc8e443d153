import type { Channel, Message } from "amqplib";

const tagged = (deliveryTag: number): Message => ({ fields: { deliveryTag } }) as unknown as Message;

/**
 * The deliveries of one channel that wait for their acknowledgement. What was settled without a gap from the oldest on is
 * acknowledged in one frame, the rest one by one.
 */
export class AckLedger {
  readonly #channel: Channel;
  /** In the order of their numbers. */
  readonly #open = new Set<number>();
  /** The highest number so far. */
  #latest = 0;
  #acked: number[] = [];

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /**
   * Takes note of a delivery, and of all before it that were not told yet: the answer to a fetch is read a moment later than what
   * was sent behind it, and acknowledging that must not acknowledge the answer.
   */
  delivered(tag: number): void {
    while (this.#latest < tag) this.#open.add(++this.#latest);
  }

  /** Takes note of an acknowledgement, which goes out with the next {@link flush}. */
  ack(tag: number): void {
    if (this.#open.delete(tag)) this.#acked.push(tag);
  }

  /** Hands a delivery back at once. */
  giveBack(tag: number): void {
    if (this.#open.delete(tag)) this.#channel.nack(tagged(tag), false, true);
  }

  flush(): void {
    if (this.#acked.length === 0) return;
    const acked = this.#acked.sort((a, b) => a - b);
    this.#acked = [];
    const [oldest = Infinity] = this.#open;
    let gapless = 0;
    while (gapless < acked.length && acked[gapless]! < oldest) gapless++;
    if (gapless > 0) this.#channel.ack(tagged(acked[gapless - 1]!), true);
    for (const tag of acked.slice(gapless)) this.#channel.ack(tagged(tag), false);
  }
}
