import type { Channel } from "amqplib";
import type { ChannelKeeper } from "../connection/channel-keeper.ts";
import { unavailable } from "../connection/refusals.ts";

/**
 * A call that the server answers, sent behind acknowledgements, which have no answer: a channel's frames are read in
 * their order, so the answer says that they were read.
 */
export class Fence {
  readonly #keeper: ChannelKeeper<Channel>;
  readonly #subject: string;
  #awaited = 0;

  constructor(keeper: ChannelKeeper<Channel>, subject: string) {
    this.#keeper = keeper;
    this.#subject = subject;
  }

  get isAwaited(): boolean {
    return this.#awaited > 0;
  }

  /**
   * @param prefetch of the consumers that are there: it is told again, and so changes nothing.
   * @param isOfOutcomes whether they are of attempts that have ended, in whose place the server sends others.
   * @throws QueueUnavailableError when no answer came: the fate of the acknowledgements is unknown.
   */
  async pass(prefetch: number, isOfOutcomes: boolean): Promise<void> {
    const channel = this.#keeper.current;
    if (channel === undefined)
      throw unavailable(this.#subject, new Error("the channel ended"), { accepted: "unknown" });
    if (isOfOutcomes) this.#awaited++;
    try {
      await this.#keeper.answered(channel, channel.prefetch(prefetch), "a fence");
    } finally {
      if (isOfOutcomes) this.#awaited--;
    }
  }
}
