import { ClosedError, type Clock } from "@lexigram/contracts";
import type { Channel, ChannelModel } from "amqplib";
import { inTime, LateError } from "./deadline.ts";
import type { Link } from "./link.ts";
import { unavailable } from "./refusals.ts";

export interface KeeperParts<C extends Channel> {
  readonly link: Link;
  readonly clock: Clock;
  readonly callTimeoutMs: number;
  /** Whom calls are for, in errors. */
  readonly subject: string;
  readonly make: (model: ChannelModel) => Promise<C>;
  /** A channel is there, and nobody has used it. */
  readonly opened?: (channel: C, generation: number) => void;
  /** It is gone, by whatever end. */
  readonly lost?: (generation: number, error: Error) => void;
}

/**
 * One channel, and the one after it: a channel ends with its connection, and alone when the server refuses something on
 * it. Each has a number of its own, so what belonged to one is never taken for the next one's.
 */
export class ChannelKeeper<C extends Channel> {
  readonly #parts: KeeperParts<C>;
  #channel: C | undefined;
  #opening: Promise<C> | undefined;
  #model: ChannelModel | undefined;
  #generation = 0;
  #closed = false;

  constructor(parts: KeeperParts<C>) {
    this.#parts = parts;
  }

  /** The number of the latest channel. */
  get generation(): number {
    return this.#generation;
  }

  get current(): C | undefined {
    return this.#channel;
  }

  /**
   * The channel, opened when there is none.
   *
   * @throws QueueUnavailableError, ClosedError.
   */
  async ready(): Promise<C> {
    if (this.#channel !== undefined) return this.#channel;
    if (this.#closed) throw new ClosedError({ resource: this.#parts.subject });
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /**
   * The answer to a call on this channel. A server that gives none is left.
   *
   * @throws QueueUnavailableError when it was not answered, or the channel ended meanwhile.
   */
  async answered<T>(channel: C, call: Promise<T>, what: string): Promise<T> {
    try {
      return await this.asked(channel, call, what);
    } catch (error) {
      throw unavailable(this.#parts.subject, error, { accepted: "unknown" });
    }
  }

  /** As {@link answered}, but rejects with what the server refused the call with. */
  async asked<T>(channel: C, call: Promise<T>, what: string): Promise<T> {
    const { clock, callTimeoutMs, link } = this.#parts;
    try {
      return await inTime(call, callTimeoutMs, clock, what);
    } catch (error) {
      if (error instanceof LateError && this.#model !== undefined && channel === this.#channel)
        link.drop(this.#model, error);
      throw error;
    }
  }

  /** Leaves the present channel; the next call opens another. @param stays whether somebody else closes it. */
  renew(stays: (channel: C) => boolean = () => false): void {
    const channel = this.#channel;
    if (channel === undefined) return;
    this.#end(channel, new Error("the channel was left for another"));
    if (stays(channel)) return;
    channel.close().catch(() => {
      // It ended by itself.
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const channel = this.#channel;
    this.#end(channel, new ClosedError({ resource: this.#parts.subject }));
    if (channel === undefined) return;
    try {
      await inTime(channel.close(), this.#parts.callTimeoutMs, this.#parts.clock, "the end of a channel");
    } catch {
      // It ended another way.
    }
  }

  async #open(): Promise<C> {
    const { link, clock, callTimeoutMs, subject, make, opened } = this.#parts;
    const model = await link.ready(subject);
    let channel: C;
    try {
      channel = await inTime(make(model), callTimeoutMs, clock, "the opening of a channel");
    } catch (error) {
      if (error instanceof LateError) link.drop(model, error);
      throw unavailable(subject, error);
    }
    let cause: Error | undefined;
    channel.on("error", (error: Error) => {
      cause = error;
      this.#end(channel, error);
    });
    channel.on("close", () => this.#end(channel, cause ?? new Error("the channel was closed")));
    if (this.#closed) {
      channel.close().catch(() => {});
      throw new ClosedError({ resource: subject });
    }
    this.#model = model;
    this.#channel = channel;
    this.#generation++;
    opened?.(channel, this.#generation);
    return channel;
  }

  #end(channel: C | undefined, error: Error): void {
    if (channel === undefined || channel !== this.#channel) return;
    this.#channel = undefined;
    this.#model = undefined;
    this.#parts.lost?.(this.#generation, error);
  }
}
