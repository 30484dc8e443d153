import type { Clock, JsonValue, Timer, TopicSubscription } from "@lexigram/contracts";
import { channelOf } from "../connection/channel.ts";
import type { Statement } from "../connection/statement.ts";
import type { StoredSchema } from "../migrations/stored-schema.ts";

const SUBJECT = "state";
const POLL_MS = 200;
/** Messages of a topic that one poll brings. */
const POLLED = 200;

/** One topic, as this process hears it. */
interface Feed {
  readonly topic: string;
  readonly readers: Set<TopicSubscription>;
  /** Resolves when the topic is heard. */
  readonly heard: Promise<() => void>;
  /** What arrived is handed out in order, also where a part of it has to be fetched. */
  last: Promise<void>;
  /** Where a poll goes on; absent while the topic is not polled for. */
  after?: number;
}

export interface TopicFeedsOptions {
  readonly stored: StoredSchema;
  readonly clock: Clock;
  /** A name that no other store has. */
  readonly poller: string;
}

/** Hears topics by notifications, or by polling where none can be heard, and hands out what they tell. */
export class TopicFeeds {
  readonly #stored: StoredSchema;
  readonly #clock: Clock;
  readonly #poller: string;
  readonly #publish: Statement;
  readonly #body: Statement;
  readonly #beginPoll: Statement;
  readonly #poll: Statement;
  readonly #feeds = new Map<string, Feed>();
  #timer: Timer | undefined;
  #polling = false;

  constructor({ stored, clock, poller }: TopicFeedsOptions) {
    this.#stored = stored;
    this.#clock = clock;
    this.#poller = poller;
    this.#publish = stored.call("state_publish", 3);
    this.#body = stored.call("state_message_body", 1);
    this.#beginPoll = stored.call("state_begin_poll", 2);
    this.#poll = stored.call("state_poll", 4);
  }

  /** @param topic as it is stored. */
  async publish(topic: string, json: string): Promise<void> {
    await this.#stored.run(this.#publish, [topic, this.#channel(topic), json], { subject: SUBJECT });
  }

  /** Resolves when the reader is told all that is published from now on; `leave` ends that. */
  async join(topic: string, reader: TopicSubscription): Promise<void> {
    let feed = this.#feeds.get(topic);
    if (feed === undefined) {
      feed = { topic, readers: new Set(), heard: this.#hear(topic), last: Promise.resolve() };
      this.#feeds.set(topic, feed);
    }
    feed.readers.add(reader);
    await feed.heard;
  }

  leave(topic: string, reader: TopicSubscription): void {
    const feed = this.#feeds.get(topic);
    if (feed === undefined || !feed.readers.delete(reader) || feed.readers.size > 0) return;
    this.#feeds.delete(topic);
    feed.heard.then(
      (end) => end(),
      () => {},
    );
    if (this.#feeds.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #channel(topic: string): string {
    return channelOf(this.#stored.name.name, "topic", topic);
  }

  async #hear(topic: string): Promise<() => void> {
    const { database } = this.#stored;
    if ((await database.mode(SUBJECT)) === "pooled") {
      await this.#beginPolling(topic);
      return () => {};
    }
    const listener = {
      message: (text: string): void => this.#arrived(topic, text),
      missed: (): void => void this.#missed(topic),
    };
    return database.listen(this.#channel(topic), listener, SUBJECT);
  }

  async #beginPolling(topic: string): Promise<void> {
    const [row] = await this.#stored.run(this.#beginPoll, [this.#poller, topic], { subject: SUBJECT });
    const feed = this.#feeds.get(topic);
    if (feed !== undefined) feed.after ??= Number(row?.["last"]);
    this.#pollSoon();
  }

  /** A pooler may be found out after the topic was listened to. */
  async #missed(topic: string): Promise<void> {
    if (this.#feeds.get(topic)?.after !== undefined) return;
    try {
      if ((await this.#stored.database.mode(SUBJECT)) === "pooled") await this.#beginPolling(topic);
    } catch {
      // It is told again within a second.
    }
  }

  #arrived(topic: string, text: string): void {
    const feed = this.#feeds.get(topic);
    if (feed === undefined) return;
    const stored = text.startsWith("#");
    feed.last = feed.last.then(async () => deliver(feed, stored ? await this.#fetch(text.slice(1)) : text));
  }

  /** A message is a hint: one that cannot be fetched is missed. */
  async #fetch(place: string): Promise<string> {
    try {
      const [row] = await this.#stored.run(this.#body, [place], { subject: SUBJECT });
      return String(row?.["body"]);
    } catch {
      return "";
    }
  }

  #pollSoon(): void {
    if (this.#polling || this.#timer !== undefined || this.#feeds.size === 0) return;
    this.#timer = this.#clock.setTimer(() => void this.#pollAll(), POLL_MS, { keepAlive: false });
  }

  async #pollAll(): Promise<void> {
    this.#timer = undefined;
    this.#polling = true;
    try {
      while (await this.#pollOnce());
    } catch {
      // The next poll goes on from where this one began.
    }
    this.#polling = false;
    this.#pollSoon();
  }

  /** @returns whether there is more at once. */
  async #pollOnce(): Promise<boolean> {
    const feeds = [...this.#feeds.values()].filter((feed) => feed.after !== undefined);
    if (feeds.length === 0) return false;
    const [topics, after] = [feeds.map(({ topic }) => topic), feeds.map((feed) => feed.after)];
    const rows = await this.#stored.run(this.#poll, [this.#poller, topics, after, POLLED], {
      subject: SUBJECT,
    });
    for (const row of rows) {
      const feed = this.#feeds.get(String(row["topic"]));
      if (feed === undefined) continue;
      feed.after = Number(row["id"]);
      deliver(feed, String(row["body"]));
    }
    return rows.length >= POLLED;
  }
}

/** What is no JSON was not sent by a state store, and is nobody's message. */
function deliver(feed: Feed, text: string): void {
  let message: JsonValue;
  try {
    message = JSON.parse(text) as JsonValue;
  } catch {
    return;
  }
  for (const reader of feed.readers) reader.push(message);
}
