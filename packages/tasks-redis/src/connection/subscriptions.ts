import { type Logger, QueueUnavailableError, TaskConfigError } from "@lexigram/contracts";
import type { RedisClient } from "./ioredis-clients.ts";
import type { Link } from "./link.ts";
import type { ChannelListener } from "./redis-connection.ts";
import { shownError, unavailable } from "./refusals.ts";

/** Channels that one SUBSCRIBE names. */
const CHUNK = 500;

/** Who hears which channel, and that the server knows of it: after each loss of the link all are subscribed anew. */
export class Subscriptions {
  readonly #link: () => Link;
  readonly #logger: () => Logger;
  readonly #listeners = new Map<string, Set<ChannelListener>>();
  /** What the server has confirmed, or is being asked, on the present client. */
  #confirmed = new Map<string, Promise<void>>();
  #wasReady = false;

  constructor(link: () => Link, logger: () => Logger) {
    this.#link = link;
    this.#logger = logger;
  }

  /** @throws QueueUnavailableError when the server did not confirm it. */
  async subscribe(
    channel: string,
    listener: ChannelListener,
    subject: string,
    waitMs: number,
  ): Promise<() => void> {
    // A listener of its own for each call, so that one object may listen twice.
    const own: ChannelListener = {
      message: (text) => listener.message(text),
      resumed: () => listener.resumed?.(),
    };
    let listeners = this.#listeners.get(channel);
    if (listeners === undefined) this.#listeners.set(channel, (listeners = new Set()));
    listeners.add(own);
    try {
      const client = await this.#link().ready(waitMs, subject);
      await this.#ask(client, [channel]);
    } catch (error) {
      this.#drop(channel, own);
      if (error instanceof QueueUnavailableError || error instanceof TaskConfigError) throw error;
      throw unavailable(subject, { accepted: "no", retryable: true }, error);
    }
    return () => this.#drop(channel, own);
  }

  /** Before a new client counts as ready: everything that is listened to is asked for. */
  async prepare(client: RedisClient, alive: () => void): Promise<void> {
    this.#confirmed = new Map();
    for (let missing = this.#missing(); missing.length > 0; missing = this.#missing()) {
      await this.#ask(client, missing.slice(0, CHUNK));
      alive();
    }
  }

  /** When the new client is ready. */
  resumed(): void {
    const again = this.#wasReady;
    this.#wasReady = true;
    if (!again) return;
    for (const listeners of this.#listeners.values())
      for (const listener of listeners) this.#tell(() => listener.resumed?.());
  }

  message(channel: string, text: string): void {
    const listeners = this.#listeners.get(channel);
    if (listeners === undefined) return;
    for (const listener of listeners) this.#tell(() => listener.message(text));
  }

  #missing(): string[] {
    return [...this.#listeners.keys()].filter((channel) => !this.#confirmed.has(channel));
  }

  #ask(client: RedisClient, channels: readonly string[]): Promise<void> {
    const [only] = channels;
    const asked = channels.length === 1 && only !== undefined ? this.#confirmed.get(only) : undefined;
    if (asked !== undefined) return asked;
    const asking = client.subscribe(channels).catch((error: unknown) => {
      for (const channel of channels)
        if (this.#confirmed.get(channel) === asking) this.#confirmed.delete(channel);
      throw shownError(error);
    });
    for (const channel of channels) this.#confirmed.set(channel, asking);
    // A link that does not confirm is found by its probe, and its loss rejects what it was asked.
    this.#link().probe();
    return asking;
  }

  #drop(channel: string, listener: ChannelListener): void {
    const listeners = this.#listeners.get(channel);
    if (listeners === undefined || !listeners.delete(listener) || listeners.size > 0) return;
    this.#listeners.delete(channel);
    const { client } = this.#link();
    if (!this.#confirmed.delete(channel) || client === undefined) return;
    // A lost link forgets its channels anyway.
    client.unsubscribe(channel).catch(() => {});
  }

  #tell(what: () => void): void {
    try {
      what();
    } catch (error) {
      this.#logger().error("a listener of a Redis channel threw", { error });
    }
  }
}
