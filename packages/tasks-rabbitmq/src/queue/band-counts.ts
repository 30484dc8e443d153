import type { Clock } from "@lexigram/contracts";
import type { Channel } from "amqplib";
import type { ChannelKeeper } from "../connection/channel-keeper.ts";
import { type Band, BANDS, type QueueNames } from "../topology/names.ts";

/** In a little less than this a quorum queue has counted its messages, or is told as empty. Milliseconds. */
const COUNTED_WITHIN_MS = 240;

/**
 * How many messages the bands hold, as far as the server can be believed. A quorum queue counts what goes back to it when
 * that is on its disk, but serves what is asked for after it in order; and one that has not counted within 250 ms is told
 * as empty (`rabbit_quorum_queue:stat/1`). Where it may be so, one message more is looked for.
 */
export class BandCounts {
  readonly #keeper: ChannelKeeper<Channel>;
  readonly #names: QueueNames;
  readonly #clock: Clock;
  /** Bands whose count may be too low. */
  readonly #doubted = new Set<Band>();

  constructor(keeper: ChannelKeeper<Channel>, names: QueueNames, clock: Clock) {
    this.#keeper = keeper;
    this.#names = names;
    this.#clock = clock;
  }

  /** Something went back to a band. */
  doubt(band: Band): void {
    this.#doubted.add(band);
  }

  /** Another channel sees what there is. */
  trust(): void {
    this.#doubted.clear();
  }

  /**
   * The bands of the messages to fetch, `most` at most, the most urgent first.
   *
   * @param doubts whether a count that came late is doubted.
   */
  async wanted(
    channel: Channel,
    most: number,
    doubts: boolean,
  ): Promise<{ readonly wanted: Band[]; readonly isGuess: boolean }> {
    const since = this.#clock.monotonic();
    const counts = await Promise.all(
      this.#names.bands.map((name) =>
        this.#keeper.answered(channel, channel.checkQueue(name), "the look at a queue"),
      ),
    );
    if (doubts && this.#clock.monotonic() - since >= COUNTED_WITHIN_MS)
      for (const band of BANDS) this.#doubted.add(band);
    const isGuess = this.#doubted.size > 0;
    const wanted = BANDS.flatMap((band, i) => {
      const count = Math.max(counts[i]?.messageCount ?? 0, this.#doubted.has(band) ? 1 : 0);
      return new Array<Band>(Math.min(most, count)).fill(band);
    }).slice(0, most);
    for (const band of wanted) this.#doubted.delete(band);
    return { wanted, isGuess };
  }
}
