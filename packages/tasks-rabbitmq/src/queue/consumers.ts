import type { Channel, Message, Options } from "amqplib";
import type { ChannelKeeper } from "../connection/channel-keeper.ts";
import { type Band, BANDS, type QueueNames } from "../topology/names.ts";

export interface ConsumersParts {
  readonly keeper: ChannelKeeper<Channel>;
  readonly names: QueueNames;
  readonly priority: number | undefined;
  readonly arrived: (message: Message, band: Band) => void;
  /** The server has ended them. */
  readonly cancelled: () => void;
}

const MOST = 65_535;

/** One consumer for each band on the present channel, or none. */
export class Consumers {
  readonly #parts: ConsumersParts;
  #tags: string[] | undefined;
  #prefetch = 1;
  /** Changes follow one another, so that there are never two of a kind. */
  #change: Promise<void> = Promise.resolve();

  constructor(parts: ConsumersParts) {
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#tags !== undefined;
  }

  /** Resolves when no change is under way. */
  quiet(): Promise<void> {
    return this.#change;
  }

  /** Messages that each may have sent and not acknowledged. */
  get prefetch(): number {
    return this.#prefetch;
  }

  /** Resolves when there are consumers that may have so many messages under way. */
  open(prefetch: number): Promise<void> {
    return this.#next(async () => {
      if (this.#tags !== undefined && this.#prefetch >= prefetch) return;
      await this.#end();
      await this.#begin(Math.min(prefetch, MOST));
    });
  }

  close(): Promise<void> {
    return this.#next(() => this.#end());
  }

  /** Their channel is gone. */
  lost(): void {
    this.#tags = undefined;
  }

  async #begin(prefetch: number): Promise<void> {
    const { keeper, names, priority, arrived, cancelled } = this.#parts;
    const channel = await keeper.ready();
    this.#prefetch = prefetch;
    await keeper.answered(channel, channel.prefetch(prefetch), "a prefetch");
    const options: Options.Consume = priority === undefined ? {} : { priority };
    const tags: string[] = [];
    for (const band of BANDS) {
      const consume = channel.consume(
        names.band(band),
        (message) => {
          if (channel !== keeper.current) return;
          if (message !== null) return arrived(message, band);
          this.#tags = undefined;
          cancelled();
        },
        options,
      );
      tags.push((await keeper.answered(channel, consume, "the beginning of a consumer")).consumerTag);
    }
    if (channel === keeper.current) this.#tags = tags;
  }

  async #end(): Promise<void> {
    const { keeper } = this.#parts;
    const tags = this.#tags;
    const channel = keeper.current;
    this.#tags = undefined;
    if (tags === undefined || channel === undefined) return;
    for (const tag of tags) await keeper.answered(channel, channel.cancel(tag), "the end of a consumer");
  }

  #next(change: () => Promise<void>): Promise<void> {
    const done = this.#change.then(change);
    this.#change = done.catch(() => {});
    return done;
  }
}
