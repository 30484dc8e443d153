import type { Clock, Timer } from "@lexigram/contracts";
import type { Channel, GetMessage, Message } from "amqplib";
import { ChannelKeeper } from "../connection/channel-keeper.ts";
import type { Link } from "../connection/link.ts";
import type { Band } from "../topology/names.ts";
import type { Topology } from "../topology/topology.ts";
import { AckLedger } from "./ack-ledger.ts";
import { BandCounts } from "./band-counts.ts";
import { Consumers } from "./consumers.ts";
import { Fence } from "./fence.ts";
import { HandBacks } from "./hand-backs.ts";
import { deliveriesBefore, factsOf, type JobFacts } from "./message.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { ReadyMessage } from "./ready-message.ts";
import { ReadyBuffer } from "./ready-buffer.ts";
import { Taken } from "./taken.ts";
import { Wait } from "./wait.ts";

/** What nobody asks for goes back to the server after this long. Milliseconds. */
const HOLD_MS = 250;
/** So many claims that brought something, each so soon after the one before, show that more will follow. */
const CLOSE_CLAIMS = 3;
const SOON_MS = 50;
/** Messages that one claim fetches, at first and at most: how large they are is known when the first are there. */
const FIRST_FETCH = 8;
const MOST_FETCHED = 256;
/** What is ready is sent within this, or is fetched. Milliseconds. */
const ARRIVES_WITHIN_MS = 100;
/** And the next of it within this: others may have taken the rest. Milliseconds. */
const FOLLOWS_WITHIN_MS = 5;
const LEAST_AHEAD = 16;
const MOST_AHEAD = 1_000;

export interface IntakeParts {
  readonly link: Link;
  readonly clock: Clock;
  readonly callTimeoutMs: number;
  readonly subject: string;
  readonly topology: Topology;
  readonly housekeeping: Housekeeping;
  /** Consumers with a higher one are served first. */
  readonly consumerPriority: number | undefined;
  /** A job was let go because its time to begin was over. */
  readonly expired: (facts: JobFacts) => void;
  /** Deliveries that somebody works on now. */
  readonly working: () => number;
  /** The channel is gone, and with it every delivery that came on it. */
  readonly lost: () => void;
}

/**
 * What comes from the server: one channel, the messages that were delivered on it and nobody has taken, and how they come.
 * While claims are few they are fetched one by one, so that nothing is held that others could do; who waits, and who claims again and
 * again, has them sent, as many as it has use for. What was sent and nobody takes goes back.
 */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #keeper: ChannelKeeper<Channel>;
  readonly #handBacks = new HandBacks();
  readonly #buffer = new ReadyBuffer();
  readonly #waits = new Set<Wait>();
  readonly #consumers: Consumers;
  readonly #fence: Fence;
  readonly #counts: BandCounts;
  #ledger: AckLedger | undefined;
  #hold: Timer | undefined;
  #askedAt = -Infinity;
  #claimedAt = -Infinity;
  #closeClaims = 0;
  /** Slots that the latest claim left empty. */
  #short = 1;
  #closed = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    const { link, clock, callTimeoutMs, subject, topology } = parts;
    this.#keeper = new ChannelKeeper({
      link,
      clock,
      callTimeoutMs,
      subject,
      make: (model) => model.createChannel(),
      opened: (channel) => {
        this.#ledger = new AckLedger(channel);
      },
      lost: () => this.#lost(),
    });
    this.#fence = new Fence(this.#keeper, subject);
    this.#counts = new BandCounts(this.#keeper, topology.names, clock);
    this.#consumers = new Consumers({
      keeper: this.#keeper,
      names: topology.names,
      priority: parts.consumerPriority,
      arrived: (message, band) => this.#arrived(message, band),
      cancelled: () => {
        topology.forget();
        this.#wakeAll();
      },
    });
  }

  /** Messages that lie ready in this process. */
  get buffered(): number {
    return this.#buffer.size;
  }

  /** Whether messages are sent without being asked for. */
  get isSent(): boolean {
    return this.#consumers.isOpen;
  }

  /** Whether the server has outcomes to read, and sends what it has when it has read them. */
  get isFlushing(): boolean {
    return this.#fence.isAwaited;
  }

  isCurrent({ generation }: ReadyMessage): boolean {
    return this.#keeper.current !== undefined && generation === this.#keeper.generation;
  }

  /** @throws QueueUnavailableError, TaskConfigError. */
  async ready(): Promise<void> {
    await this.#parts.topology.ensure();
    await this.#keeper.ready();
  }

  /** Registers a consumer that gets nothing, which others can count. @returns how to end it. */
  async attend(): Promise<() => Promise<void>> {
    const channel = await this.#keeper.ready();
    const { workers } = this.#parts.topology.names;
    const { consumerTag } = await this.#keeper.answered(
      channel,
      channel.consume(workers, () => {}, { noAck: true }),
      "the beginning of a consumer",
    );
    return async () => {
      if (channel !== this.#keeper.current) return;
      await this.#keeper.answered(channel, channel.cancel(consumerTag), "the end of a consumer");
    };
  }

  /** Acknowledged with the next {@link flush}. */
  ack(message: ReadyMessage): void {
    this.#handBacks.forget(message.facts.id);
    if (this.isCurrent(message)) this.#ledger?.ack(message.tag);
  }

  /** @param noted whether the server's count of deliveries is to be read without this one. */
  giveBack(message: ReadyMessage, noted: boolean): void {
    if (!this.isCurrent(message)) return;
    if (noted) this.#handBacks.note(message.facts.id);
    this.#counts.doubt(message.band);
    this.#ledger?.giveBack(message.tag);
  }

  /**
   * Sends acknowledgements, and resolves when the server has read them.
   *
   * @param isOfOutcomes whether they are of attempts that have ended.
   * @throws QueueUnavailableError when their fate is unknown.
   */
  async flush(isOfOutcomes: boolean): Promise<void> {
    this.#ledger?.flush();
    await this.#fence.pass(this.#consumers.prefetch, isOfOutcomes);
  }

  /**
   * Takes what is ready, of the most urgent first: `n` messages at most, and none more when they hold `maxBytes`.
   *
   * @param looks whether to ask the server although it sends what there is; who is at work hears of it soon enough.
   */
  async claim(n: number, maxBytes: number, looks: boolean): Promise<ReadyMessage[]> {
    if (n === 0) return [];
    const now = this.#parts.clock.monotonic();
    this.#askedAt = now;
    const taken = new Taken(n, maxBytes);
    this.#buffer.take(taken);
    if (taken.count === 0) {
      await this.#consumers.quiet();
      this.#buffer.take(taken);
    }
    // What is sent unasked is there soon enough for who got something; who got nothing looks whether there is nothing.
    const isSent = this.#consumers.isOpen;
    if (isSent ? taken.count === 0 && looks : taken.wantsMore) await this.#fetch(taken);
    if (taken.count > 0) this.#sawClaim(n, now);
    this.#short = Math.max(1, n - taken.count);
    this.#holdOn();
    return taken.messages;
  }

  async wait(maxMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || maxMs <= 0 || this.#buffer.size > 0) return;
    const wait = new Wait(this.#parts.clock, maxMs, signal);
    this.#waits.add(wait);
    try {
      await Promise.race([this.#listen(), wait.over]);
      if (this.#buffer.size === 0) await wait.over;
    } finally {
      this.#waits.delete(wait);
      wait.end();
      this.#askedAt = this.#parts.clock.monotonic();
      this.#holdOn();
    }
  }

  /** Ends the waits there are: there is something to look at. */
  wake(): void {
    this.#wakeAll();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#hold?.cancel();
    this.#wakeAll();
    if (this.#keeper.current !== undefined) await this.#handBack().catch(() => {});
    await this.#keeper.close();
  }

  async #listen(): Promise<void> {
    await this.ready();
    // What is worked on counts against it.
    await this.#consumers.open(this.#parts.working() + this.#short);
  }

  /** Whether the server sends what is ready: not when who is at work has as many as it may. */
  get #sends(): boolean {
    return this.#consumers.isOpen && this.#parts.working() < this.#consumers.prefetch;
  }

  /** Asks how many messages there are, and fetches as many of them as are wanted: two round trips, whatever their number. */
  async #fetch(taken: Taken): Promise<void> {
    let most = FIRST_FETCH;
    let isFirst = true;
    for (let fetched = 0; taken.wantsMore && fetched < MOST_FETCHED; most *= 2) {
      const channel = await this.#keeper.ready();
      const room = Math.min(most, taken.room(), MOST_FETCHED - fetched);
      const { wanted, isGuess } = await this.#counts.wanted(channel, room, isFirst);
      isFirst = false;
      // Who is sent messages has them sooner than who fetches them one by one.
      if (this.#sends && !isGuess) await this.#arrival(wanted.length);
      // What was sent meanwhile is older.
      this.#buffer.take(taken);
      if (wanted.length === 0) return;
      const got = await this.#got(channel, taken.wantsMore ? wanted : []);
      fetched += got;
      this.#buffer.take(taken);
      if (got === 0 && !isGuess) return;
    }
  }

  /** Waits for so many messages that the server sends without being asked, no longer than they keep coming. */
  async #arrival(count: number): Promise<void> {
    for (let size = -1; this.#buffer.size < count && this.#buffer.size > size;) {
      size = this.#buffer.size;
      const wait = new Wait(this.#parts.clock, size > 0 ? FOLLOWS_WITHIN_MS : ARRIVES_WITHIN_MS);
      this.#waits.add(wait);
      await wait.over;
      this.#waits.delete(wait);
      wait.end();
    }
  }

  /** @returns how many were there. */
  async #got(channel: Channel, wanted: readonly Band[]): Promise<number> {
    const { names } = this.#parts.topology;
    const moving: Promise<void>[] = [];
    let got = 0;
    const fetch = async (band: Band): Promise<void> => {
      const message: GetMessage | false = await this.#keeper.answered(
        channel,
        channel.get(names.band(band), { noAck: false }),
        "the fetching of a message",
      );
      if (message === false) return;
      got++;
      const ready = this.#accept(message, band);
      // What it moves may belong to a band that is looked at next.
      if (ready instanceof Promise) moving.push(ready);
      else if (ready !== undefined) this.#buffer.add(ready);
    };
    await Promise.all(wanted.map(fetch));
    await Promise.all(moving);
    return got;
  }

  /** Claims that follow each other closely have messages sent ahead of them. */
  #sawClaim(n: number, now: number): void {
    this.#closeClaims = now - this.#claimedAt < SOON_MS ? this.#closeClaims + 1 : 1;
    // Fetching may take long; what counts is how soon more is asked for after it.
    this.#claimedAt = this.#parts.clock.monotonic();
    if (this.#closeClaims < CLOSE_CLAIMS) return;
    this.#closeClaims = 0;
    const useful = this.#parts.working() + n + Math.max(LEAST_AHEAD, 2 * n);
    // In steps, because each change takes a few round trips.
    const prefetch = Math.min(2 ** Math.ceil(Math.log2(useful)), MOST_AHEAD + n);
    this.#consumers.open(prefetch).catch(() => {
      // The next call learns why.
    });
  }

  #arrived(message: Message, band: Band): void {
    const ready = this.#accept(message, band);
    if (ready === undefined || ready instanceof Promise) return;
    this.#buffer.add(ready);
    this.#wakeAll();
    this.#holdOn();
  }

  /** What of a delivery may be handed out; a promise when something else must be done with it first. */
  #accept(raw: Message, band: Band): ReadyMessage | Promise<void> | undefined {
    const tag = raw.fields.deliveryTag;
    const { generation } = this.#keeper;
    this.#ledger?.delivered(tag);
    const facts = factsOf(raw);
    const { housekeeping } = this.#parts;
    if (facts === undefined) return this.#move({ tag, generation }, housekeeping.bury(raw));
    const before = deliveriesBefore(raw);
    const recoveries = Math.max(0, before - this.#handBacks.of(facts.id));
    const ready = { facts, content: raw.content, band, tag, generation, recoveries };
    if (recoveries === 0 && housekeeping.isLate(facts)) {
      this.#ledger?.ack(tag);
      this.#ledger?.flush();
      this.#parts.expired(facts);
      return undefined;
    }
    if (facts.dueAt !== undefined) return this.#move(ready, housekeeping.moveOn(ready));
    if (housekeeping.isWorn(before)) {
      this.#handBacks.forget(facts.id);
      return this.#move(ready, housekeeping.moveOn(ready));
    }
    return ready;
  }

  /** Lets a delivery go when what is published in its place is stored; otherwise it goes back a little later. */
  async #move(
    { tag, generation }: Pick<ReadyMessage, "tag" | "generation">,
    stored: Promise<void>,
  ): Promise<void> {
    const isCurrent = (): boolean =>
      generation === this.#keeper.generation && this.#keeper.current !== undefined;
    try {
      await stored;
      if (!isCurrent()) return;
      this.#ledger?.ack(tag);
      this.#ledger?.flush();
    } catch {
      this.#parts.clock.setTimer(
        () => {
          if (isCurrent()) this.#ledger?.giveBack(tag);
        },
        4 * HOLD_MS,
        { keepAlive: false },
      );
    }
  }

  #lost(): void {
    this.#ledger = undefined;
    this.#buffer.clear();
    this.#counts.trust();
    this.#consumers.lost();
    this.#hold?.cancel();
    this.#hold = undefined;
    this.#parts.lost();
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wait of this.#waits) wait.wake();
  }

  /** Sees to it that nothing lies here for long that nobody asks for. */
  #holdOn(): void {
    if (this.#hold !== undefined || this.#closed) return;
    if (!this.#consumers.isOpen && this.#buffer.size === 0) return;
    this.#hold = this.#parts.clock.setTimer(() => this.#lookWhetherAsked(), HOLD_MS, { keepAlive: false });
  }

  #lookWhetherAsked(): void {
    this.#hold = undefined;
    const isAsked = this.#waits.size > 0 || this.#parts.clock.monotonic() - this.#askedAt < HOLD_MS;
    if (isAsked) this.#holdOn();
    else
      this.#handBack().catch(() => {
        // Its channel is gone, and so is what it held.
      });
  }

  async #handBack(): Promise<void> {
    await this.#consumers.close();
    for (const message of this.#buffer.takeAll()) this.giveBack(message, true);
  }
}
