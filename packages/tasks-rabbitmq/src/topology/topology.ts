import { type Clock, type Retention, TaskConfigError } from "@lexigram/contracts";
import type { Channel, ChannelModel, Options, Replies } from "amqplib";
import { ChannelKeeper } from "../connection/channel-keeper.ts";
import type { Link } from "../connection/link.ts";
import { isNotFound, isPreconditionFailed, shownError, unavailable } from "../connection/refusals.ts";
import { declareInTurn } from "./declaration-turn.ts";
import type { QueueNames } from "./names.ts";

export type QueueType = "quorum" | "classic";

/** What a queue of the server is declared with, which does not change while it is there. */
export interface DeclaredRules {
  /** Messages that each band holds at most. */
  readonly maxSize?: number | undefined;
  readonly keepFailed: Exclude<Retention, 0>;
}

/** How often the server may deliver a message again before it is put aside; high, since a message that was only held ready counts too. */
export const DELIVERY_LIMIT = 1_000;
/** The same for dead letters, which each look at them delivers. */
const NO_LIMIT = 2_000_000_000;
/** A rung that nobody asked for goes this long after its last message. Milliseconds. */
const RUNG_REST_MS = 600_000;
const LONGEST_SPAN_MS = 2 ** 32 - 1;

export interface TopologyParts {
  readonly link: Link;
  readonly clock: Clock;
  readonly callTimeoutMs: number;
  readonly subject: string;
  readonly names: QueueNames;
  readonly type: QueueType;
  readonly deliveryLimit: number;
  readonly rules: DeclaredRules;
}

/** The queues of the server that make up one queue of jobs: declared when they are first needed on each connection. */
export class Topology {
  readonly #parts: TopologyParts;
  readonly #keeper: ChannelKeeper<Channel>;
  /** A queue that is not there ends the channel that asks for it, so questions have one of their own and follow one another. */
  readonly #looks: ChannelKeeper<Channel>;
  #looking: Promise<unknown> = Promise.resolve();
  #rules: DeclaredRules;
  #declaring: Promise<void> | undefined;
  #declared: number | undefined;
  /** Until when a rung needs not be asked for again, on the monotonic clock. */
  readonly #rungs = new Map<number, number>();

  constructor(parts: TopologyParts) {
    this.#parts = parts;
    this.#rules = parts.rules;
    const { link, clock, callTimeoutMs, subject } = parts;
    const keeping = {
      link,
      clock,
      callTimeoutMs,
      subject,
      make: (model: ChannelModel) => model.createChannel(),
    };
    this.#keeper = new ChannelKeeper(keeping);
    this.#looks = new ChannelKeeper(keeping);
  }

  get rules(): DeclaredRules {
    return this.#rules;
  }

  get type(): QueueType {
    return this.#parts.type;
  }

  get names(): QueueNames {
    return this.#parts.names;
  }

  /**
   * Resolves when every queue is there.
   *
   * @throws TaskConfigError when one is there with other arguments; QueueUnavailableError.
   */
  async ensure(): Promise<void> {
    if (this.#declared !== undefined && this.#declared === this.#parts.link.generation) return;
    this.#declaring ??= this.#declare().finally(() => {
      this.#declaring = undefined;
    });
    await this.#declaring;
  }

  /** A queue was found missing: all are asked for again. */
  forget(): void {
    this.#declared = undefined;
    this.#rungs.clear();
  }

  /**
   * Sets what the queues are to be declared with.
   *
   * @throws TaskConfigError when they are there with something else.
   */
  async declareWith(rules: DeclaredRules): Promise<void> {
    const before = this.#rules;
    this.#rules = rules;
    this.forget();
    try {
      await this.ensure();
    } catch (error) {
      this.#rules = before;
      throw error;
    }
  }

  /** Whether the queues are there, without declaring anything. */
  async exists(): Promise<boolean> {
    return (await this.#look(this.names.band("normal"))) !== undefined;
  }

  /** Resolves when messages can wait on that rung. @returns its name. */
  async rung(waitMs: number): Promise<string> {
    const name = this.names.rung(waitMs);
    const now = this.#parts.clock.monotonic();
    if ((this.#rungs.get(waitMs) ?? -Infinity) > now) return name;
    const channel = await this.#keeper.ready();
    await this.#assert(channel, name, {
      ...this.#queueType(),
      ...this.#deadLettersTo(this.names.band("critical")),
      "x-message-ttl": waitMs,
      // Asking for it counts as use, publishing to it does not.
      "x-expires": Math.min(2 * waitMs + 2 * RUNG_REST_MS, LONGEST_SPAN_MS),
    });
    this.#rungs.set(waitMs, now + Math.min(waitMs, RUNG_REST_MS));
    return name;
  }

  /** Messages that lie ready in each of these queues, and consumers of it; none where there is no such queue. */
  async counts(
    names: readonly string[],
  ): Promise<Pick<Replies.AssertQueue, "messageCount" | "consumerCount">[]> {
    const counts = [];
    for (const name of names) counts.push((await this.#look(name)) ?? { messageCount: 0, consumerCount: 0 });
    return counts;
  }

  /** Deletes the messages that lie ready in a queue. @returns how many. */
  async purge(name: string): Promise<number> {
    await this.ensure();
    const channel = await this.#keeper.ready();
    const { messageCount } = await this.#keeper.answered(channel, channel.purgeQueue(name), "a purge");
    return messageCount;
  }

  /** Rungs that this process has asked for and that are there still. */
  get rungs(): readonly string[] {
    return [...this.#rungs.keys()].map((waitMs) => this.names.rung(waitMs));
  }

  async close(): Promise<void> {
    await Promise.all([this.#keeper.close(), this.#looks.close()]);
  }

  #look(name: string): Promise<Replies.AssertQueue | undefined> {
    const looked = this.#looking.then(async () => {
      const channel = await this.#looks.ready();
      try {
        return await this.#looks.asked(channel, channel.checkQueue(name), "the look at a queue");
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw unavailable(this.#parts.subject, error);
      }
    });
    this.#looking = looked.catch(() => {});
    return looked;
  }

  #declare(): Promise<void> {
    if (this.type === "classic") return this.#declareAll();
    return declareInTurn(this.#parts, () => this.#declareAll());
  }

  async #declareAll(): Promise<void> {
    const channel = await this.#keeper.ready();
    const { generation } = this.#parts.link;
    const { names } = this;
    const { maxSize, keepFailed } = this.#rules;
    await this.#assert(channel, names.dead, {
      ...this.#queueType(),
      ...(this.type === "quorum" ? { "x-delivery-limit": NO_LIMIT } : {}),
      "x-message-ttl": Math.min(Math.round(keepFailed.ageMs), LONGEST_SPAN_MS),
      "x-max-length": keepFailed.count,
      "x-overflow": "drop-head",
    });
    for (const name of names.bands)
      await this.#assert(channel, name, {
        ...this.#queueType(),
        ...this.#deadLettersTo(names.dead),
        ...(this.type === "quorum" ? { "x-delivery-limit": this.#parts.deliveryLimit } : {}),
        ...(maxSize === undefined ? {} : { "x-max-length": maxSize, "x-overflow": "reject-publish" }),
      });
    // A classic queue lies on one node: while that is away nothing could be declared, and so nothing be done.
    await this.#assert(channel, names.workers, this.#queueType());
    this.#declared = generation;
  }

  #queueType(): Record<string, unknown> {
    return { "x-queue-type": this.type };
  }

  /** What leaves for another queue is let go when that one holds it. */
  #deadLettersTo(name: string): Record<string, unknown> {
    return {
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": name,
      ...(this.type === "quorum"
        ? { "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish" }
        : {}),
    };
  }

  async #assert(channel: Channel, name: string, args: Record<string, unknown>): Promise<void> {
    const options: Options.AssertQueue = { durable: true, arguments: args };
    try {
      await this.#keeper.asked(channel, channel.assertQueue(name, options), "the declaration of a queue");
    } catch (error) {
      if (!isPreconditionFailed(error)) throw unavailable(this.#parts.subject, error);
      throw mismatch(this.#parts.subject, name, error);
    }
  }
}

const DIFFERENCE = /inequivalent arg '([^']+)'.*received (.*) but current is (.*)/;

/** The option that an argument of a queue comes from. */
function optionOf(name: string, argument: string | undefined): string {
  if (name.endsWith(".dead") && argument !== "x-queue-type") return "keepFailed";
  return argument === "x-max-length" || argument === "x-overflow" ? "maxSize" : "queueType";
}

function mismatch(queue: string, name: string, error: unknown): TaskConfigError {
  const { message } = shownError(error);
  const [, argument, wanted, there] = DIFFERENCE.exec(message) ?? [];
  const difference =
    argument === undefined
      ? message
      : `its ${argument} is ${there?.replace(/["']+$/, "").trim()}, and ${wanted} is asked for`;
  return new TaskConfigError(
    `queue "${queue}" cannot be declared: "${name}" is on the server already, and ${difference}`,
    { path: optionOf(name, argument) },
    {
      hint: "give the options that it was made with, take another queue name or namespace, or delete it on the server when it is empty",
      cause: shownError(error),
    },
  );
}
