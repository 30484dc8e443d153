import type { Clock, JobOutcome } from "@lexigram/contracts";
import type { Channel } from "amqplib";
import { ChannelKeeper } from "../connection/channel-keeper.ts";
import type { Link } from "../connection/link.ts";
import type { JobFacts } from "./message.ts";
import { outcomeMessage, type OutcomePart, outcomePart } from "./outcome-message.ts";

/** Outcomes that wait for the connection to take them, at most; the oldest are dropped first. Bytes. */
const MOST_HELD_BYTES = 32 * 1024 * 1024;
/** What an outcome takes besides its body, about. Bytes. */
const ENVELOPE_BYTES = 128;
/** What goes to one process in one message, at most, unless it is a single outcome. */
const MOST_TOGETHER = 256;
const MOST_BYTES_TOGETHER = 256 * 1024;

export interface ReplierParts {
  readonly link: Link;
  readonly clock: Clock;
  readonly callTimeoutMs: number;
  readonly subject: string;
}

interface Reply extends OutcomePart {
  readonly to: string;
}

/**
 * Tells whoever enqueued a job, and asked for it, how it ended. Nobody confirms it: what the server cannot bring, because that
 * process is gone, it drops, and what is under way when a connection ends is lost.
 */
export class Replier {
  readonly #keeper: ChannelKeeper<Channel>;
  #held: Reply[] = [];
  #heldBytes = 0;
  #isFull = false;
  #sending: Promise<void> | undefined;

  constructor({ link, clock, callTimeoutMs, subject }: ReplierParts) {
    this.#keeper = new ChannelKeeper({
      link,
      clock,
      callTimeoutMs,
      subject,
      make: (model) => model.createChannel(),
      opened: (channel) => {
        channel.on("drain", () => {
          this.#isFull = false;
          this.#send();
        });
      },
      lost: () => {
        this.#isFull = false;
      },
    });
  }

  /** Sends an outcome, if somebody asked for it. Never throws, and is not waited for. */
  tell({ id, replyTo }: JobFacts, outcome: Omit<JobOutcome, "id">): void {
    if (replyTo === undefined) return;
    const reply = { to: replyTo, ...outcomePart({ id, ...outcome }) };
    this.#held.push(reply);
    this.#heldBytes += bytesOf(reply);
    while (this.#heldBytes > MOST_HELD_BYTES) this.#heldBytes -= bytesOf(this.#held.shift()!);
    this.#send();
  }

  /** What was told before goes out first. */
  async close(): Promise<void> {
    await this.#sending;
    await this.#keeper.close();
  }

  #send(): void {
    if (this.#held.length === 0 || this.#isFull) return;
    this.#sending ??= this.#sendHeld().finally(() => {
      this.#sending = undefined;
      // What was told in the moment between.
      this.#send();
    });
  }

  async #sendHeld(): Promise<void> {
    while (this.#held.length > 0 && !this.#isFull) {
      let channel: Channel;
      try {
        channel = await this.#keeper.ready();
      } catch {
        // There is no server to bring them.
        this.#drop();
        return;
      }
      const held = this.#held;
      this.#drop();
      const bundles = bundled(held);
      for (const [i, replies] of bundles.entries()) {
        if (this.#isFull) {
          this.#takeBack(bundles.slice(i).flat());
          return;
        }
        const { content, options } = outcomeMessage(replies);
        try {
          this.#isFull = !channel.publish("", replies[0]!.to, content, options);
        } catch {
          // The channel ended under it, and what was to go with it is lost.
          return;
        }
      }
    }
  }

  #drop(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  #takeBack(replies: readonly Reply[]): void {
    this.#held.unshift(...replies);
    for (const reply of replies) this.#heldBytes += bytesOf(reply);
  }
}

/** Replies to the same process together, in their order. */
function bundled(replies: readonly Reply[]): Reply[][] {
  const bundles: Reply[][] = [];
  const open = new Map<string, { readonly replies: Reply[]; bytes: number }>();
  for (const reply of replies) {
    let bundle = open.get(reply.to);
    const bytes = bytesOf(reply);
    if (
      bundle === undefined ||
      bundle.replies.length === MOST_TOGETHER ||
      bundle.bytes + bytes > MOST_BYTES_TOGETHER
    ) {
      bundle = { replies: [], bytes: 0 };
      open.set(reply.to, bundle);
      bundles.push(bundle.replies);
    }
    bundle.replies.push(reply);
    bundle.bytes += bytes;
  }
  return bundles;
}

const bytesOf = ({ content }: Reply): number => content.length + ENVELOPE_BYTES;
